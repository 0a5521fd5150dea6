"""Every operation, found through its spec: implementations against the reference, the reference against calculus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import Ladder
from kernels.operation import RandomDraw, all_operations
from kernels.trial import Trial
from tests.strategies import trials

OPERATIONS = {name: o for name, o in all_operations().items() if not o.view}
DIFFERENTIABLE = [name for name, o in OPERATIONS.items() if o.gradients]


def rungs(name, direction):
    ladder = getattr(OPERATIONS[name].implementation("cuda"), direction)
    assert isinstance(ladder, Ladder)
    return range(1, len(ladder) + 1)


FORWARD_RUNGS = [(name, rung) for name in OPERATIONS for rung in rungs(name, "forward")]
BACKWARD_RUNGS = [(name, rung) for name in DIFFERENTIABLE for rung in rungs(name, "backward")]
ALL_RUNGS = [(*rung, "forward") for rung in FORWARD_RUNGS] + [(*rung, "backward") for rung in BACKWARD_RUNGS]


def assert_close(got, expected, tolerance):
    for name, value in expected.items():
        if np.issubdtype(value.dtype, np.integer):
            np.testing.assert_array_equal(got[name], value, err_msg=name)
            continue
        assert np.isfinite(got[name]).all(), f"{name} has values that nobody wrote: {got[name]}"
        error = np.linalg.norm(got[name].astype(np.float64) - value)
        assert error <= tolerance * max(np.linalg.norm(value), 1e-3), f"{name} is off by {error}: {got[name]} {value}"


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
def test_cpu_forward_equals_reference(name, data):
    trial = data.draw(trials(OPERATIONS[name]))
    assert_close(trial.forward("cpu"), trial.forward("reference"), OPERATIONS[name].tolerance)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_cpu_backward_equals_reference(name, data):
    trial = data.draw(trials(OPERATIONS[name]))
    forward = trial.forward("cpu")
    assert_close(trial.backward("cpu", forward), trial.backward("reference", forward), OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
@given(data=st.data())
def test_interpreted_forward_equals_reference(name, rung, data):
    trial = data.draw(trials(OPERATIONS[name]))
    assert_close(trial.forward("cuda", rung=rung), trial.forward("reference"), OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
@given(data=st.data())
def test_interpreted_backward_equals_reference(name, rung, data):
    trial = data.draw(trials(OPERATIONS[name]))
    forward = trial.forward("reference")
    forward = {n: trial._typed(n, v) for n, v in forward.items()}
    expected = trial.backward("reference", forward)
    assert_close(trial.backward("cuda", forward, rung=rung), expected, OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung", "direction"), ALL_RUNGS)
def test_every_rung_compiles_without_float64(name, rung, direction):
    generator = np.random.default_rng(0)
    trial = Trial.draw(OPERATIONS[name], RandomDraw(generator), generator)
    for launch in trial.launches(direction, rung):
        assert ".f64" not in launch.ptx("sm_90"), f"{launch.kernel} computes in float64"


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_reference_backward_is_the_derivative_of_forward(name, data):
    """One random directional derivative in float64, by central differences (Zozoulenko (2018), eq. 13)."""
    trial = data.draw(trials(OPERATIONS[name]))
    operation = OPERATIONS[name]
    generator = np.random.default_rng(0)
    wanted = [n for n in operation.gradients if trial.arrays[n] is not None]
    base = {n: trial.arrays[n].astype(np.float64) for n in wanted}
    direction = {n: generator.standard_normal(a.shape) for n, a in base.items()}
    direction = {n: d / max(np.linalg.norm(d), 1e-9) for n, d in direction.items()}

    def objective(step):
        trial.arrays |= {n: base[n] + step * direction[n] for n in wanted}
        outputs = trial.forward("reference")
        return sum(np.vdot(trial.arrays[f"d{o}"].astype(np.float64), outputs[o]) for o in operation.outputs)

    step = 1e-5
    numeric = (objective(step) - objective(-step)) / (2 * step)
    trial.arrays |= base
    gradients = trial.backward("reference", trial.forward("reference"))
    analytic = sum(np.vdot(gradients[f"d{n}"], direction[n]) for n in wanted)
    size = sum(np.linalg.norm(gradients[f"d{n}"]) for n in wanted)
    assert abs(numeric - analytic) <= 1e-6 * max(size, 1.0), f"numeric {numeric}, analytic {analytic}"
