"""What Numba refuses to compile, the interpreter refuses to run, and says how it is written; what it compiles, it runs.

A spelling is the first lines of a kernel. Numba itself is asked, so that a version which takes another one is found.
"""

import enum
import linecache
import textwrap
from collections import namedtuple
from types import ModuleType, SimpleNamespace

import numba
import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, int32, kernel
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import InvalidIndex, Unsupported


class Sizes:
    SIDE = 4
    DTYPE = float32


class Side(enum.IntEnum):
    SMALL = 4


@device
def allocates(length):
    kept = cuda.local.array(length, float32)
    kept[0] = float32(1)
    return kept[0]


SETTINGS = ModuleType("settings")
SETTINGS.SIDE, SETTINGS.SIDES, SETTINGS.DTYPE = 4, (4, 4), float32
NAMES = {
    **{"np": np, "numba": numba, "cuda": cuda, "float32": float32, "int32": int32, "allocates": allocates},
    **{"SIDE": 4, "SIDES": (4, 2), "MIXED": (1, 2.5), "DTYPE": np.float32, "Sizes": Sizes, "Side": Side},
    **{"sizes": Sizes(), "space": SimpleNamespace(SIDE=4), "settings": SETTINGS, "NUMPY_SIDE": np.int64(4)},
    "point": namedtuple("Point", "x y")(4, 2),
}
PARAMETERS = "x, y, *, BLOCK=8, TILE=(4, 4), PYTHONS=float"


def kernel_of(lines):
    """A kernel that begins so, with a source that can be read."""
    text = f"def spelt({PARAMETERS}):\n{textwrap.indent(lines, '    ')}\n    y[0] = x[0]\n"
    file = f"<spelt {lines!r}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    namespace = dict(NAMES)
    exec(compile(text, file, "exec"), namespace)
    return kernel(namespace["spelt"])


def launch_of(lines):
    return kernel_of(lines)[1, 1](np.ones(16, np.float32), np.zeros(16, np.float32))


COMPUTED = "the shape of an array is written or named, and not computed"
LOOKED_UP = "the shape of an array is written or named, and not looked up"
UNKNOWN = "the shape of an array must be known before the run"
NO_DTYPE = "is no dtype for an array: give a type of Numba or of NumPy, as float32 or np.float32"

REFUSED = {
    "a = cuda.shared.array(BLOCK + 1, float32)": f"{COMPUTED}, as BLOCK + 1 is: make it a compile-time parameter",
    "a = cuda.shared.array((BLOCK, BLOCK + 1), float32)": f"{COMPUTED}, as (BLOCK, BLOCK + 1) is: make it a",
    "a = cuda.local.array(SIDE * 2, float32)": f"{COMPUTED}, as SIDE * 2 is",
    "a = cuda.local.array(TILE + (1,), float32)": f"{COMPUTED}, as TILE + (1,) is",
    "a = cuda.local.array(-BLOCK + 9, float32)": f"{COMPUTED}, as -BLOCK + 9 is",
    "n = BLOCK + 1\na = cuda.shared.array(n, float32)": f"{COMPUTED} nor a number of NumPy, as n is",
    "a = cuda.shared.array(len(TILE), float32)": f"{COMPUTED}, as len(TILE) is",
    "a = cuda.shared.array(int(BLOCK), float32)": f"{COMPUTED}, as int(BLOCK) is",
    "a = cuda.shared.array(int32(8), float32)": f"{COMPUTED}, as int32(8) is",
    "a = cuda.shared.array(max(BLOCK, 4), float32)": f"{COMPUTED}, as max(BLOCK, 4) is",
    "a = cuda.shared.array(NUMPY_SIDE, float32)": f"{COMPUTED} nor a number of NumPy, as NUMPY_SIDE is",
    "a = cuda.shared.array(True, float32)": f"{COMPUTED}, as True is",
    "a = cuda.shared.array(settings.SIDE, float32)": f"{LOOKED_UP}, as settings.SIDE is",
    "a = cuda.shared.array(settings.SIDES, float32)": f"{LOOKED_UP}, as settings.SIDES is",
    "a = cuda.shared.array(Side.SMALL, float32)": f"{LOOKED_UP}, as Side.SMALL is",
    "a = cuda.shared.array(cuda.blockDim.x, float32)": f"{UNKNOWN}, cuda.blockDim.x is not",
    "a = cuda.shared.array(8.0, float32)": f"{UNKNOWN}, 8.0 is not",
    "a = cuda.shared.array(-3, float32)": "the shape of an array has no negative extents, as -3 has",
    "a = cuda.shared.array(shape=BLOCK // 2, dtype=float32)": f"{COMPUTED}, as BLOCK // 2 is",
    "y[1] = allocates(BLOCK + 1)": f"{COMPUTED} nor a number of NumPy, as length is",
    "a = cuda.shared.array(8, float)": f"float {NO_DTYPE}",
    "a = cuda.local.array(8, dtype=int)": f"int {NO_DTYPE}",
    "a = cuda.local.array(8, bool)": f"bool {NO_DTYPE}",
    "a = cuda.local.array(8, PYTHONS)": f"float {NO_DTYPE}",
    "a = cuda.shared.array(8, float32, alignment=BLOCK * 2)": "the alignment of an array is an integer, written or",
    "a = cuda.shared.array(8, float32, alignment=12)": "is a power of two of at least 8 bytes, not 12",
    "a = cuda.shared.array(8, float32, 4)": "is a power of two of at least 8 bytes, not 4",
    "y[1] = Sizes.SIDE": "Sizes.SIDE: a kernel sees modules, and not what belongs to a class: write SIDE = Sizes.SIDE",
    "y[1] = sizes.SIDE": "sizes.SIDE: a kernel sees modules, and not what belongs to a Sizes: write SIDE = sizes.SIDE",
    "y[1] = space.SIDE": "a kernel sees modules, and not what belongs to a SimpleNamespace: write SIDE = space.SIDE",
    "a = cuda.local.array(8, Sizes.DTYPE)": "not what belongs to a class: write DTYPE = Sizes.DTYPE above the kernel",
    "y[1] = MIXED[BLOCK - 8]": "a tuple of several types takes an index that is written or named only",
    "i = cuda.grid(BLOCK - 7)": "the number of dimensions must be 1, 2 or 3, written or named",
    "y[1] = cuda.shfl_sync(0xFFFFFFFF, x[0], x[1])": "the lane of cuda.shfl_sync is an integer of 32 or 64 bits",
    "y[1] = cuda.shfl_up_sync(0xFFFFFFFF, x[0], np.int8(1))": "the distance of cuda.shfl_up_sync is an integer of 32",
    "return x[0]": "a kernel returns nothing: let it write its results into an array",
    "if x[0] > 2:\n    return 1": "a kernel returns nothing: let it write its results into an array",
    "i = cuda.threadIdx\ny[i] = x[0]": "y[i]: cuda.threadIdx is no integer: it has three parts, as cuda.threadIdx.x",
    "i = cuda.grid\ny[i] = x[0]": "y[i]: cuda.grid is no integer: call it, as cuda.grid(...)",
    "y[1] = float32": "float32 stands where a number is needed: call it, as float32(...)",
}

