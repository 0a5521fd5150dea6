"""What a rung costs as a whole: sums over its launches, and how they compare with those of the rung before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernels.gpu.xray.counts import SECTOR, Xray
from kernels.gpu.xray.roofline import Prediction, duration
from kernels.table import Row

NOTEWORTHY = 1.1  # below this ratio two rungs cost the same


@dataclass(frozen=True, repr=False)
class Sums(Row):
    """Sums over the launches of a rung, each as if all of its blocks were like those that were counted."""

    sectors: float
    ideal_sectors: float
    lines: float
    wavefronts: float
    ideal_wavefronts: float
    flops: float
    slots: float
    lanes: float
    barriers: float
    barriers_a_block: tuple[float, ...]
    """For each launch."""
    seconds: float
    """Predicted, at least."""
    without_caches: float
    limit: str
    """Of the launch that takes longest."""

    @classmethod
    def of(cls, xrays: Sequence[Xray], predictions: Sequence[Prediction]) -> "Sums":
        def total(name):
            return sum(xray.scale * xray.total(name) for xray in xrays)

        return cls(
            sectors=total("sectors"),
            ideal_sectors=total("ideal_sectors"),
            lines=total("lines"),
            wavefronts=total("wavefronts"),
            ideal_wavefronts=total("ideal_wavefronts"),
            flops=sum(xray.scale * xray.flops for xray in xrays),
            slots=sum(xray.scale * xray.slots for xray in xrays),
            lanes=sum(xray.scale * xray.slots * xray.active for xray in xrays),
            barriers=sum(math.prod(xray.grid) * xray.barriers for xray in xrays),
            barriers_a_block=tuple(xray.barriers for xray in xrays),
            seconds=sum(prediction.seconds for prediction in predictions),
            without_caches=sum(prediction.without_caches for prediction in predictions),
            limit=max(predictions, key=lambda prediction: prediction.seconds).limit,
        )

    @property
    def turns(self) -> float:
        """Of the level 1 cache and of shared memory, 128 bytes at the most."""
        return self.lines + self.wavefronts

    @property
    def bytes(self) -> float:
        """That global memory moves if no cache helps."""
        return SECTOR * self.sectors

    @property
    def active(self) -> float:
        """The fraction of lanes that took part."""
        return self.lanes / max(self.slots, 1)

    def row(self):
        return {
            "lanes active": f"{self.active:.1%}",
            "sectors / ideal": ratio(self.sectors, self.ideal_sectors),
            "flops / global byte": ratio(self.flops, self.bytes),
            "turns / ideal": ratio(self.wavefronts, self.ideal_wavefronts),
            "flops / turn": ratio(self.flops, self.turns),
            "barriers": barriers(self),
            "without caches": duration(self.without_caches),
            "at least": duration(self.seconds),
            "because of": self.limit,
        }

    def over(self, before: "Sums") -> list[str]:
        """What changed since the rung before, in words: "21 times fewer sectors". Empty where nothing did."""
        found = []
        for name, less, what in (
            ("sectors", "fewer", "sectors"),
            ("turns", "fewer", "turns"),
            ("flops", "fewer", "flops"),
            ("barriers", "fewer", "barriers"),
            ("seconds", "less", "predicted time"),
        ):
            found += change(getattr(before, name), getattr(self, name), less, what)
        return found


def change(old: float | None, new: float | None, less: str, what: str) -> list[str]:
    """What became of a count, in words, if it changed by a tenth or more; nothing where it is not known."""
    if not old or new is None:
        return []
    if not new:
        return [f"no {what}"]
    times = max(old / new, new / old)
    return [f"{two_digits(times)} times {less if new < old else 'more'} {what}"] if times >= NOTEWORTHY else []


def ratio(a: float, b: float) -> str:
    return f"{a / b:.2f}" if b else "-"


def barriers(sums: Sums) -> str:
    """Of a block, launch by launch."""
    return " + ".join(f"{round(count, 1):g}" for count in sums.barriers_a_block)


def two_digits(ratio: float) -> str:
    """A number of at least 1 with two significant digits: 1.3, 21, 350."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{round(ratio, 1 - math.floor(math.log10(ratio))):.0f}"
