"""The driver of a GPU that is not there, called as C calls it; and programs that have one in a process of their own."""

import ctypes
import subprocess
import sys
from collections.abc import Callable

import pytest

from kernels.gpu.driver import calls
from kernels.gpu.driver import gpu as here
from kernels.gpu.driver.gpu import Gpu
from kernels.gpu.driver.table import FUNCTIONS, Code

assert calls

PRELUDE = """
from kernels.gpu.driver import Gpu, install
from kernels.gpu.driver.gpu import gpu

def execute(launched):
    loaded = launched.kernel.loaded
    with launched.kernel.module.shared_with(loaded):
        loaded.run(launched.grid, launched.block, launched.values, launched.shared_bytes)

install(Gpu((9, 0), execute, capacity=2**30))
"""


class Driver:
    """Functions by their names, as `driver.cuMemAlloc(...)`: raises Refused with the code of one that fails."""

    def __init__(self, gpu: Gpu):
        self.gpu = gpu

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments):
            code = Code(FUNCTIONS[name](*arguments))
            if code:
                raise Refused(code)

        return call

    def number(self, name: str, *arguments, kind=ctypes.c_uint64, last: bool = False):
        """What a function writes to where its first argument points, or its last one."""
        result = kind()
        where = ctypes.byref(result)
        getattr(self, name)(*((*arguments, where) if last else (where, *arguments)))
        return result.value

    def text(self, name: str, *arguments, last: bool = False) -> str:
        """The text that a function writes a pointer to."""
        return ctypes.string_at(self.number(name, *arguments, kind=ctypes.c_void_p, last=last)).decode()

    def allocated(self, size: int) -> int:
        """The address of new memory of the device."""
        return self.number("cuMemAlloc", size)


class Refused(Exception):
    """What a function of the driver does not do; `code` says why."""

    def __init__(self, code: Code):
        self.code = code
        super().__init__(code.name)


def run_launched(launched) -> None:
    """Execute a launch as it is compiled, unchecked."""
    loaded = launched.kernel.loaded
    with launched.kernel.module.shared_with(loaded):
        loaded.run(launched.grid, launched.block, launched.values, launched.shared_bytes)


@pytest.fixture
def driver():
    """A GPU of its own for each test, which nothing outside of the test finds."""
    before = list(here._here)
    here.install(Gpu((9, 0), run_launched, capacity=2**24))
    yield Driver(here.gpu())
    here._here[:] = before


@pytest.fixture
def refused():
    """A context in which the driver refuses something with a code: `with refused(Code.INVALID_VALUE): ...`"""

    def check(code: Code):
        return pytest.raises(Refused, match=f"^{code.name}$")

    return check


@pytest.fixture
def program():
    """Runs Python in a process that has a GPU; returns what it prints. What it prints as an error stays empty."""

    def run(source: str, error: str = "") -> str:
        call = [sys.executable, "-c", PRELUDE + source]
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        assert error in done.stderr if error else done.stderr == ""
        return done.stdout

    return run