TAKEN = (
    "a = cuda.shared.array(BLOCK, float32)",
    "a = cuda.shared.array(4 + 4, float32)",
    "a = cuda.shared.array((BLOCK, SIDE), float32)",
    "a = cuda.shared.array(SIDES, float32)",
    "a = cuda.shared.array(TILE[0], float32)",
    "a = cuda.shared.array(BLOCK if SIDE else 3, float32)",
    "n = BLOCK\na = cuda.shared.array((n, 2), float32)",
    "n, m = TILE\na = cuda.shared.array(n, float32)",
    "n = 8\nfor i in range(3):\n    a = cuda.local.array(n, float32)",
    "y[1] = allocates(4) + allocates(BLOCK) + allocates(SIDE)",
    "a = cuda.shared.array(8, np.float32)",
    "a = cuda.shared.array(8, numba.float32)",
    "a = cuda.shared.array(8, DTYPE)",
    "a = cuda.shared.array(8, settings.DTYPE)",
    "a = cuda.shared.array(8, 'float32')",
    "a = cuda.shared.array(8, x.dtype)",
    "a = cuda.shared.array(8, float32, alignment=16)",
    "a = cuda.shared.array(8, float32, alignment=BLOCK)",
    "y[1] = settings.SIDE + settings.SIDES[1]",
    "y[1] = Side.SMALL + 1",
    "y[1] = point[0]",
    "y[1] = MIXED[1]",
    "y[1] = TILE[BLOCK - 7]",
    "y[1] = np.pi",
    "return",
    "return None",
    "if SIDE < 0:\n    return 1",
)


@pytest.mark.parametrize("lines", REFUSED, ids=repr)
def test_what_numba_refuses_is_refused_and_said_how_to_write(lines):
    launch = launch_of(lines)
    with pytest.raises(CompileError):
        launch.kernel.ptx(launch.types, "sm_90")  # by Numba itself
    for checked in (True, False):
        with pytest.raises((Unsupported, InvalidIndex)) as caught:
            launch.interpret(checked)
        assert REFUSED[lines] in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(CompileError) as caught:
        launch.ptx("sm_90")
    assert REFUSED[lines] in str(caught.value)


@pytest.mark.parametrize("lines", TAKEN, ids=repr)
def test_what_numba_compiles_runs(lines):
    launch = launch_of(lines)
    assert ".entry" in launch.ptx("sm_90")
    for checked in (True, False):
        launch.interpret(checked)


# What does nothing compiles, but nobody means it


@kernel
def forgets_the_call(x):
    x[cuda.threadIdx.x] = 1
    cuda.syncthreads  # noqa: B018


@kernel
def forgets_to_wait_for_the_warp(x):
    x[cuda.threadIdx.x] = 1
    cuda.syncwarp  # noqa: B018


@kernel
def forgets_to_call_a_device_function(x):
    allocates  # noqa: B018


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (forgets_the_call, "cuda.syncthreads without parentheses does nothing: write cuda.syncthreads()"),
        (forgets_to_wait_for_the_warp, "cuda.syncwarp without parentheses does nothing: write cuda.syncwarp()"),
        (forgets_to_call_a_device_function, "allocates without parentheses does nothing: write allocates(...)"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_call_without_parentheses_is_pointed_out(mistake, said):
    launch = mistake[1, 2](np.zeros(2, np.float32))
    assert ".entry" in launch.ptx("sm_90")
    with pytest.raises(Unsupported) as caught:
        launch.interpret()
    assert said in str(caught.value)
