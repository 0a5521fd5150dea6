"""Transposition: there and back, as an adjoint pair, not-finite values, and what each rung costs in memory."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernels.gpu.xray import xray
from kernels.operation import ShapeError, all_operations
from kernels.operations.transpose import cuda
from tests.helpers.running import KINDS, backward, float64_in, forward, trial
from tests.helpers.strategies import trials

TRANSPOSE = all_operations()["transpose"]
RUNGS = range(1, len(cuda.forward) + 1)


def counts(shape, rung):
    """Accesses by space and kind, as hardware would see them, in all blocks of a launch that transposes `shape`."""
    (launch,) = trial("transpose", x=np.ones(shape)).launches("forward", rung)
    return {(a.space, a.kind): a for a in xray(launch, blocks=10**6).accesses}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_become_columns_in_each_matrix_by_itself(kind):
    x = np.arange(12).reshape(2, 2, 3)
    y = forward("transpose", kind, x=x)["y"]
    np.testing.assert_array_equal(y, [[[0, 3], [1, 4], [2, 5]], [[6, 9], [7, 10], [8, 11]]])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(TRANSPOSE))
def test_twice_is_the_array_itself(kind, trial):
    x = trial.arrays["x"]
    once = trial.forward(kind)["y"]
    np.testing.assert_array_equal(forward("transpose", kind, x=once)["y"], x)
    np.testing.assert_array_equal(backward("transpose", kind, x=x, dy=once)["dx"], x)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(TRANSPOSE))
def test_dx_is_the_adjoint_of_forward(kind, trial):
    x, dy = trial.arrays["x"].astype(np.float64), trial.arrays["dy"].astype(np.float64)
    run = trial.forward(kind)
    np.testing.assert_allclose(np.vdot(run["y"], dy), np.vdot(x, trial.backward(kind, run)["dx"]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_not_finite_move_like_any_other(kind):
    x = np.array([[[np.nan, np.inf, 1], [-np.inf, 2, np.nan]]], np.float32)
    np.testing.assert_array_equal(forward("transpose", kind, x=x)["y"], x.swapaxes(1, 2))


@given(M=st.integers(1, 70), N=st.integers(1, 70))
@example(M=33, N=64)
def test_tiles_of_a_core_cover_a_matrix_of_any_size(M, N):
    x = np.arange(2 * M * N, dtype=np.float32).reshape(2, M, N)
    np.testing.assert_array_equal(forward("transpose", "cpu", x=x)["y"], x.swapaxes(1, 2))


@pytest.mark.parametrize(
    ("matrix", "tile"),
    [((64, 64), (32, 32)), ((2, 4096), (2, 512)), ((12, 4096), (16, 64)), ((4096, 2), (512, 2)), ((1, 1), (1, 1024))],
)
def test_a_fitted_tile_is_narrow_where_the_matrix_is(matrix, tile):
    assert cuda.fitted_tile(*matrix, 32) == tile


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("shape", [(2, 37, 70), (1, 2, 1100), (1, 1100, 3), (3, 1, 1)])
def test_gpu_sized_tiles_cover_matrices_of_any_size(shape, rung):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    case = trial("transpose", x=x)
    y = np.full(case.shapes["y"], np.nan, np.float32)
    for launch in cuda.forward(x=x, y=y, rung=rung):
        launch.interpret()
    np.testing.assert_array_equal(y, x.swapaxes(1, 2))


def test_the_direct_rung_reads_a_sector_for_each_thread():
    found = counts((1, 64, 64), rung=1)
    read, written = found["global", "load"], found["global", "store"]
    assert read.sectors == 32 * read.requests == 8 * read.ideal_sectors
    assert written.sectors == written.ideal_sectors


@pytest.mark.parametrize(("rung", "turns"), [(2, 32), (3, 1), (4, 1)])
def test_a_tile_makes_neighbours_of_all_reads_and_writes_and_padding_frees_its_columns_of_conflicts(rung, turns):
    found = counts((1, 64, 64), rung)
    for kind in ("load", "store"):
        assert found["global", kind].sectors == found["global", kind].ideal_sectors
    assert found["shared", "store"].conflicts == 0
    assert found["shared", "load"].wavefronts == turns * found["shared", "load"].requests


@pytest.mark.parametrize("channels", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("last", [False, True])
def test_a_fitted_tile_keeps_all_threads_busy_without_conflicts_however_narrow_the_matrix(channels, last):
    found = counts((1, 1024, channels) if last else (1, channels, 1024), rung=4)
    for access in found.values():
        assert access.active == 1
        assert access.waste == 0


def test_a_square_tile_leaves_a_narrow_matrix_two_threads_of_a_warp():
    written = counts((1, 2, 1024), rung=3)["global", "store"]
    assert written.lanes == 2 * written.requests


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_without_float64(direction):
    assert not float64_in("transpose", direction, x=np.ones((2, 3, 5)))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (2, 0, 3)])
def test_what_is_no_row_of_matrices_is_refused_in_one_line(shape):
    message = f"transpose: x {shape} must have 3 sizes (R, M, N) of at least 1"
    with pytest.raises(ShapeError, match=re.escape(message)):
        forward("transpose", "cpu", x=np.ones(shape))
