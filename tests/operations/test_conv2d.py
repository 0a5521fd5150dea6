"""Convolution: what must hold of it besides what tests/operations/test_operations.py asks of every operation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.gpu.xray import xray
from kernels.operation import ShapeError
from kernels.operations.conv2d import operation, reference
from kernels.operations.conv2d.cuda import backward, forward
from tests.helpers.strategies import HypothesisDraw

RUNGS = [("interpret", rung) for rung in range(1, max(len(forward), len(backward)) + 1)]
EVERY = [("reference", None), ("cpu", None), *RUNGS]
BEST = [("reference", None), ("cpu", None), ("interpret", None)]
every_implementation = pytest.mark.parametrize(("kind", "rung"), EVERY)
best_implementations = pytest.mark.parametrize(("kind", "rung"), BEST)

BOTH, UNBIASED, BIASED = st.booleans(), st.just(False), st.just(True)


@st.composite
def convolutions(draw, biased=BOTH, **fixed):
    """A small convolution: strided, padded and rectangular as it comes, but for the settings that are fixed."""
    case = operation.case(HypothesisDraw(draw)) | fixed
    case["b"] = case["w"][:1] if draw(biased) else None
    return Trial.of_shape(operation, case, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))


def outputs(trial, kind, rung, **arrays):
    """y, where `arrays` may replace arrays of the trial by others, of whatever shape."""
    case = {**trial.shapes, **{n: a.shape for n, a in arrays.items()}, **trial.settings}
    case = {n: case[n] for n in (*operation.inputs, *operation.settings)}
    changed = Trial.of_shape(operation, case, np.random.default_rng(0))
    changed.arrays |= {n: trial.arrays[n] for n in operation.inputs} | arrays
    return changed.forward(kind, rung=top(forward, rung))["y"]


def gradients(trial, kind, rung, wanted=("dx", "dw", "db")):
    """The delta-errors named in `wanted`, by name; the others are passed as None, which is how to not want one."""
    arrays = {n: trial.arrays[n] for n in ("dy", "x", "w")} | dict.fromkeys(("dx", "dw", "db"))
    wanted = [n for n in wanted if trial.arrays[n[1:]] is not None]
    arrays |= {n: np.full_like(trial.arrays[n[1:]], np.nan) for n in wanted}
    if kind == "interpret":
        for launch in backward(**arrays, **trial.settings, rung=top(backward, rung), tiny=True):
            launch.interpret()
    else:
        operation.implementation(kind).backward(**arrays, **trial.settings)
    return {n: arrays[n] for n in wanted}


def top(ladder, rung):
    """The rung itself, or the highest where the ladder ends below it."""
    return min(rung, len(ladder)) if rung else None


def dot(a, b):
    return np.vdot(a.astype(np.float64), b.astype(np.float64))


def assert_equal(got, expected):
    error = np.linalg.norm(got.astype(np.float64) - expected)
    assert error <= operation.tolerance * max(np.linalg.norm(expected), 1e-3), f"off by {error}: {got} {expected}"


def assert_adjoint(trial, y, x, dx):
    """<y, dy> = <x, dx>, within what rounding does to sums of this size."""
    size = np.linalg.norm(y) * np.linalg.norm(trial.arrays["dy"])
    assert abs(dot(y, trial.arrays["dy"]) - dot(x, dx)) <= operation.tolerance * max(size, 1e-3)


@every_implementation
@given(trial=convolutions(biased=UNBIASED))
def test_dx_and_dw_are_the_adjoints_of_forward_as_a_function_of_x_and_of_w(kind, rung, trial):
    y = outputs(trial, kind, rung)
    delta = gradients(trial, kind, rung, wanted=("dx", "dw"))
    assert_adjoint(trial, y, trial.arrays["x"], delta["dx"])
    assert_adjoint(trial, y, trial.arrays["w"], delta["dw"])


@best_implementations
@given(trial=convolutions(biased=BIASED))
def test_db_is_the_adjoint_of_spreading_the_bias(kind, rung, trial):
    y = np.broadcast_to(trial.arrays["b"][:, np.newaxis, np.newaxis], trial.shapes["y"])
    assert_adjoint(trial, y, trial.arrays["b"], gradients(trial, kind, rung, wanted=["db"])["db"])


@best_implementations
@given(trial=convolutions(biased=UNBIASED), factor=st.sampled_from((-2.0, 0.5, 3.0)))
def test_forward_is_linear_in_x_and_in_w(kind, rung, trial, factor):
    for name in ("x", "w"):
        one = trial.arrays[name]
        other = np.flip(one, axis=(0, 2)).copy()
        expected = factor * outputs(trial, kind, rung) + outputs(trial, kind, rung, **{name: other})
        assert_equal(outputs(trial, kind, rung, **{name: np.float32(factor) * one + other}), expected)


@best_implementations
@given(trial=convolutions(), shift=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_a_shifted_input_gives_a_shifted_output(kind, rung, trial, shift):
    y = outputs(trial, kind, rung)
    down, right = (min(d, size - 1) for d, size in zip(shift, y.shape[2:], strict=True))
    stride_h, stride_w = trial.settings["stride"]
    framed = reference.pad(trial.arrays["x"], trial.settings["padding"])
    shifted = np.ascontiguousarray(framed[:, :, down * stride_h :, right * stride_w :])
    trial.settings["padding"] = (0, 0)
    assert_equal(outputs(trial, kind, rung, x=shifted), y[:, :, down:, right:])


@best_implementations
@given(trial=convolutions())
def test_padding_is_convolving_an_input_in_a_frame_of_zeros(kind, rung, trial):
    y = outputs(trial, kind, rung)
    framed = reference.pad(trial.arrays["x"], trial.settings["padding"])
    trial.settings["padding"] = (0, 0)
    assert_equal(outputs(trial, kind, rung, x=framed), y)


@best_implementations
@given(trial=convolutions(w=(3, 2, 1, 1), x=(2, 2, 4, 3), padding=(0, 0), stride=(1, 1), biased=UNBIASED))
def test_a_kernel_of_one_is_a_linear_map_of_the_channels(kind, rung, trial):
    expected = np.einsum("dc,rchw->rdhw", trial.arrays["w"][:, :, 0, 0].astype(np.float64), trial.arrays["x"])
    assert_equal(outputs(trial, kind, rung), expected)


def equation_24(trial, stride):
    """The sum as it is printed, term by term, but h' and w' each times a stride."""
    x, w = reference.pad(trial.arrays["x"], trial.settings["padding"]), trial.arrays["w"]
    y = np.zeros(trial.shapes["y"])
    for r, c_out, h_out, w_out in np.ndindex(y.shape):
        for c, j, i in np.ndindex(w.shape[1:]):
            y[r, c_out, h_out, w_out] += x[r, c, stride[0] * h_out + j, stride[1] * w_out + i] * w[c_out, c, j, i]
    return y


@given(trial=convolutions(biased=UNBIASED))
def test_reference_is_equation_24_with_the_stride_of_equations_22_and_23(trial):
    assert_equal(outputs(trial, "reference", None), equation_24(trial, trial.settings["stride"]))


def test_padding_is_that_of_figure_10():
    x = np.array([[[[1, 2, 3], [2, 3, 1], [4, 6, 2]]]])
    expected = [[0, 0, 0, 0, 0], [0, 1, 2, 3, 0], [0, 2, 3, 1, 0], [0, 4, 6, 2, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(reference.pad(x, (1, 1))[0, 0], expected)


@every_implementation
def test_nan_and_infinity_reach_the_outputs_that_see_them_and_no_others(kind, rung):
    case = {"x": (2, 1, 4, 5), "w": (2, 1, 2, 2), "b": (2,)}
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    trial.arrays["x"][0, 0, 0, 0] = np.nan
    trial.arrays["x"][1, 0, 3, 4] = np.inf
    y = outputs(trial, kind, rung)
    assert np.isnan(y[0, :, 0, 0]).all()
    assert np.isinf(y[1, :, 2, 3]).all()
    assert np.isfinite(y).sum() == y.size - 4


@best_implementations
@given(trial=convolutions(biased=BIASED), wanted=st.sampled_from(("dx", "dw", "db")))
def test_a_gradient_is_the_same_whether_or_not_the_others_are_wanted(kind, rung, trial, wanted):
    alone = gradients(trial, kind, rung, wanted=[wanted])
    np.testing.assert_array_equal(alone[wanted], gradients(trial, kind, rung)[wanted])


@best_implementations
def test_more_channels_than_a_tile_has_are_more_tiles(kind, rung):
    case = {"x": (1, 10, 4, 3), "w": (17, 10, 2, 1), "b": (17,), "stride": (2, 1), "padding": (1, 0)}
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    assert_equal(outputs(trial, kind, rung), outputs(trial, "reference", None))
    expected = gradients(trial, "reference", None)
    for name, value in gradients(trial, kind, rung).items():
        assert_equal(value, expected[name])


@pytest.mark.parametrize("kind", ["reference", "cpu"])
@given(trial=convolutions())
def test_forward_and_backward_equal_those_of_pytorch(kind, trial):
    torch = pytest.importorskip("torch")
    tensors = {n: None if a is None else torch.tensor(a).double() for n, a in trial.arrays.items()}
    leaves = {n: tensors[n].requires_grad_() for n in operation.inputs if tensors[n] is not None}
    y = torch.nn.functional.conv2d(tensors["x"], tensors["w"], tensors["b"], **trial.settings)
    y.backward(tensors["dy"])
    assert_equal(outputs(trial, kind, None), y.detach().numpy())
    for name, value in gradients(trial, kind, None).items():
        assert_equal(value, leaves[name[1:]].grad.numpy())


LADDERS = (forward, *backward.parts)


def assert_compiles_to_float32_in_registers(name, rung, architecture, channels, stride):
    """No float64, and no local memory: a thread's arrays must lie in registers, or they cost most of its time."""
    case = {"x": (2, 3, 6, 6), "w": (channels, 3, 3, 3), "b": (channels,), "stride": stride, "padding": (1, 1)}
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    direction = "forward" if name == "forward" else "backward"
    for launch in trial.launches(direction, rung, part=name):
        ptx = launch.ptx(architecture)
        assert ".f64" not in ptx
        assert "ld.local" not in ptx
        assert "st.local" not in ptx


