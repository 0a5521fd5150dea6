"""What a plan consists of: arrays, and steps that are calls of operations on them."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.operation import Operation, Shape

# What devices that share a batch do together (framework/sharing.py). No kernel computes it: framework/ranks.py does.
ALL_REDUCE = Operation(
    name="all_reduce",
    inputs=(),
    outputs=(),
    shapes=lambda **_: {},
    summary="Each array becomes the sum of what all devices have of it.",
    source="Patarasuk & Yuan (2009), of one ring; which way it goes is left to the library",
)

# Kinds of arrays that come and go during a run. They share the arena; all others have memory of their own.
TRANSIENT = ("activation", "saved", "delta-error")


@dataclass(eq=False)
class Buffer:
    """An array of a plan.

    name         the value's in the graph; of its delta-error "d." and that
    kind         "input", "constant", "parameter", "state", as the graph's roles; "activation", an output of an
                 operation; "saved", what an operation writes for its backward only; "delta-error"; "gradient",
                 the delta-error of a parameter, under the parameter's name
    base         the buffer whose memory this one shows under another shape; None where it has its own
    constant     the values of a constant
    first, last  the first and the last step that needs it; an output is needed after all steps
    offset       of a transient one, the byte of the arena where it begins
    """

    name: str
    shape: Shape
    dtype: np.dtype
    kind: str
    base: "Buffer | None" = None
    constant: np.ndarray | None = field(default=None, repr=False)
    first: int = -1
    last: int = -1
    offset: int = -1

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def root(self) -> "Buffer":
        """The buffer that has the memory."""
        return self.base or self

    def view(self, name: str, shape: Shape) -> "Buffer":
        """The same memory under another name and shape."""
        return Buffer(name, shape, self.dtype, self.kind, base=self.root)


@dataclass(eq=False, repr=False)
class Step:
    """One call of an operation: `direction` is "forward" or "backward"; arguments are buffers, None or settings.

    name        of the layer
    takes_in    the layers after it whose work it does as well
    """

    name: str
    operation: Operation
    direction: str
    arguments: dict[str, Any]
    takes_in: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """All layers whose work it does."""
        return " + ".join((self.name, *self.takes_in))

    @property
    def buffers(self) -> list[Buffer]:
        return [a for a in self.arguments.values() if isinstance(a, Buffer)]

    def __repr__(self):
        def named(a):
            return ("d." if a.kind == "gradient" else "") + a.name if isinstance(a, Buffer) else a

        arguments = ", ".join(f"{name}={named(value)}" for name, value in self.arguments.items())
        return f"{self.label}: {self.operation.name}.{self.direction}({arguments})"


@dataclass(eq=False, repr=False)
class Exchange(Step):
    """A step in which all devices add up what each has: sums[i] becomes the sum of all parts[i], maybe in its place."""

    parts: tuple[Buffer, ...] = ()
    sums: tuple[Buffer, ...] = ()

    @property
    def buffers(self) -> list[Buffer]:
        return [*self.parts, *self.sums]

    def __repr__(self):
        pairs = (f"{a.name} -> {b.name}" for a, b in zip(self.parts, self.sums, strict=True))
        return f"{self.label}: all_reduce({', '.join(pairs)})"


def exchange(step: Step, pairs: dict[Buffer, Buffer]) -> Exchange:
    """What follows a step that computes parts of sums: from where its part stands to where the sum shall."""
    return Exchange(step.name, ALL_REDUCE, step.direction, {}, parts=tuple(pairs), sums=tuple(pairs.values()))
