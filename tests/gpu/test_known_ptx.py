"""PTX is kept by all that it depends on: what changes it is compiled anew, what does not is found again."""

import importlib.util
import linecache
import textwrap
from pathlib import Path

import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, kernel, known_ptx
from kernels.gpu.compiler import type_of

TYPES = (type_of(np.zeros(3, np.float32)),)
TEXT = """
    from kernels.gpu import cuda, device, float32, kernel

    FACTOR = {factor}

    @device
    def scaled(value, *, BY=2):
        return {body}

    @kernel
    def run(x, *, N=4):
        i = cuda.grid(1)
        if i < x.size and i < N:
            x[i] = scaled(x[i])
"""


def written(folder, factor="3", body="value * FACTOR * BY"):
    """A module with a kernel in it."""
    path = folder / "written.py"
    path.write_text(textwrap.dedent(TEXT).format(factor=factor, body=body))
    # Python knows a source that it has compiled by its second and its size, and both may be the same.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    spec = importlib.util.spec_from_file_location("written", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linecache.checkcache(str(path))
    return module


def key(kernel, types=TYPES, architecture="sm_90", **options):
    return known_ptx.key_of(kernel.source, types, architecture, **options)


def test_the_same_kernel_has_the_same_key(tmp_path):
    assert key(written(tmp_path).run) == key(written(tmp_path).run) is not None


@pytest.mark.parametrize("change", [{"factor": "4"}, {"factor": "3.0"}, {"body": "value + FACTOR * BY"}])
def test_an_edited_constant_or_device_function_has_another_key(tmp_path, change):
    before = key(written(tmp_path).run)
    assert key(written(tmp_path, **change).run) not in (before, None)


def test_types_architecture_options_and_compile_time_parameters_are_in_the_key(tmp_path):
    run = written(tmp_path).run
    doubles = (type_of(np.zeros(3, np.float64)),)
    keys = [key(run), key(run, doubles), key(run, architecture="sm_80"), key(run, lines=True), key(run(N=5))]
    assert len({*keys, None}) == 6


def test_what_names_an_object_that_nobody_can_describe_is_compiled_each_time(tmp_path):
    assert key(written(tmp_path, factor="object()").run) is None


@device
def twice(value):
    return value * float32(2)


@kernel
def doubled(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] = twice(x[i])


def test_what_is_kept_is_what_was_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = known_ptx.ptx(doubled.source, TYPES, "sm_90")
    monkeypatch.setattr("kernels.gpu.compiler.ptx", None)  # whoever compiles fails
    assert known_ptx.ptx(doubled.source, TYPES, "sm_90") == first
    with pytest.raises(TypeError):
        known_ptx.ptx(doubled.source, TYPES, "sm_80")
