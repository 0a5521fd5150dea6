"""Kernels executed on the CPU, from their own Python source, with the arithmetic of a GPU.

    launch.interpret(checked=True)

The source is rewritten once for the types of its arguments (rewritten.py), then every block is executed by
itself, its threads as Python generators in lockstep (lockstep.py). Unchecked it is as fast as Python allows;
checked it refuses, naming kernel, block, thread, array, index and line, what a GPU would not notice: an index
outside its array, a read of what nobody wrote, a barrier that some threads miss, a data race. In neither mode is an
array written that is read-only.

Read in this order: typing_table.py, typing_rules.py and asked.py (types, asked of Numba), known.py (what is known of a
value), conversions.py, expressions.py, elements.py, times.py, tuples.py, short_vectors.py, enumerations.py, records.py,
views.py, iterating.py, statements.py, stops.py, definitions.py, inner.py, calls.py, builtin_calls.py, numeric_calls.py,
ufunc_calls.py, libdevice_calls.py, printing.py, complex_numbers.py, half.py, borrowed.py, whole_arrays.py,
functions.py, borrowing.py and intrinsics.py (the rewriting), lockstep.py, warp.py, blocks.py and standstill.py (threads
and blocks that wait for each other), memory.py, arrays.py, viewable.py, partly.py, misaligned.py, checked.py, trace.py,
order.py, races.py and shadow.py (memory, and what was done to it), launch.py (all of it together). What else a trace
tells, how a GPU would move the bytes and how fast, kernels/gpu/xray finds; kernels/gpu/tracing shows one block line by
line.

Not executed, and refused by name: functions of libdevice that round otherwise or have no counterpart in math, min, max
and functions of math of float16, functions written as Numba @intrinsic, variables that are None on one path and a
number on another, `:=`, np.nditer.
"""

from kernels.gpu.interpreter.errors import (
    BarrierDivergence,
    DataRace,
    EndlessLoop,
    InvalidIndex,
    KernelError,
    LaunchError,
    Misaligned,
    OutOfBounds,
    Raised,
    ReadOnly,
    Undefined,
    Uninitialised,
    Unsupported,
)
from kernels.gpu.interpreter.launch import CheckedExecution, Execution, check_limits
from kernels.gpu.interpreter.lockstep import TURNS
from kernels.gpu.interpreter.rewritten import rewritten_for

__all__ = [
    "BarrierDivergence",
    "DataRace",
    "EndlessLoop",
    "InvalidIndex",
    "KernelError",
    "LaunchError",
    "Misaligned",
    "OutOfBounds",
    "Raised",
    "ReadOnly",
    "Undefined",
    "Uninitialised",
    "Unsupported",
    "check_limits",
    "interpret",
    "refusal",
]


def interpret(launch, checked=True, seed=None, turns=TURNS, allow_same_value=False, marks=None):
    """Execute a launch on NumPy arrays. Raises KernelError for what it refuses; stores made before that remain.

    seed                of the order in which blocks begin and threads take turns; None for that of their numbers.
                        What depends on it, a GPU may compute or not
    turns               of `while` loops that may be made in which no thread gets on: then a loop is one that never ends
    allow_same_value    whether threads may write one same value to one address, in no order
    marks               a function of an array: for each byte of each element whether anybody has written it, an array
                        with one axis more; None for an array that has all its values, as those of NumPy have
    """
    try:
        if checked:
            CheckedExecution(launch, seed, turns, allow_same_value, marks).run()
        else:
            Execution(launch, seed, turns).run()
    except KernelError as error:
        error.kernel = launch.kernel.name
        raise


def refusal(launch):
    """What the interpreter refuses in a kernel's source before it runs: a KernelError, or None."""
    try:
        rewritten_for(launch, is_checked=False)
    except KernelError as error:
        return error
    return None
