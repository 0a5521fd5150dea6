"""Normalisation: every byte, every channel in its plane, whitening, and what each rung asks of memory."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.cpu.cores import one_core
from kernels.gpu.xray import xray
from kernels.operation import ShapeError, all_operations
from kernels.operations.normalise.cuda import BLOCK, SHARED_BYTES
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

NORMALISE = all_operations()["normalise"]
RUNGS = range(1, 5)


def normalised(kind, x, **settings):
    return forward("normalise", kind, settings, x=x)["y"]


def loads_of_x(rung, x):
    """What the loads of a rung ask for, with tiles of the size that a GPU has."""
    (launch,) = trial("normalise", x=x).launches("forward", rung)
    return [a for a in xray(launch, blocks=10**9).accesses if (a.space, a.kind) == ("global", "load")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_becomes_its_number_in_every_channel(kind):
    byte = np.arange(256, dtype=np.uint8)
    y = normalised(kind, np.stack([byte, byte, byte], axis=1).reshape(1, 16, 16, 3))
    for c, (mean, std) in enumerate(zip(NORMALISE.settings["mean"], NORMALISE.settings["std"], strict=True)):
        np.testing.assert_allclose(y[0, c].reshape(-1), (byte / 255 - mean) / std, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_black_is_0_and_white_is_1_where_nothing_is_to_be_done(kind):
    y = normalised(kind, np.array([0, 255], np.uint8).reshape(1, 1, 2, 1), mean=(0.0,), std=(1.0,))
    np.testing.assert_allclose(y, [[[[0, 1]]]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(NORMALISE))
def test_each_channel_has_a_plane_of_its_own(kind, trial):
    """Channels that change places, with their moments, are planes that change places."""
    x, settings = trial.arrays["x"], trial.settings
    backwards = {name: values[::-1] for name, values in settings.items()}
    np.testing.assert_array_equal(normalised(kind, x[..., ::-1], **backwards), normalised(kind, x, **settings)[:, ::-1])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_with_its_own_moments_a_picture_has_mean_0_and_deviation_1(kind, seed):
    x = np.random.default_rng(seed).integers(0, 256, (1, 5, 7, 3), np.uint8)
    mean, std = (x / 255).mean((0, 1, 2)), (x / 255).std((0, 1, 2))
    y = normalised(kind, x, mean=tuple(mean.tolist()), std=tuple(std.tolist())).astype(np.float64)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-5)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("C", [1, 3])
def test_bytes_that_fill_no_block_and_no_word_are_not_forgotten(C, rung):
    for W in range(1, 14):
        x = np.random.default_rng(W).integers(0, 256, (1, 1, W, C), np.uint8)
        case = trial("normalise", {"mean": (0.5,) * C, "std": (0.25,) * C}, x=x)
        y = case.forward("interpret", rung=rung)["y"]
        np.testing.assert_allclose(y, case.forward("reference")["y"], rtol=1e-6, atol=1e-6, err_msg=f"{W} pixels")


@pytest.mark.parametrize("C", [1, 3, 4])
def test_any_number_of_cores_gives_the_same_bits(C):
    x = np.random.default_rng(0).integers(0, 256, (2, 9, 40, C), np.uint8)
    settings = {"mean": (0.4,) * C, "std": (0.2,) * C}
    y = normalised("cpu", x, **settings)
    with one_core():
        np.testing.assert_array_equal(normalised("cpu", x, **settings), y)


@pytest.mark.parametrize(("rung", "sectors"), [(1, 3), (2, 3), (3, 1), (4, 4)])
def test_a_warp_that_loads_touches_as_many_sectors_as_its_rung_says(rung, sectors):
    pixels = 2 * BLOCK
    loads = loads_of_x(rung, np.zeros((1, 1, pixels, 3), np.uint8))
    requests = sum(a.requests for a in loads)
    assert requests == 3 * pixels // (128 if rung == 4 else 32)
    assert sum(a.sectors for a in loads) == sectors * requests


@pytest.mark.parametrize("rung", [3, 4])
def test_more_channels_than_shared_memory_holds_are_left_to_the_pixels(rung):
    C = SHARED_BYTES // BLOCK + 1
    case = trial("normalise", {"mean": (0.5,) * C, "std": (0.25,) * C}, x=np.zeros((1, 1, 2, C), np.uint8))
    (launch,) = case.launches("forward", rung)
    assert launch.kernel.name == "forward_pixel"


@pytest.mark.parametrize("C", [1, 5])
def test_compiles_without_float64(C):
    settings = {"mean": (0.1, 0.2, 0.3, 0.4, 0.5)[:C], "std": (0.6, 0.7, 0.8, 0.9, 1.0)[:C]}
    assert not float64_in("normalise", "forward", settings, x=np.zeros((1, 2, 2, C), np.uint8))


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3, 28, 3), {}, "x (3, 28, 3) must have 4 sizes (R, H, W, C) of at least 1"),
        (
            (1, 2, 2, 1),
            {},
            "mean (0.485, 0.456, 0.406) and std (0.229, 0.224, 0.225) must have a number for each of the 1 channels",
        ),
        (
            (1, 2, 2, 2),
            {"mean": (0.5, 0.5), "std": (0.5,)},
            "mean (0.5, 0.5) and std (0.5,) must have a number for each of the 2 channels",
        ),
        ((1, 2, 2, 1), {"mean": (0.5,), "std": (0.0,)}, "mean (0.5,) must be finite, std (0.0,) finite and above 0"),
        (
            (1, 2, 2, 1),
            {"mean": (np.nan,), "std": (1.0,)},
            "mean (nan,) must be finite, std (1.0,) finite and above 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shape, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"normalise: {message}")):
        normalised("cpu", np.zeros(shape, np.uint8), **settings)
