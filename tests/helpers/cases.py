"""What kernels are tried on where compiling them takes most of the time: few compilations, many ways through each."""

import functools
from dataclasses import dataclass

import numpy as np

from kernels.bench.trial import Trial
from kernels.operation import RandomDraw
from tests.helpers.operations import OPERATIONS

# The rungs of conv2d that are products of matrices.
PRODUCTS = ("forward 3", "forward 4", "forward 5", "forward 6")
PRODUCTS_BACK = ("backward 3", "backward 4", "backward 5")


def delta_of(R, C, H, W):
    """The arrays that batchnorm_delta takes."""
    channels = dict.fromkeys(("gamma", "inverse_std", "dgamma", "dbeta"), (C,))
    return {"dy": (R, C, H, W), "x": (R, C, H, W), "mean": (2, C), **channels}


# Cases past every constant of a kernel: several blocks and tiles in each direction, the last ones not full, as small as
# that can be. "only" names those who run a case that others would take too long over: "cpu", or rungs as "forward 2";
# "fast" says that it takes the interpreter too long to check it.
LARGE: dict[str, list[dict]] = {
    # The last of these, of whole fours: so many that a thread takes several.
    "activation": [{"x": (3, 5, 7, 6)}, {"x": (5, 8, 50, 68), "only": ("forward 2", "backward 2"), "fast": True}],
    "adam": [
        {"dw": (600,), "rate": (3,), "norm": (1,)},
        {"dw": (136000,), "rate": (3,), "norm": (1,), "only": ("forward 2",), "fast": True},
    ],
    "add": [
        {"a": (600,), "b": (600,)},
        {"a": (136000,), "b": (136000,), "only": ("forward 2", "backward 2"), "fast": True},
    ],
    "anchor_counts": [{"matched": (3, 6000), "levels": (5600, 300, 100)}],
    "assign_targets": [{"matched": (3, 6000), "levels": (5600, 300, 100)}],
    "avgpool2d": [
        {"x": (2, 3, 19, 21), "window": (3, 3), "stride": (2, 2), "padding": (1, 1)},
        {"x": (3, 7, 26, 72), "window": (2, 3), "stride": (2, 3), "only": ("forward 2", "backward 2"), "fast": True},
    ],
    "batchnorm": [
        {"x": (3, 270, 5, 7), "gamma": (270,), "beta": (270,)},
        {"x": (2, 3, 45, 50), "gamma": (3,), "beta": (3,)},
        {"x": (35, 3, 5, 7), "gamma": (3,), "beta": (3,)},
        {"x": (3, 270, 4, 7), "gamma": (270,), "beta": (270,), "only": ("forward 4", "backward 4")},
        {"x": (17, 3, 44, 50), "gamma": (3,), "beta": (3,), "only": ("forward 4", "backward 4"), "fast": True},
        {"x": (2, 1, 92, 96), "gamma": (1,), "beta": (1,), "only": ("forward 4", "backward 4"), "fast": True},
        {"x": (20, 270), "gamma": (270,), "beta": (270,), "training": False},
        {"x": (20, 270), "gamma": (270,), "beta": (270,), "only": ("cpu",)},
        {"x": (2, 3, 70, 70), "gamma": (3,), "beta": (3,), "only": ("cpu",)},
    ],
    "batchnorm_delta": [
        {**delta_of(3, 270, 5, 7), "count": 999},
        {**delta_of(3, 270, 4, 7), "only": ("forward 2",)},
    ],
    "batchnorm_of_sums": [
        {"x": (3, 270, 5, 7), "gamma": (270,), "beta": (270,), "sums": (2, 270), "count": 999},
        {"x": (3, 270, 4, 7), "gamma": (270,), "beta": (270,), "sums": (2, 270), "only": ("forward 2",)},
    ],
    "channel_sums": [
        {"x": (3, 270, 5, 7)},
        {"x": (2, 3, 45, 50)},
        {"x": (20, 270)},
        {"x": (3, 270, 4, 7), "only": ("forward 2",)},
        {"x": (17, 3, 44, 50), "only": ("forward 2",), "fast": True},
        {"x": (2, 1, 92, 96), "only": ("forward 2",), "fast": True},
    ],
    "concat": [
        {"a": (3, 200, 3), "b": (3, 181, 3)},
        {"a": (3, 11400, 4), "b": (3, 11300, 4), "only": ("forward 2", "backward 2"), "fast": True},
    ],
    "conv2d": [
        {"x": (2, 17, 13, 11), "w": (5, 17, 3, 2), "b": (5,), "stride": (2, 3), "padding": (2, 1)},
        {
            "x": (2, 9, 15, 17),
            "w": (5, 9, 7, 7),
            "stride": (2, 2),
            "padding": (3, 3),
            "only": ("cpu", "forward 1", "forward 5", "forward 6", "backward 1", "backward 4", "backward 5"),
            "fast": True,
        },
        {"x": (1, 1, 3, 4), "w": (264, 1, 2, 2), "b": (264,), "only": ("cpu", "backward 1")},
        # The rungs that are products: in forward, dx and dw tiles side by side and one below the other, and a sum cut
        # into as many parts as there may be.
        {"x": (2, 2, 9, 10), "w": (66, 2, 3, 3), "b": (66,), "padding": (1, 1), "only": ("cpu", *PRODUCTS)},
        {"x": (1, 66, 12, 11), "w": (2, 66, 3, 3), "b": (2,), "padding": (1, 1), "only": PRODUCTS_BACK, "fast": True},
        {"x": (1, 15, 5, 6), "w": (66, 15, 3, 3), "b": (66,), "padding": (1, 1), "only": PRODUCTS_BACK, "fast": True},
        {
            "x": (3, 1, 40, 40),
            "w": (2, 1, 3, 3),
            "b": (2,),
            "only": ("cpu", "forward 2", "backward 2", *PRODUCTS_BACK),
            "fast": True,
        },
        # A kernel of more rows and columns than a word of rung 6 has bits.
        {"x": (1, 1, 3, 160), "w": (66, 1, 2, 33), "b": (66,), "only": ("forward 6",), "fast": True},
        # On the CPU more terms than a chunk, and for dx more images than are done at a time.
        {"x": (1, 240, 5, 6), "w": (3, 240, 3, 3), "b": (3,), "only": ("cpu",)},
        {"x": (6, 2, 66, 66), "w": (1, 2, 11, 11), "b": (1,), "stride": (2, 2), "only": ("cpu",)},
        # There, too, of few channels more rows than are done at a time; and tiles of pixels as points.
        {"x": (2, 3, 70, 66), "w": (5, 3, 3, 3), "b": (5,), "padding": (1, 1), "only": ("cpu",)},
        {"x": (1, 17, 40, 37), "w": (35, 17, 3, 3), "b": (35,), "padding": (1, 1), "only": ("cpu",)},
        # Windows so large that the tile of rung 2 is halved, and that there is none.
        {"x": (1, 1, 90, 86), "w": (1, 1, 5, 5), "b": (1,), "stride": (5, 5), "only": ("forward 2",)},
        {"x": (1, 1, 95, 94), "w": (1, 1, 79, 79), "b": (1,), "only": ("forward 2",), "fast": True},
    ],
    "cross_entropy": [{"p": (260, 5), "target": (260, 5)}, {"p": (3, 520), "target": (3, 520)}],
    "decode_boxes": [{"offsets": (2, 300, 4), "anchors": (300, 4), "index": (2, 270)}],
    "encode_boxes": [{"boxes": (2, 7, 4), "matched": (2, 300), "anchors": (300, 4)}],
    "focal_loss": [{"x": (520, 3), "target": (520, 3)}],
    "groupnorm": [
        {"x": (3, 270, 5, 7), "gamma": (270,), "beta": (270,), "groups": 18},
        {"x": (1, 4, 17, 33), "gamma": (4,), "beta": (4,), "groups": 2},
        {"x": (3, 54, 12, 12), "gamma": (54,), "beta": (54,), "groups": 3, "only": ("forward 3", "backward 3")},
        {"x": (2, 4, 70, 70), "gamma": (4,), "beta": (4,), "groups": 2, "only": ("cpu",)},
    ],
    "iou": [{"a": (40, 4), "b": (300, 4)}],
    "l2pool2d": [
        {"x": (2, 3, 19, 21), "window": (3, 3), "stride": (2, 2), "padding": (1, 1)},
        {"x": (3, 7, 26, 72), "window": (2, 3), "stride": (2, 3), "only": ("forward 2", "backward 2"), "fast": True},
    ],
    "linear": [
        {"x": (66, 70), "w": (68, 70), "b": (68,)},
        {"x": (3, 5), "w": (300, 5), "b": (300,)},
        {"x": (5, 2100), "w": (7, 2100), "b": (7,), "only": ("cpu",)},
        {"x": (5, 7), "w": (2100, 7), "b": (2100,), "only": ("cpu",)},
        {"x": (2100, 5), "w": (7, 5), "b": (7,), "only": ("cpu",)},
    ],
    "loss": [{"prediction": (260, 5), "target": (260, 5)}, {"prediction": (3, 520), "target": (3, 520)}],
    "match_anchors": [{"anchors": (300, 4), "boxes": (2, 270, 4), "label": (2, 270), "best": True}],
    "match_atss": [
        {
            "anchors": (300, 4),
            "boxes": (2, 270, 4),
            "label": (2, 270),
            "levels": (280, 20),
            "candidates": 2,
            "best": True,
        }
    ],
    "maxpool2d": [
        {"x": (2, 3, 19, 21), "window": (3, 3), "stride": (2, 2), "padding": (1, 1)},
        {"x": (3, 7, 26, 72), "window": (2, 3), "stride": (2, 3), "only": ("forward 2", "backward 2"), "fast": True},
        {"x": (5, 7, 62, 128), "window": (1, 2), "stride": (1, 2), "only": ("forward 2", "backward 2"), "fast": True},
    ],
    "nms": [
        {"boxes": (260, 5, 4), "score": (260, 5)},
        {"boxes": (2, 300, 4), "score": (2, 300)},
        {"boxes": (1, 2100, 4), "score": (1, 2100), "only": ("cpu", "forward 3"), "fast": True},
    ],
    "moving_average": [
        {"x": (600,), "rate": (1,)},
        {"x": (136000,), "rate": (1,), "only": ("forward 2",), "fast": True},
    ],
    "normalise": [
        {"x": (2, 17, 19, 5), "mean": (0.1, 0.2, 0.3, 0.4, 0.5), "std": (0.5, 0.6, 0.7, 0.8, 0.9)},
        {"x": (3, 21, 36, 3), "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7), "only": ("forward 5",), "fast": True},
        {"x": (2, 260, 264, 1), "mean": (0.5,), "std": (0.25,), "only": ("forward 5",), "fast": True},
        {"x": (1, 3, 100, 200), "mean": 200 * (0.5,), "std": (*199 * (0.25,), 0.5)},
    ],
    "overlap_loss": [
        {"offsets": (2, 300, 4), "anchors": (300, 4), "boxes": (2, 7, 4), "matched": (2, 300), "weight": (2, 300)}
    ],
    "quality_focal_loss": [{"x": (2, 300), "target": (2, 300, 2), "quality": (2, 300)}],
    "reduce": [{"x": (263, 1001)}, {"x": (263, 1001), "how": "norm", "fast": True}],
    "resize": [{"x": (2, 3, 30, 90), "size": (17, 70)}, {"x": (1, 1, 3, 2000), "size": (2, 33)}],
    "sgd": [
        {"dw": (600,), "rate": (1,), "norm": (1,)},
        {"dw": (136000,), "rate": (1,), "norm": (1,), "only": ("forward 2",), "fast": True},
    ],
    "smooth_l1": [{"prediction": (520, 3), "target": (520, 3), "weight": (520,)}],
    # The last of each: rows that are no whole fours, of which the highest rungs leave the loops to others.
    "softmax": [{"x": (260, 5)}, {"x": (5, 520)}, {"x": (5, 70), "only": ("forward 4", "backward 4")}],
    "softmax_cross_entropy": [
        {"x": (260, 5), "target": (260, 5)},
        {"x": (3, 520), "target": (3, 520)},
        {"x": (3, 70), "target": (3, 70), "only": ("forward 4", "backward 3")},
        {"x": (9, 136), "target": (9, 136), "only": ("forward 4", "backward 3")},
    ],
    "targets_of_counts": [{"matched": (3, 6000), "counts": (3, 2), "levels": (5600, 300, 100)}],
    "topk": [{"x": (2, 530, 2), "k": 300}, {"x": (1, 4200, 2), "k": 2100, "only": ("cpu", "forward 3")}],
    "transpose": [
        {"x": (2, 70, 45)},
        {"x": (3, 3, 700)},
        {"x": (2, 68, 140), "only": ("forward 5", "backward 5")},
        {"x": (2, 128, 128), "only": ("forward 5", "backward 5"), "fast": True},
    ],
    "upsample2d": [
        {"x": (2, 3, 9, 11), "size": (20, 17)},
        {"x": (2, 3, 9, 11), "size": (20, 17), "mode": "bilinear"},
        {"x": (3, 7, 13, 24), "size": (26, 72), "only": ("forward 2", "backward 2"), "fast": True},
    ],
}


@dataclass(frozen=True, eq=False)
class Answered:
    """A trial, and what the reference makes of it."""

    trial: Trial
    only: tuple[str, ...] = ()
    fast: bool = False

    @functools.cached_property
    def forward(self):
        return self.trial.forward("reference")

    @functools.cached_property
    def saved(self):
        """What a forward run leaves for backward, in the types in which others keep it."""
        return {name: value.astype(self.trial.operation.dtype(name)) for name, value in self.forward.items()}

    @functools.cached_property
    def backward(self):
        return self.trial.backward("reference", self.saved)


@functools.cache
def all_large(name: str) -> tuple[Answered, ...]:
    """The cases of LARGE, with values; of an operation that stands elsewhere its typical case."""
    operation, generator = OPERATIONS[name], np.random.default_rng(1)
    return tuple(
        Answered(Trial.of_shape(operation, case, generator), case.get("only", ()), case.get("fast", False))
        for case in LARGE.get(name, [operation.typical])
    )


def large(name: str, runner: str) -> list[Answered]:
    """The cases of LARGE for "cpu", or for a direction and a rung, such as "forward 2"."""
    return [case for case in all_large(name) if not case.only or runner in case.only]


def small(name: str, direction: str, rung: int, tiny: bool, sets: int = 1, most: int = 6) -> list[Answered]:
    """Up to `most` random cases that a rung launches at most `sets` different sets of kernels for."""
    generator, known, found = np.random.default_rng(1), [], []
    for _ in range(max(40, 8 * most)):
        trial = Trial.draw(OPERATIONS[name], RandomDraw(generator), generator)
        needed = compilations(trial, direction, rung, tiny)
        if len(known) < sets and needed not in known:
            known.append(needed)
        if needed in known and len(found) < most:
            found.append(Answered(trial))
    return found


def compilations(trial: Trial, direction: str, rung: int, tiny: bool = False) -> set:
    """What is compiled to run a trial: kernels, by the types of their arguments."""
    return {(launch.kernel, launch.types) for launch in trial.launches(direction, rung, tiny)}
