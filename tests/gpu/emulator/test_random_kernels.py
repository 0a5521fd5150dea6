"""Random kernels do the same as source, interpreted, and as PTX, executed: in every array the same bits.

`python -m tests.gpu.emulator.test_random_kernels 1000 2000` tries programs 1000 to 1999.
"""

import linecache
import math
import random
import sys

import numba
import numpy as np
import pytest
from hypothesis import settings

from kernels import gpu
from tests.helpers.random_kernels import BLOCK, THREADS, program

TOGETHER = 5  # in a test
PROGRAMS = 100 if settings().max_examples < 100 else 5000


def written(source, name):
    """The kernel that a text defines."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    names = {"math": math, "__name__": "random_kernels", **vars(gpu), "int8": numba.int8, "int16": numba.int16}
    exec(compile(source, file, "exec"), names)
    return names["run"]


def check(number, seed=None):
    source, arrays = program(random.Random(number))
    kernel = written(source, f"program {number}")
    interpreted = {name: values.copy() for name, values in arrays.items()}
    executed = {name: values.copy() for name, values in arrays.items()}
    with np.errstate(all="ignore"):
        kernel[THREADS // BLOCK, BLOCK](*interpreted.values()).interpret()
    # Without contraction each product and each sum is rounded, as in the source.
    kernel[THREADS // BLOCK, BLOCK](*executed.values()).emulate(seed, contracted=False)
    for name, values in interpreted.items():
        np.testing.assert_array_equal(executed[name], values, err_msg=f"{name} of program {number}:\n{source}")


@pytest.mark.parametrize("first", range(0, PROGRAMS, TOGETHER))
def test_interpreter_and_emulator_agree(first):
    for number in range(first, first + TOGETHER):
        check(number, seed=number if number % 2 else None)


if __name__ == "__main__":
    start, stop = map(int, sys.argv[1:])
    for wanted in range(start, stop):
        check(wanted)
    print(f"{stop - start} programs agree")
