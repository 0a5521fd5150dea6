"""Every rung compiled and run on a GPU, against the reference. Skipped where there is none."""

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.operation import RandomDraw, all_operations
from tests.operations.checks import check_backward, check_forward
from tests.operations.test_operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS

pytestmark = pytest.mark.gpu


def some_trials(name, count=20):
    generator = np.random.default_rng(1)
    return [Trial.draw(OPERATIONS[name], RandomDraw(generator), generator) for _ in range(count)]


@pytest.mark.parametrize("tiny", [False, True], ids=["full_tiles", "tiny_tiles"])
@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_compiled_forward_equals_reference(name, rung, tiny):
    for trial in some_trials(name):
        check_forward(trial, "cuda", rung=rung, tiny=tiny)


@pytest.mark.parametrize("tiny", [False, True], ids=["full_tiles", "tiny_tiles"])
@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_compiled_backward_equals_reference(name, rung, tiny):
    for trial in some_trials(name):
        check_backward(trial, "cuda", rung=rung, tiny=tiny)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_the_interpreter_agrees_with_the_gpu(name, rung):
    """The same kernel, the same tiles: what the interpreter computes is what the hardware computes."""
    for trial in some_trials(name, 3):
        on_gpu, interpreted = (trial.forward(kind, rung=rung, tiny=True) for kind in ("cuda", "interpret"))
        for array, value in interpreted.items():
            np.testing.assert_allclose(on_gpu[array], value, rtol=1e-5, atol=1e-5, err_msg=array)


def test_every_operation_is_covered():
    assert set(OPERATIONS) == {name for name, operation in all_operations().items() if not operation.view}


def test_a_captured_run_equals_one_launched_call_by_call():
    from framework import Model, Optimizer
    from kernels.device import CudaDevice
    from tests.framework.networks import residual
    from tests.framework.test_program import batch_for

    def weights(capture):
        model = Model(residual, CudaDevice(capture), seed=2)
        optimizer = Optimizer("sgd", momentum=0.9)
        program = model.training(4, optimizer)
        for step in range(6):
            optimizer.set_rate(0.05, step)
            program(**batch_for(program, seed=step))
        return model.parameters.weights.download()

    captured, launched = weights(True), weights(False)
    for name, array in launched.items():
        np.testing.assert_array_equal(captured[name], array, err_msg=name)
