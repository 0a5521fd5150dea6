"""Which line of a program asks for something: the first one on the stack that is of no library."""

import numpy as np
import pytest

from kernels.gpu.driver.place import place

CALLS = "def called(function):\n    return function()\n"


@pytest.mark.parametrize("module", ["numba.cuda.api", "cuda.core", "program"])
def test_packages_of_cuda_are_known_wherever_they_are(module):
    names = {"__name__": module}
    exec(compile(CALLS, f"/anywhere/{module}.py", "exec"), names)
    here = f"{__file__}:{called_from_here(names['called'])[1]}"
    found = called_from_here(names["called"])[0]
    assert found == (f"/anywhere/{module}.py:2" if module == "program" else here)


@pytest.mark.parametrize(("file", "is_known"), [("<ipython-input-3-9f1>", True), ("<string>", False)])
def test_what_is_typed_in_has_a_place(file, is_known):
    names = {"__name__": "__main__"}
    exec(compile(CALLS, file, "exec"), names)
    found, line = called_from_here(names["called"])
    assert found == (f"{file}:2" if is_known else f"{__file__}:{line}")


def called_from_here(called):
    """(the place that is found, the number of this function's line that calls)."""
    return called(place), called_from_here.__code__.co_firstlineno + 2


def test_what_python_itself_and_packages_call_is_the_programs_line():
    (found,) = np.vectorize(lambda _: place(), otypes=[object])(np.zeros(1))
    assert found.startswith(f"{__file__}:")
