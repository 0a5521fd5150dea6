"""Kernels that a program keeps by cache=True: found again in the next run, and never by a GPU that is there."""

import re

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
    """A run of the program, which lies in the folder."""
    script = folder / f"scale{threads}.py"
    if not script.exists():
        script.write_text(SCALE.format(threads=threads))
    return python("-W", "ignore", "-m", "kernels", "run", *options, script)


def test_the_second_run_compiles_nothing(tmp_path):
    assert [run(tmp_path).stdout for _ in range(2)] == ["0 192.0\n", "1 192.0\n"]
    assert sorted(path.suffix for path in (tmp_path / "__pycache__").iterdir()) == [".nbc", ".nbi"]


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


def test_numbas_own_variable_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    assert [run(tmp_path).stdout for _ in range(2)] == ["0 192.0\n", "1 192.0\n"]
    assert not (tmp_path / "__pycache__").exists()


def test_what_was_kept_for_a_gpu_is_not_opened(tmp_path):
    """Files of the names by which Numba would look for kernels of a GPU are left as they are."""
    run(tmp_path)
    for kept in list((tmp_path / "__pycache__").iterdir()):
        usual = re.sub(r"\.emulated-by-line-\w+", "", kept.name)
        assert usual != kept.name
        kept.rename(kept.with_name(usual)).write_bytes(b"of a GPU")
    assert run(tmp_path).stdout == "0 192.0\n"
    of_a_gpu = [path for path in (tmp_path / "__pycache__").iterdir() if "emulated" not in path.name]
    assert [path.read_bytes() for path in of_a_gpu] == 2 * [b"of a GPU"]
