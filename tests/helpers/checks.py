"""What must hold of every operation, as functions of one trial. They raise AssertionError."""

import numpy as np

from kernels.bench.trial import Trial


def assert_close(got, expected, tolerance):
    """Arrays by name: integers equal, floats within `tolerance` of the expected as vectors.

    Sums of both signs may come out near 0 by chance, so errors are measured against values of size 0.1 at least.
    """
    for name, value in expected.items():
        if np.issubdtype(value.dtype, np.integer):
            np.testing.assert_array_equal(got[name], value, err_msg=name)
            continue
        assert np.isfinite(got[name]).all(), f"{name} has values that nobody wrote: {got[name]}"
        error = np.linalg.norm(got[name].astype(np.float64) - value)
        size = max(np.linalg.norm(value), 0.1 * np.sqrt(value.size))
        assert error <= tolerance * size, f"{name} is off by {error}: {got[name]} {value}"


def assert_same(got, expected):
    """The same arrays by name, bit for bit."""
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def check_forward(trial: Trial, kind: str, **options):
    """An implementation computes what the reference computes."""
    assert_close(trial.forward(kind, **options), trial.forward("reference"), trial.operation.tolerance)


def check_backward(trial: Trial, kind: str, **options):
    """Given one forward run, an implementation's delta-errors are the reference's."""
    forward = trial.forward("cpu")
    expected = trial.backward("reference", forward)
    assert_close(trial.backward(kind, forward, **options), expected, trial.operation.tolerance)


def check_derivative(trial: Trial):
    """The reference's backward is the derivative of its forward.

    One random directional derivative in float64, by central differences (Zozoulenko (2018), eq. 13).
    """
    operation, given = trial.operation, dict(trial.arrays)
    (delta,) = operation.deltas
    generator = np.random.default_rng(0)
    wanted = [n for n in operation.gradients if trial.arrays[n] is not None]
    base = {n: trial.arrays[n].astype(np.float64) for n in wanted}
    direction = {n: generator.standard_normal(a.shape) for n, a in base.items()}
    direction = {n: d / max(np.linalg.norm(d), 1e-9) for n, d in direction.items()}

    def objective(step):
        trial.arrays |= {n: base[n] + step * direction[n] for n in wanted}
        outputs = trial.forward("reference")
        return np.vdot(trial.arrays[delta].astype(np.float64), outputs[operation.outputs[0]])

    step = 1e-5
    numeric = (objective(step) - objective(-step)) / (2 * step)
    trial.arrays |= given
    gradients = trial.backward("reference", trial.forward("reference"))
    analytic = sum(np.vdot(gradients[f"d{n}"], direction[n]) for n in wanted)
    size = sum(np.linalg.norm(gradients[f"d{n}"]) for n in wanted)
    assert abs(numeric - analytic) <= 1e-6 * max(size, 1.0), f"numeric {numeric}, analytic {analytic}"


def check_torch(trial: Trial):
    """What PyTorch calls the operation computes what the reference computes, and autograd its delta-errors."""
    import torch

    from benchmarks.torch_twin import default_dtype

    operation = trial.operation
    tensors = {n: None if a is None else torch.tensor(a) for n, a in trial.arrays.items()}
    tensors = {n: t.double() if t is not None and t.is_floating_point() else t for n, t in tensors.items()}
    wanted = {n: t.requires_grad_() for n in operation.gradients if (t := tensors[n]) is not None}
    arguments = {n: tensors[n] for n in (*operation.inputs, *operation.state)} | trial.settings
    with default_dtype(torch.float64):
        outputs = operation.in_torch()(**arguments)
    outputs = dict(zip(operation.outputs, outputs if len(operation.outputs) > 1 else (outputs,), strict=True))
    expected = trial.forward("reference")
    assert_close({n: t.detach().numpy() for n, t in outputs.items()}, {n: expected[n] for n in outputs}, 1e-9)
    if wanted:
        (delta,) = operation.deltas
        gradients = torch.autograd.grad(outputs[operation.outputs[0]], list(wanted.values()), tensors[delta])
        got = {f"d{n}": g.numpy() for n, g in zip(wanted, gradients, strict=True)}
        assert_close(got, trial.backward("reference", expected), 1e-9)
