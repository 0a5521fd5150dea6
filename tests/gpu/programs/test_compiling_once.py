"""Kernels that a program keeps by cache=True: found again in the next run, and never by a GPU that is there."""

import pytest

from tests.helpers.programs import python

SCALE = """
import numpy as np
from numba import cuda

@cuda.jit(cache=True)
def scale(x, factor):
    i = cuda.grid(1)
    x[i] = factor * x[i]

x = cuda.to_device(np.ones(64, np.float32))
scale[1, {threads}](x, 3.0)
print(sum(scale.stats.cache_hits.values()), x.copy_to_host().sum())
"""


def run(folder, *options, threads=64):
    """A run of the program, which lies in the folder; caches are in the folder as well."""
    script = folder / "program" / f"scale{threads}.py"
    script.parent.mkdir(exist_ok=True)
    if not script.exists():
        script.write_text(SCALE.format(threads=threads))
    found = folder / "cache"
    return python("-W", "ignore", "-m", "kernels", "run", *options, script, XDG_CACHE_HOME=str(found))


def test_the_second_run_compiles_nothing_and_nothing_lies_beside_the_source(tmp_path):
    assert [run(tmp_path).stdout for _ in range(2)] == ["0 192.0\n", "1 192.0\n"]
    assert [path.name for path in (tmp_path / "program").iterdir()] == ["scale64.py"]
    assert len(list((tmp_path / "cache" / "handwritten" / "numba").rglob("*.nbc"))) == 1


def test_a_kernel_compiled_without_lines_is_not_taken_where_messages_name_them(tmp_path):
    assert run(tmp_path, "--no-check").stdout == "0 192.0\n"
    assert run(tmp_path).stdout == "0 192.0\n"
    assert run(tmp_path, "--no-check").stdout == "1 192.0\n"


def test_a_fault_is_told_as_well_of_a_kernel_that_was_kept(tmp_path):
    first, second = (run(tmp_path, threads=96) for _ in range(2))
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr)
    assert first.returncode == 2
    for said in ("x[64]", "scale96.py:8", "x[i] = factor * x[i]"):
        assert said in second.stderr


@pytest.mark.parametrize("place", ["beside", "NUMBA_CACHE_DIR"])
def test_what_was_kept_for_a_gpu_is_not_loaded(place, tmp_path, monkeypatch):
    """Whatever lies where Numba looks for kernels of a GPU, it is not asked for."""
    where = tmp_path / "program" / "__pycache__"
    if place == "NUMBA_CACHE_DIR":
        where = tmp_path / "kept"
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(where))
    run(tmp_path)
    (apart,) = (tmp_path / "cache" / "handwritten" / "numba").rglob("*.nbi")
    where = where if place == "beside" else where / apart.parent.name
    where.mkdir(parents=True)
    for kept in apart.parent.iterdir():
        (where / kept.name).write_bytes(b"not a kernel")
        kept.unlink()
    assert run(tmp_path).stdout == "0 192.0\n"
