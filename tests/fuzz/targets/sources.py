"""A user's own Python file of kernels, as commands take it, and as an operation in a folder of the user's.

The first byte says which. Files are run, as a user's are; so what is put together is of words that only compute.
"""

import importlib
import sys

from tests.fuzz.target import Target, instrumented

with instrumented("kernels.bench.loading", "kernels.bench.program", "kernels.gpu.source", "kernels.modules"):
    import kernels.operations
    from kernels.bench.loading import FileError
    from kernels.bench.program import Program, make, program_of
    from kernels.commands import own
    from kernels.commands.command_line import CommandError
    from kernels.gpu.interpreter import KernelError
    from kernels.modules import OperationError
    from kernels.operation import find_operation

KERNELS = """import numpy as np
from kernels.gpu import cuda, device, float32, kernel

@device
def square(x):
    return x * x

@kernel
def scale(x, y, factor, *, BLOCK=32):
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = square(factor) * x[i]

def launches():
    x = np.ones(64, np.float32)
    return [scale[2, 32](x, np.zeros_like(x), np.float32(2))]
"""
SPEC = """from kernels.operation import Operation

operation = Operation(
    name="fuzzed",
    summary="Each value becomes its square.",
    inputs=("x",),
    outputs=("y",),
    gradients=("x",),
    needs=("x",),
    shapes=lambda x: {"y": x},
    flops=lambda x: (x[0], 2 * x[0]),
    case=lambda draw: {"x": (draw.integer(1, 5),)},
    typical={"x": (64,)},
)
"""


def seeds():
    yield b"\0" + KERNELS.encode()
    yield b"\2" + KERNELS.encode()
    yield b"\1" + SPEC.encode()


def attempt(data, folder):
    if (data[:1] or b"\0")[0] % 2:
        own_operation(data[1:], folder)
    else:
        own_kernels(data[1:], folder, "" if data[:1] == b"\2" else ":scale")


def own_kernels(content, folder, name):
    path = folder / "fuzzed_kernels.py"
    path.write_bytes(content)
    forget("fuzzed_kernels", folder)
    found = program_of(f"{path}{name}")
    if not isinstance(found, Program):
        specialised, given = own.arguments(found, ["x=32", "y=32", "factor=0.5"])
        make(specialised, (1,), (32,), given)


def own_operation(content, folder):
    home = folder / "operations"
    (home / "fuzzed").mkdir(parents=True, exist_ok=True)
    (home / "fuzzed" / "__init__.py").write_bytes(content)
    forget("kernels.operations.fuzzed", home / "fuzzed")
    before = list(kernels.operations.__path__)
    kernels.operations.__path__.append(str(home))
    try:
        find_operation("fuzzed")
    finally:
        kernels.operations.__path__[:] = before


def forget(module, folder):
    """So that the file is read anew, and not what Python kept of the last one in the same second."""
    for name in [name for name in sys.modules if name.partition("/")[0] == module or name.endswith(f"{module}.py")]:
        del sys.modules[name]
    for path in folder.glob("__pycache__/*"):
        path.unlink()
    importlib.invalidate_caches()


WORDS = (
    *(b"@kernel\n", b"@device\n", b"def scale(", b"lambda: ", b"return ", b"    ", b"class scale: ", b"yield ", b"\0"),
    *b"x[i] BLOCK= scale= launches= operation name= inputs= 1/0 None @kernel async \xff *, -1 (),".split(),
)
ERRORS = (FileError, KernelError, CommandError, OperationError)
TARGET = Target(attempt, ERRORS, seeds, WORDS, longest=2000)
