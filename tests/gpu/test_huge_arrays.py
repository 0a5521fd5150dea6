"""Arrays of more than 2**31 values: indices do not overflow 32 bits.

No such array is made: each is one value, repeated by strides of 0. Only the last block of a launch is interpreted, and
the indices at which it reads and writes are looked at.
"""

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from kernels.commands.targets import find_target
from kernels.device import launches
from kernels.gpu.interpreter import launch as interpreter

MANY, ROWS = 2**31 // 7 + 100, 2**25 + 9
WIDE = (ROWS, 64)
STRIDED = (2**25 + 128, 64)  # in a grid-stride loop, too, the last block takes the last values
R, N = 2**27 + 9, 5
MATCHED = {"offsets": (R, N, 4), "anchors": (N, 4), "boxes": (R, 2, 4), "matched": (R, N), "weight": (R, N)}
# By ladder. A sum over all of an array, such as conv2d.dw, no single block computes.
HUGE: dict[str, dict] = {
    "activation.forward": {"x": STRIDED},
    "activation.backward": {"x": STRIDED},
    "adam.forward": {"dw": (math.prod(STRIDED),), "rate": (3,), "norm": (1,)},
    "add.forward": {"a": STRIDED, "b": STRIDED},
    "add.backward": {"a": STRIDED, "b": STRIDED},
    "avgpool2d.forward": {"x": (2**29 + 100, 1, 2, 8)},
    "avgpool2d.backward": {"x": (2**29 + 100, 1, 2, 8)},
    "batchnorm.values": {"x": (MANY, 7), "gamma": (7,), "beta": (7,)},
    "concat.forward": {"a": (MANY, 7, 1), "b": (MANY, 7, 1)},
    "concat.backward": {"a": (MANY, 7, 1), "b": (MANY, 7, 1)},
    "conv2d.forward": {"x": (ROWS, 1, 9, 9), "w": (1, 1, 2, 2), "b": (1,)},
    "conv2d.dx": {"x": (ROWS, 1, 8, 8), "w": (2, 1, 1, 1), "b": (2,)},
    "cross_entropy.forward": {"p": WIDE, "target": WIDE},
    "cross_entropy.backward": {"p": WIDE, "target": WIDE},
    "decode_boxes.forward": {"offsets": (MANY, 7, 4), "anchors": (7, 4), "index": (MANY, 7)},
    "encode_boxes.forward": {"boxes": (MANY, 2, 4), "matched": (MANY, 7), "anchors": (7, 4)},
    "focal_loss.forward": {"x": WIDE, "target": WIDE},
    "focal_loss.backward": {"x": WIDE, "target": WIDE},
    "iou.forward": {"a": (10**6, 4), "b": (2200, 4)},
    "l2pool2d.forward": {"x": (2**29 + 100, 1, 2, 8)},
    "l2pool2d.backward": {"x": (2**29 + 100, 1, 2, 8)},
    "linear.forward": {"x": (10**6, 2), "w": (2200, 2), "b": (2200,)},
    "linear.dx": {"x": (10**6, 2200), "w": (2, 2200), "b": (2,)},
    "loss.forward": {"prediction": WIDE, "target": WIDE},
    "loss.backward": {"prediction": WIDE, "target": WIDE},
    "maxpool2d.forward": {"x": (2**29 + 100, 1, 2, 8)},
    "maxpool2d.backward": {"x": (2**29 + 100, 1, 2, 8)},
    "nms.forward": {"boxes": (MANY, 7, 4), "score": (MANY, 7)},
    "normalise.forward": {"x": (MANY, 1, 7, 3)},
    "overlap_loss.forward": MATCHED,
    "overlap_loss.backward": MATCHED,
    "quality_focal_loss.forward": {"x": (MANY, 7), "target": (MANY, 7, 2), "quality": (MANY, 7)},
    "quality_focal_loss.backward": {"x": (MANY, 7), "target": (MANY, 7, 2), "quality": (MANY, 7)},
    "resize.forward": {"x": (MANY, 1, 2, 2), "size": (7, 1)},
    "sgd.forward": {"dw": (math.prod(STRIDED),), "rate": (1,), "norm": (1,)},
    "smooth_l1.forward": {"prediction": WIDE, "target": WIDE, "weight": (ROWS,)},
    "smooth_l1.backward": {"prediction": WIDE, "target": WIDE, "weight": (ROWS,)},
    "softmax.forward": {"x": WIDE},
    "softmax.backward": {"x": WIDE},
    "softmax_cross_entropy.forward": {"x": WIDE, "target": WIDE},
    "softmax_cross_entropy.backward": {"x": WIDE, "target": WIDE},
    "transpose.forward": {"x": (MANY, 7, 2)},
    "transpose.backward": {"x": (2**20, 44, 48)},
    "upsample2d.forward": {"x": (2**29 + 100, 1, 1, 4), "size": (2, 8)},
    "upsample2d.backward": {"x": (2**29 + 100, 1, 1, 4), "size": (2, 8)},
}
# Rungs that need memory of that size, or a grid that there is not.
NOT_SO_HUGE = {("nms.forward", 3), ("normalise.forward", 4), ("normalise.forward", 5), ("resize.forward", 2)}
RUNGS = [(name, rung) for name in HUGE for rung in find_target(name).rungs if (name, rung) not in NOT_SO_HUGE]


class Watched(np.ndarray):
    """An array that remembers the farthest value that was asked for, and refuses what lies outside."""

    farthest = -1

    def __array_finalize__(self, base):
        self.origin = getattr(base, "origin", self)

    def look(self, index):
        index = index if isinstance(index, tuple) else (index,)
        assert all(0 <= i < size for i, size in zip(index, self.shape, strict=True)), (index, self.shape)
        self.origin.farthest = max(self.origin.farthest, int(np.ravel_multi_index(index, self.shape)))

    def __getitem__(self, index):
        self.look(index)
        return self.dtype.type(1)

    def __setitem__(self, index, value):
        self.look(index)


def huge(shape, dtype):
    """One value, repeated; to be written, too."""
    return as_strided(np.ones(1, dtype), shape, len(shape) * (0,)).view(Watched)


@pytest.fixture(autouse=True)
def _last_blocks_only(monkeypatch):
    every = interpreter.indices

    def indices(size):
        return every(size) if math.prod(size) <= 1024 else [tuple(n - 1 for n in size)]

    monkeypatch.setattr(interpreter, "indices", indices)


@pytest.fixture(autouse=True)
def _watched_stay_watched(monkeypatch):
    plain = interpreter.in_memory
    monkeypatch.setattr(interpreter, "in_memory", lambda x: x if isinstance(x, Watched) else plain(x))


@pytest.mark.parametrize(("name", "rung"), RUNGS)
def test_the_last_block_reaches_the_last_values(name, rung):
    target, case = find_target(name), HUGE[name]
    operation = target.operation
    settings = {key: case.get(key, default) for key, default in operation.settings.items()}
    shapes = {key: case.get(key) for key in operation.inputs}
    shapes |= operation.shapes(**shapes, **settings)
    arguments: dict = {}
    for key in operation.arguments(target.direction):
        shape = shapes.get(key, shapes.get(key.removeprefix("d")))
        dtype = operation.dtype(key)
        arguments[key] = settings.get(key) if shape is None else huge(shape, dtype)
    for launch in launches(operation, target.direction, arguments, rung, part=target.part):
        launch.interpret(checked=False)
    seen = [a for a in arguments.values() if isinstance(a, Watched) and a.size > 2**31 and a.farthest >= 0]
    assert seen
    assert all(a.farthest >= 2**31 for a in seen)
