"""What is timed beside our kernels: NumPy for every operation, and PyTorch for those that have torch.py."""

import numpy as np
import pytest

from kernels.bench.timing import HostClock
from kernels.bench.trial import Trial
from kernels.commands.libraries import call
from kernels.device import Device
from kernels.operation import RandomDraw, all_operations

CLOCK = HostClock(Device("cpu"))
DIRECTIONS = [(name, direction) for name, o in all_operations().items() if not o.view for direction in o.directions]


def trial(name):
    generator = np.random.default_rng(0)
    return Trial.draw(all_operations()[name], RandomDraw(generator), generator, smooth=True)


@pytest.mark.parametrize(("name", "direction"), DIRECTIONS)
def test_numpy_runs_it(name, direction):
    call("numpy", trial(name), direction, CLOCK)()


@pytest.mark.parametrize(("name", "direction"), DIRECTIONS)
def test_pytorch_runs_what_it_has(name, direction):
    pytest.importorskip("torch")
    one = trial(name)
    run = call("torch", one, direction, CLOCK)
    assert (run is None) == (one.operation.in_torch() is None)
    if run and direction == "backward":
        wanted = [one.arrays[n].shape for n in one.operation.gradients if one.arrays[n] is not None]
        assert [tuple(gradient.shape) for gradient in run()] == wanted
    elif run:
        run()


def test_numpy_is_no_yardstick_for_another_device():
    assert call("numpy", trial("add"), "forward", HostClock(Device("interpret"))) is None
