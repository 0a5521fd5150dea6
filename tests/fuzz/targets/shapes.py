"""What --shape, --grid and other options say: an operation's case, or the arguments of a kernel of one's own."""

import argparse

from tests.fuzz.target import Target, instrumented

with instrumented("kernels.commands.targets", "kernels.commands.own", "kernels.operation"):
    from kernels.bench.memory import arrays_of
    from kernels.commands import command_line, own
    from kernels.commands.command_line import CommandError
    from kernels.commands.targets import case_of, operations, text_of, trial_of
    from kernels.gpu import cuda, kernel
    from kernels.operation import ShapeError

SMALL = 1 << 20  # bytes of arrays that are drawn
OPERATIONS = operations()
TYPES = (own.sizes, command_line.positive, command_line.positive_float, command_line.fraction, command_line.json_file)


@kernel
def scale(x, y, factor, *, BLOCK=32):
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = factor * x[i]


def seeds():
    for operation in OPERATIONS.values():
        yield f"{operation.name} {text_of(operation.typical)}".encode()
    yield b"own x=1024 y=float64:32,8 factor=0.5 BLOCK=64"
    for number in range(len(TYPES)):
        yield f"option {'0' * number} 4,2".encode()


def attempt(data, folder):
    name, *words = data.decode("utf-8", "replace").split() or [""]
    if name == "own":
        own.arguments(scale, words)
    elif name == "option":
        TYPES[len(data) % len(TYPES)](" ".join(words[1:]))
    elif name in OPERATIONS:
        case = case_of(OPERATIONS[name], words)
        if arrays_of(OPERATIONS[name], case) < SMALL:
            trial_of(OPERATIONS[name], case)


WORDS = (
    *(f"{name} ".encode() for name in OPERATIONS),
    *(b" x=", b" w=", b" stride=", b" padding=", b" BLOCK=", b" factor=", b"own ", b"option ", "٣".encode()),
    *b"1,1,9,9 int32: -1 2147483647 nan 1e400 True 0x1".split(),
)
TARGET = Target(attempt, (CommandError, ShapeError, argparse.ArgumentTypeError), seeds, WORDS, longest=400)
