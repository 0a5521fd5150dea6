"""What to look at when a fault has been found, by its kind."""

from kernels.gpu.emulator import EmulatorError, Endless, Freed, Misaligned
from kernels.gpu.interpreter import (
    BarrierDivergence,
    DataRace,
    EndlessLoop,
    InvalidIndex,
    LaunchError,
    OutOfBounds,
    ReadOnly,
    Undefined,
    Uninitialised,
)
from kernels.gpu.programs.arguments import Undeclared

BLOCKS = "blocks run in any order and at the same time: let each write cells of its own, or use cuda.atomic"

ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (
        Freed,
        "let the array that owns the memory live as long as it is used: a view made of its address does not hold it",
    ),
    (OutOfBounds, "a grid has often more threads than there are elements: `if i < x.size` before the access"),
    (InvalidIndex, "an array of two dimensions takes two indices, each a whole number"),
    (BarrierDivergence, "a barrier is for all threads of the block: none may return or branch around it"),
    (Misaligned, "an access of several elements at once begins at a multiple of its size"),
    (ReadOnly, "this array was given as read-only: is it the right one?"),
    (Endless, "what the loop waits for must be written by a thread that gets on, with an atomic or a fence"),
    (EndlessLoop, "what the loop waits for must be written by a thread that gets on, with an atomic or a fence"),
    (Undefined, "a GPU gives some value here, which differs between GPUs and compilers"),
    (Undeclared, "Numba passes what it is given to a kernel with a signature; without one it compiles for each type"),
    (LaunchError, "see the limits of a block and of its shared memory in NVIDIA's programming guide"),
    (EmulatorError, ""),
)


def advice(error: Exception) -> str:
    """A line that says what to look at; nothing where there is nothing to be said."""
    said = str(error)
    if isinstance(error, DataRace):
        return BLOCKS if "blocks run in any order" in said else "cuda.syncthreads() between the two accesses"
    if isinstance(error, Uninitialised):
        if "before anybody wrote it" in said:
            return "cuda.device_array has no values: write all of it first, or use cuda.to_device(np.zeros(...))"
        return "shared and local arrays have no values: write the cell first, and a barrier before others read it"
    return next((text for kind, text in ADVICE if isinstance(error, kind)), "")
