"""A pass over the steps of a plan for looking: a convolution takes in the normalization and the ReLU that follow it.

The graph stays as it was written. A step may be taken in where nobody else reads what lies between: that array is then
never made. It is done on CPUs alone, where kernels/operations/conv2d_block/ has an implementation. A plan for learning
is left as it is: normalization must have seen its whole batch, and the slope of ReLU is that of what goes in.
"""

from collections.abc import Callable, Collection
from typing import Any

from framework.steps import Buffer, Step
from kernels.operation import find_operation

NORMALIZATION: tuple[str, dict[str, Any]] = "batchnorm", {"training": False}
FUNCTION: tuple[str, dict[str, Any]] = "activation", {"function": "relu"}

# What may follow a convolution, in the words of conv2d_block for their order.
ORDERS = {"normalization first": (NORMALIZATION, FUNCTION), "function first": (FUNCTION, NORMALIZATION)}


def fused(steps: list[Step], kept: Collection[Buffer]) -> list[Step]:
    """The steps of a plan for looking, with each convolution that may take in normalization, ReLU, or both.

    kept    buffers that are read after all steps
    """
    readers: dict[Buffer, list[Step]] = {}
    for step in steps:
        for name in step.operation.inputs:
            if isinstance(buffer := step.arguments[name], Buffer):
                readers.setdefault(buffer.root, []).append(step)
    needed = {buffer.root for buffer in kept}

    def follower(made: Buffer) -> Step | None:
        """The only step that reads an array, as it is."""
        found = readers.get(made.root, [])
        alone = len(found) == 1 and made.root not in needed
        return found[0] if alone and found[0].arguments.get("x") is made else None

    instead: dict[Step, Step | None] = {}  # of steps that change; None where another has taken it in
    for step in steps:
        if step.operation.name == "conv2d" and not step.operation.modules:  # but kernels of a user's own
            order, chain = max(((order, _chain(step, order, follower)) for order in ORDERS), key=lambda it: len(it[1]))
            if len(chain) > 1:
                instead |= dict.fromkeys(chain)
                instead[chain[-1]] = _block(order, chain)
    return [new for step in steps if (new := instead.get(step, step))]


def _chain(step: Step, order: str, follower: Callable[[Buffer], Step | None]) -> list[Step]:
    """A convolution and those after it that it may take in, in this order."""
    chain = [step]
    for name, settings in ORDERS[order]:
        after = follower(chain[-1].arguments["y"])
        is_ours = after and after.operation.name == name and not after.operation.modules
        if after and is_ours and settings.items() <= after.arguments.items():
            chain.append(after)
    return chain


def _block(order: str, chain: list[Step]) -> Step:
    """One step in the place of several."""
    operation, (first, *others) = find_operation("conv2d_block"), chain
    arguments = {**dict.fromkeys(operation.arguments("forward")), **operation.settings, **first.arguments}
    for step in others:
        arguments |= {name: value for name, value in step.arguments.items() if name in arguments and name != "x"}
    arguments["order"] = order
    takes_in = tuple(step.name for step in others)
    return Step(first.name, operation, "forward", {n: arguments[n] for n in operation.arguments("forward")}, takes_in)