@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90"])
@pytest.mark.parametrize(
    ("name", "rung"), [(ladder.name, 1 + rung) for ladder in LADDERS for rung in range(len(ladder))]
)
def test_every_rung_compiles_to_float32_in_registers(name, rung, architecture):
    assert_compiles_to_float32_in_registers(name, rung, architecture, channels=8, stride=(1, 1))


@pytest.mark.parametrize("name", ["forward", "dx", "dw"])
def test_the_largest_tiles_stay_in_registers(name):
    assert_compiles_to_float32_in_registers(name, None, "sm_90", channels=70, stride=(2, 1))


@pytest.mark.parametrize(("direction", "part"), [("forward", None), ("backward", "dx"), ("backward", "dw")])
def test_the_highest_rung_stores_into_no_more_sectors_than_it_fills(direction, part):
    case = {"x": (2, 8, 16, 16), "w": (64, 8, 3, 3), "padding": (1, 1)}
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    counts = xray(trial.launches(direction, part=part)[0], blocks=1)
    (stores,) = (a for a in counts.accesses if (a.array, a.kind) == ("out", "store"))
    assert stores.sectors == stores.ideal_sectors


X, W = (2, 3, 8, 8), (4, 3, 5, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": (2, 3, 3, 28)}, "conv2d: kernel (5, 5) does not fit into input (3, 28) with padding (0, 0)"),
        ({"x": (2, 2, 8, 8)}, "conv2d: w (4, 3, 5, 5) expects 3 channels, x (2, 2, 8, 8) has 2"),
        ({"x": (3, 8, 8)}, "conv2d: x (3, 8, 8) is not (R, C, H, W) with every size at least 1"),
        ({"w": (4, 3, 5)}, "conv2d: w (4, 3, 5) is not (C', C, kh, kw) with every size at least 1"),
        ({"w": (0, 3, 5, 5)}, "conv2d: w (0, 3, 5, 5) is not (C', C, kh, kw) with every size at least 1"),
        ({"b": (3,)}, "conv2d: b (3,) must be (4,), one bias for each output channel of w (4, 3, 5, 5)"),
        ({"b": (4, 1)}, "conv2d: b (4, 1) is not (C',) with every size at least 1"),
        ({"stride": (0, 1)}, "conv2d: stride (0, 1) must be a pair (rows, columns) of integers of at least 1"),
        ({"stride": 2}, "conv2d: stride 2 must be a pair (rows, columns) of integers of at least 1"),
        ({"padding": (1, -1)}, "conv2d: padding (1, -1) must be a pair (rows, columns) of integers of at least 0"),
        ({"padding": (1.5, 0)}, "conv2d: padding (1.5, 0) must be a pair (rows, columns) of integers of at least 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(changes, message):
    arguments = {"x": X, "w": W, "b": (4,), "stride": (1, 1), "padding": (0, 0)} | changes
    with pytest.raises(ShapeError) as refusal:
        operation.shapes(**arguments)
    assert str(refusal.value) == message


def test_flops_count_a_multiply_add_for_each_weight_of_each_output():
    counted = operation.flops(x=(50, 32, 24, 24), w=(32, 32, 5, 5), b=(32,), stride=(1, 1), padding=(0, 0))
    forward_flops = 2 * 50 * 32 * 20 * 20 * 32 * 5 * 5
    assert counted == (forward_flops, 2 * forward_flops)
