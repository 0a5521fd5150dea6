"""Sums of thousands of values that are alike: each addition rounds to the same side, and a plain float32 sum drifts.

4096 times 0.1 added up one by one in float32 is off by 4e-5, four times what operations are allowed.
"""

import numpy as np
import pytest

from kernels.commands.targets import Target
from kernels.operation import all_operations
from kernels.operations.softmax.cuda import backward_direct, forward_direct
from tests.helpers.checks import assert_close
from tests.helpers.operations import cpu_rungs
from tests.helpers.running import trial

N = 4096
ALIKE = np.full(N, 0.1)
EVERY_OTHER = ALIKE * (np.arange(N) % 2)
OTHERWISE_ZERO = np.where(np.arange(N) == 0, 0, ALIKE)  # one value that is not like the others


def rows(*values):
    return np.array(values).reshape(1, N)


def image(values):
    return np.reshape(values, (1, 1, 64, 64))


LOGITS = rows(np.log(np.where(OTHERWISE_ZERO == 0, 1, ALIKE)))  # their exponentials: one 1, then 0.1
ONE = np.ones(1)
WHOLE = {"window": (64, 64), "stride": (1, 1)}

# What is added up, operation, direction, settings, arrays.
SUMS = [
    ("values", "reduce", "forward", {"how": "sum"}, {"x": ALIKE}),
    ("squares", "reduce", "forward", {"how": "norm"}, {"x": OTHERWISE_ZERO}),
    ("a channel", "batchnorm", "forward", {}, {"x": image(OTHERWISE_ZERO), "gamma": ONE, "beta": ONE}),
    ("a column", "batchnorm", "forward", {}, {"x": OTHERWISE_ZERO.reshape(N, 1), "gamma": ONE, "beta": ONE}),
    (
        "delta-errors of a channel",
        "batchnorm",
        "backward",
        {"epsilon": 1.0},
        {"x": image(EVERY_OTHER), "gamma": ONE, "beta": ONE, "dy": image(EVERY_OTHER)},
    ),
    ("a group", "groupnorm", "forward", {"groups": 1}, {"x": image(OTHERWISE_ZERO), "gamma": ONE, "beta": ONE}),
    (
        "delta-errors of a group",
        "groupnorm",
        "backward",
        {"groups": 1, "epsilon": 1.0},
        {"x": image(EVERY_OTHER), "gamma": ONE, "beta": ONE, "dy": image(EVERY_OTHER)},
    ),
    ("terms", "loss", "forward", {"function": "l1"}, {"prediction": rows(ALIKE), "target": rows(0 * ALIKE)}),
    ("terms", "cross_entropy", "forward", {}, {"p": rows(ALIKE), "target": rows(ALIKE)}),
    ("exponentials", "softmax", "forward", {}, {"x": LOGITS}),
    ("delta-errors of a row", "softmax", "backward", {}, {"x": rows(ALIKE), "dy": rows(ALIKE * np.arange(N))}),
    (
        "exponentials and terms",
        "softmax_cross_entropy",
        "forward",
        {},
        {"x": LOGITS, "target": rows(ALIKE)},
    ),
    ("targets", "softmax_cross_entropy", "backward", {}, {"x": rows(ALIKE), "target": rows(ALIKE), "dy": ONE}),
    ("a window", "avgpool2d", "forward", WHOLE, {"x": image(ALIKE)}),
    ("squares of a window", "l2pool2d", "forward", WHOLE, {"x": image(np.sqrt(ALIKE))}),
    (
        "delta-errors of a batch",
        "linear",
        "backward",
        {},
        {"x": np.eye(N, 1), "w": np.ones((1, 1)), "b": ONE, "dy": ALIKE.reshape(N, 1)},
    ),
    (
        "delta-errors of images",
        "conv2d",
        "backward",
        {},
        {"x": image(np.eye(N, 1)), "w": np.ones((1, 1, 1, 1)), "b": ONE, "dy": image(ALIKE)},
    ),
    (
        "products with delta-errors of images",
        "conv2d",
        "backward",
        {},
        {"x": image(np.ones(N)), "w": np.ones((1, 1, 1, 1)), "b": ONE, "dy": image(ALIKE)},
    ),
]


# Each thread of this rung adds its row up for itself, too much to interpret: see the last test.
SQUARED = ("softmax", 1)

# Up to 2048 products are added at a stretch, which gives 2e-5 where they are so much alike.
AT_A_STRETCH = ("products with delta-errors of images", "cpu")


def implementations():
    """(what, ..., device, rung) of every sum, on every rung of its ladders, those for the CPU and those for a GPU."""
    for what, name, direction, settings, arrays in SUMS:
        rungs = [rung for rung in Target(all_operations()[name], direction).rungs if (name, rung) != SQUARED]
        on_cpu = [("cpu", algorithm) for algorithm in cpu_rungs(name, direction)]
        for device, rung in (*on_cpu, *(("interpret", rung) for rung in rungs)):
            if (what, device) == AT_A_STRETCH:
                continue
            about = f"{what}, {name}.{direction}, {device}" + ("" if rung is None else f" {rung}")
            yield pytest.param(name, direction, settings, arrays, device, rung, id=about)


@pytest.mark.parametrize(("name", "direction", "settings", "arrays", "device", "rung"), [*implementations()])
def test_a_sum_of_many_values_that_are_alike_does_not_drift(name, direction, settings, arrays, device, rung):
    case = trial(name, settings, **arrays)
    exact = case.forward("reference")
    if direction == "forward":
        assert_close(case.forward(device, rung=rung), exact, case.operation.tolerance)
    else:
        expected = case.backward("reference", exact)
        assert_close(case.backward(device, exact, rung=rung), expected, case.operation.tolerance)


def test_nor_does_the_sum_that_each_thread_of_the_first_rung_of_softmax_adds_up_for_itself():
    case = trial("softmax", {}, x=LOGITS, dy=rows(OTHERWISE_ZERO))
    exact = case.forward("reference")
    x, dy, y = case.arrays["x"], case.arrays["dy"], exact["y"].astype(np.float32)
    got = {name: np.empty((1, N), np.float32) for name in ("y", "dx")}
    forward_direct(BLOCK=4)[1, 4](x, got["y"]).interpret()
    backward_direct(BLOCK=4)[1, 4](dy, y, got["dx"]).interpret()
    expected = exact | case.backward("reference", {"y": y})
    for name, values in got.items():
        np.testing.assert_allclose(values[0, :4], expected[name][0, :4], rtol=1e-5)
