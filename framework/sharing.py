"""A pass over the steps of a plan for learning: one share of a batch, of which other devices have the others.

Each example is computed where it is, and gradients are added up in the end (framework/ranks.py). What is left are
operations in which examples of a batch meet. There a step is cut where the devices must speak, so that all of them
together compute what one would of the whole batch:

    batchnorm         forward: channel_sums, then the sum over all devices, then batchnorm_of_sums (eq. 37-42)
                      backward: its sums alone (eq. 52-53), the sum over all devices, then batchnorm_delta (eq. 51)
    assign_targets    anchor_counts, the sum over all devices, then targets_of_counts (eq. 61)
    reduce, a mean    divides by the number of values in the whole batch, so that the parts add up to the mean

The first axis of what a mean is taken of is that of the examples. The objective is then the sum of its parts, and so
is each gradient.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from framework.steps import Buffer, Step, exchange
from kernels.operation import Shape, find_operation

# (name, shape, name of a type) -> an array of a plan that comes and goes
New = Callable[[str, Shape, str], Buffer]


class Share(NamedTuple):
    """How many examples a device has, of how many in the whole batch."""

    mine: int
    whole: int

    def of_whole(self, values: int) -> int:
        """How many values there are in the whole batch, of which this device has so many."""
        return values // self.mine * self.whole


def shared(steps: list[Step], share: Share, new: New) -> list[Step]:
    """The steps by which a device learns from its share: those that meet others' examples are cut, all else stays."""
    return [made for step in steps for made in _with_sums(_cut(step, share, new))]


def _with_sums(steps: list[Step]) -> Iterator[Step]:
    """After a step whose output is a sum over the batch, its sum over all devices."""
    for step in steps:
        yield step
        if sums := [step.arguments[name] for name in step.operation.summed]:
            yield exchange(step, {buffer: buffer for buffer in sums})


def _cut(step: Step, share: Share, new: New) -> list[Step]:
    name = step.operation.name
    if name == "batchnorm" and step.arguments["training"]:
        return (_normalized if step.direction == "forward" else _delta)(step, share, new)
    if name == "assign_targets":
        return _targets(step, new)
    if name == "reduce" and step.arguments["how"] == "mean":
        return [replace(step, arguments={**step.arguments, "count": share.of_whole(_values(step.arguments["x"]))})]
    return [step]


def _normalized(step: Step, share: Share, new: New) -> list[Step]:
    given = step.arguments
    x = given["x"]
    sums = new(f"{step.name}.sums", (2, x.shape[1]), "float64")
    return [
        _step(step, "channel_sums", x=x, sums=sums),
        _step(step, "batchnorm_of_sums", **given, sums=sums, count=share.of_whole(_values(x) // x.shape[1])),
    ]


def _delta(step: Step, share: Share, new: New) -> list[Step]:
    """The gradients of gamma and beta stay this device's own, as they are added up with all others in the end."""
    given = step.arguments
    x, dx = given["x"], given["dx"]
    if dx is None:
        return [step]
    own, total = {}, {}
    for name in ("dgamma", "dbeta"):
        own[name] = given[name] or new(f"d.{step.name}.{name}", x.shape[1:2], "float32")
        total[name] = new(f"d.{step.name}.{name} of all", x.shape[1:2], "float32")
    count = share.of_whole(_values(x) // x.shape[1])
    return [
        replace(step, arguments={**given, **own, "dx": None}),
        exchange(step, {own[name]: total[name] for name in own}),
        _step(step, "batchnorm_delta", **{**given, **total}, count=count),
    ]


def _targets(step: Step, new: New) -> list[Step]:
    given = step.arguments
    counts = new(f"{step.name}.counts", (len(given["levels"]) or 1, 2), "int32")
    return [
        _step(step, "anchor_counts", **given, counts=counts),
        _step(step, "targets_of_counts", **given, counts=counts),
    ]


def _step(step: Step, operation: str, **arguments: Any) -> Step:
    """A step in the place of another, forward for itself: it takes what it knows of the arguments."""
    found = find_operation(operation)
    given = {**found.settings, **arguments}
    chosen = {name: given[name] for name in found.arguments("forward")}
    name = step.name if step.direction == "forward" else f"d.{step.name}"
    return Step(name, found, "forward", chosen)


def _values(buffer: Buffer) -> int:
    return buffer.bytes // buffer.dtype.itemsize


def buckets(ends: Sequence[tuple[int, int, int]], size: int) -> list[tuple[int, slice]]:
    """Parts of a flat array that are added up together, each as soon as all that is in it is there.

    ends    of each array in it: where it begins, where it ends, and the step after which it is there
    size    the fewest numbers of a part, but for the last

    Returns for each part the step after which it can start, and where it lies; they start in this order. What the last
    layers learn is there first, so it goes from the end.
    """
    found: list[tuple[int, slice]] = []
    step, stop = -1, None
    for begin, end, there in reversed(ends):
        step, stop = max(step, there), end if stop is None else stop
        if stop - begin >= size or begin == 0:
            found.append((step, slice(begin, stop)))
            step, stop = -1, None
    return sorted(found, key=lambda part: part[0])
