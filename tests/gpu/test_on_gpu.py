"""Every rung compiled and run on a GPU, against the reference. Skipped where there is none.

Compiling takes the time here, so the cases are few and share what is compiled: see tests/helpers/cases.py.
"""

import numpy as np
import pytest

from framework import Model, Optimizer
from kernels.device import PINNED, CudaDevice, DeviceError
from tests.helpers.cases import large, small
from tests.helpers.checks import assert_close, assert_same
from tests.helpers.networks import batch_for, residual
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_compiled_forward_equals_reference(name, rung):
    for case in (*large(name, f"forward {rung}"), *small(name, "forward", rung, tiny=False)):
        assert_close(case.trial.forward("cuda", rung=rung), case.forward, OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_compiled_backward_equals_reference(name, rung):
    for case in (*large(name, f"backward {rung}"), *small(name, "backward", rung, tiny=False)):
        assert_close(case.trial.backward("cuda", case.saved, rung=rung), case.backward, OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_with_tiny_tiles_the_gpu_agrees_with_reference_and_interpreter(name, rung):
    """The same kernel, the same tiles: what the interpreter computes is what the hardware computes."""
    for number, case in enumerate(small(name, "forward", rung, tiny=True, sets=2)):
        on_gpu = case.trial.forward("cuda", rung=rung, tiny=True)
        assert_close(on_gpu, case.forward, OPERATIONS[name].tolerance)
        if number < 3:
            for array, value in case.trial.forward("interpret", rung=rung, tiny=True).items():
                np.testing.assert_allclose(on_gpu[array], value, rtol=1e-5, atol=1e-5, err_msg=array)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_with_tiny_tiles_backward_equals_reference(name, rung):
    for case in small(name, "backward", rung, tiny=True, sets=2):
        got = case.trial.backward("cuda", case.saved, rung=rung, tiny=True)
        assert_close(got, case.backward, OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_the_emulator_computes_what_the_hardware_computes(name, rung):
    """The same PTX. On its way to the hardware a product and a sum may become one instruction, and what PTX calls
    approximate the emulator computes more nearly; so the last bits may differ, and no others.
    """
    for case in small(name, "forward", rung, tiny=False, most=3):
        emulated = case.trial.forward("emulate", rung=rung)
        for array, value in case.trial.forward("cuda", rung=rung).items():
            np.testing.assert_allclose(emulated[array], value, rtol=1e-5, atol=1e-5, err_msg=array)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_the_emulator_computes_what_the_hardware_computes_backward(name, rung):
    for case in small(name, "backward", rung, tiny=False, most=3):
        emulated = case.trial.backward("emulate", case.saved, rung=rung)
        for array, value in case.trial.backward("cuda", case.saved, rung=rung).items():
            np.testing.assert_allclose(emulated[array], value, rtol=1e-5, atol=1e-5, err_msg=array)


def trained(device, steps=6):
    model = Model(residual, device, seed=2)
    optimizer = Optimizer("sgd", momentum=0.9)
    program = model.training(4, optimizer)
    for step in range(steps):
        optimizer.set_rate(0.05, step)
        program(**batch_for(program, seed=step))
    return model.parameters.weights.download()


def test_a_captured_run_equals_one_launched_call_by_call():
    launched = trained(CudaDevice(capture=False))
    device = CudaDevice()
    for _ in range(2):  # the second is captured in its first step
        assert_same(trained(device), launched)


def test_a_capture_that_fails_leaves_the_device_usable(monkeypatch):
    device = CudaDevice()
    program = Model(residual, device, seed=2).training(4)
    inputs = batch_for(program)
    expected = program(**inputs)["loss"]

    def fail():
        device.stream.synchronize()  # which no stream allows that is being captured

    call = program.calls[-1][1][0]
    with monkeypatch.context() as patch:
        patch.setattr(call, "_enqueue", fail)
        with pytest.raises(DeviceError, match=r"reduce\.forward.*: cannot be captured"):
            program(**inputs)
    np.testing.assert_array_equal(program(**inputs)["loss"], expected)


def test_what_is_uploaded_arrives_whole_however_much_it_is():
    device = CudaDevice()
    size = PINNED // 5
    arrays = [device.bytes(size) for _ in range(12)]
    for number, array in enumerate(arrays):
        device.upload(array, np.full(size, number, np.uint8))
    for number, array in enumerate(arrays):
        assert set(np.unique(device.download(array))) == {number}
    array = device.bytes(PINNED + 1)
    values = np.arange(PINNED + 1).astype(np.uint8)
    device.upload(array, values)
    np.testing.assert_array_equal(device.download(array), values)
