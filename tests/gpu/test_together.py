"""Kernels compiled by other processes, for a GPU that is not here: a launch of this process finds them."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from cuda.pathfinder import DynamicLibNotFoundError

from kernels.bench.trial import Trial
from kernels.gpu import compiler, cuda, float32, kernel, together
from kernels.gpu.compiler import is_compiled
from kernels.operation import RandomDraw
from tests.helpers.operations import WITH_LADDERS
from tests.helpers.programs import python

H100 = (9, 0)


def nothing_found(*_, **__):
    raise DynamicLibNotFoundError("Failure finding libnvvm.so:\n  No such file")


def launches(name):
    """Of all rungs of an operation."""
    operation, generator = WITH_LADDERS[name], np.random.default_rng(0)
    trial = Trial.draw(operation, RandomDraw(generator), generator)
    for direction in operation.directions:
        for rung in range(1, len(getattr(operation.implementation("cuda"), direction)) + 1):
            yield from trial.launches(direction, rung)


@pytest.mark.parametrize("name", WITH_LADDERS)
def test_other_processes_find_every_kernel(name):
    for launch in launches(name):
        there, types = pickle.loads(pickle.dumps((launch.kernel, launch.types)))
        assert repr(there) == repr(launch.kernel)
        assert there.source.text == launch.kernel.source.text
        assert types == launch.types


def test_a_kernel_with_the_same_compile_time_parameters_is_the_same_kernel():
    assert scale(FACTOR=3) is scale
    assert scale(FACTOR=4) is scale(FACTOR=5)(FACTOR=4)
    assert scale(FACTOR=4) is not scale


@kernel
def scale(x, *, FACTOR=3):
    x[cuda.threadIdx.x] *= float32(FACTOR)


@kernel
def does_not_compile(x):
    x[cuda.threadIdx.x] = len(str(cuda.threadIdx.x))


def test_what_other_processes_compile_a_launch_finds_and_what_they_cannot_is_left_to_it():
    @kernel
    def within(x):
        x[cuda.threadIdx.x] = 1

    x = np.ones(4, np.float32)
    all_of_them = [*launches("softmax"), *launches("activation"), *(scale(FACTOR=f)[1, 4](x) for f in (10, 20, 30))]
    found = {(launch.kernel, launch.types) for launch in all_of_them}
    left = [does_not_compile[1, 4](x), within[1, 4](x)]
    assert together.compile_together([*left, *all_of_them, *all_of_them], H100) == len(found) >= 2 * together.FEW
    for kernel_, types in found:
        dispatcher = kernel_.compiled
        assert dispatcher.compile(types) is dispatcher.overloads[types]  # or Numba would ask for a GPU
        assert ".target sm_90" in dispatcher.overloads[types].inspect_asm(H100)
    assert not any(is_compiled(launch.kernel.compiled, launch.types) for launch in left)
    assert together.compile_together(all_of_them, H100) == 0


def test_few_kernels_are_left_to_their_first_launch(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("started a process"))
    x = np.ones(4, np.float32)
    few = [scale(FACTOR=factor)[1, 4](x) for factor in range(100, 100 + 2 * together.FEW - 1)]
    assert together.compile_together(few, H100) == 0


def test_a_process_that_dies_is_told_of_and_its_kernels_are_left(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    x = np.ones(4, np.float32)
    many = [scale(FACTOR=factor)[1, 4](x) for factor in range(200, 200 + 2 * together.FEW)]
    with pytest.warns(UserWarning, match="a process that compiles kernels ended with code 1; this one does it"):
        assert together.compile_together(many, H100) == 0


@pytest.mark.parametrize(
    ("finds", "error", "problem"),
    [
        (lambda: True, None, None),
        (lambda: False, "no libcuda", "no GPU or no driver was found"),
        (lambda: False, None, compiler.NO_COMPILER),
        (nothing_found, None, compiler.NO_COMPILER),
    ],
    ids=["gpu", "no driver", "no compiler", "no libnvvm"],
)
def test_why_there_is_no_gpu_is_one_line(finds, error, problem, monkeypatch):
    monkeypatch.setattr(compiler.cuda, "is_available", finds)
    monkeypatch.setattr(compiler.cuda, "cuda_error", lambda: error)
    assert compiler.gpu_problem() == problem
    assert compiler.gpu_is_available() == (problem is None)


def test_kernels_compile_with_a_numpy_that_has_no_row_stack():
    """NumPy 2.5 and later."""
    program = """
import numpy
vars(numpy).pop("row_stack", None)
from kernels.gpu import kernel
from tests.gpu.test_together import scale
assert ".target sm_90" in scale[1, 4](numpy.ones(4, numpy.float32)).ptx("sm_90")
"""
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
