"""The matrix products that conv2d and linear share: right for all sizes, tiles and orders, in whole numbers exactly."""

import numpy as np
import pytest

from kernels.gpu import cuda, device
from kernels.gpu.index import split
from kernels.gpu.products import Tiles, element, length_of_parts, registers, tiled, transposed

# Larger than a tile in each direction, smaller, and exactly as large; and nothing to sum.
SIZES = [(17, 35, 9), (3, 5, 2), (8, 16, 4), (1, 1, 1), (9, 33, 12), (2, 3, 0)]
TILES = [
    Tiles(m=8, n=4, k=4, per=2),
    Tiles(m=8, n=16, k=4, per=2, group=2),
    Tiles(m=16, n=32, k=4, per=4, group=2),
    Tiles(m=16, n=32, k=4, per=4, group=4),
]
ORDERS = [(True, True), (True, False), (False, True), (False, False)]


def matrices(M, N, K):
    generator = np.random.default_rng(M + N + K)
    return (generator.integers(-9, 9, shape).astype(np.float32) for shape in ((M, K), (K, N), (N,)))


def stored(left, right, along_k):
    """The matrices so that their values follow each other along k or not, and the functions that find them."""
    left_along_k, right_along_k = along_k
    functions = {
        "LEFT": element if left_along_k else transposed,
        "RIGHT": transposed if right_along_k else element,
        "LEFT_ALONG_K": left_along_k,
        "RIGHT_ALONG_K": right_along_k,
    }
    left, right = left if left_along_k else left.T.copy(), right.T.copy() if right_along_k else right
    return left, right, functions


def interpreted(launch, out):
    launch.interpret()
    return out


def empty(*shape):
    return np.full(shape, np.nan, np.float32)


@device
def plus_bias(out, b, m, n, value):
    out[m, n] = value + b[n]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("along_k", ORDERS)
def test_tiled_is_the_product_of_matrices_however_they_stand(size, along_k):
    left, right, b = matrices(*size)
    a, c, functions = stored(left, right, along_k)
    out = empty(*size[:2])
    launch = tiled(a, c, b, out, size, TILE=4, STORE=plus_bias, **functions)
    np.testing.assert_array_equal(interpreted(launch, out), left @ right + b)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("along_k", ORDERS)
@pytest.mark.parametrize("tiles", TILES)
def test_registers_is_the_product_of_matrices_however_they_stand(size, along_k, tiles):
    left, right, b = matrices(*size)
    a, c, functions = stored(left, right, along_k)
    out = empty(*size[:2])
    launch = registers(a, c, b, out, size, tiles, STORE=plus_bias, **functions)
    np.testing.assert_array_equal(interpreted(launch, out), left @ right + b)


@device
def by_image(matrix, index):
    return split(index, 2, 3)


@device
def element_of_image(matrix, m, k):
    return matrix[m, k[0], k[1], k[2]]


@device
def image_of_element(matrix, k, n):
    return matrix[n[0], k[0], k[1], k[2], n[1], n[2]]


@device
def store_image(out, b, m, n, value):
    out[n[0], m, n[1], n[2]] = value


@pytest.mark.parametrize("launch", ["tiled", "registers"])
def test_indices_may_count_through_more_than_one_axis(launch):
    generator = np.random.default_rng(0)
    left = generator.integers(-9, 9, (5, 3, 2, 3)).astype(np.float32)
    right = generator.integers(-9, 9, (4, 3, 2, 3, 2, 3)).astype(np.float32)
    out = empty(4, 5, 2, 3)
    functions = {"LEFT": element_of_image, "RIGHT": image_of_element, "STORE": store_image}
    functions |= {"UNRAVEL_K": by_image, "UNRAVEL_N": by_image}
    size = (5, 4 * 2 * 3, 3 * 2 * 3)
    if launch == "tiled":
        run = tiled(left, right, None, out, size, TILE=4, **functions)
    else:
        run = registers(left, right, None, out, size, TILES[0], **functions)
    expected = np.einsum("mcji,rcjihw->rmhw", left, right)
    np.testing.assert_array_equal(interpreted(run, out), expected)


@device
def store_part(out, b, m, n, value):
    out[cuda.blockIdx.z, m, n] = value


def test_a_sum_may_be_cut_into_parts_that_add_up():
    size, tiles = (5, 6, 50), TILES[0]
    left, right, _ = matrices(*size)
    length = length_of_parts(size, tiles, BLOCKS=10)
    assert length % tiles.k == 0
    parts = empty(-(-50 // length), 5, 6)
    assert len(parts) * np.prod(tiles.grid(5, 6)) >= 10
    interpreted(registers(left, right, None, parts, size, tiles, length, STORE=store_part), parts)
    np.testing.assert_array_equal(parts.sum(axis=0), left @ right)
    np.testing.assert_array_equal(parts[0], left[:, :length] @ right[:length])


@pytest.mark.parametrize("along_k", ORDERS)
def test_the_largest_tiles_stay_in_float32_and_in_registers_and_are_read_four_at_a_time(along_k):
    left, right, _ = matrices(70, 130, 40)
    a, c, functions = stored(left, right, along_k)
    tiles = Tiles(m=64, n=128, k=8, per=8, group=4)
    ptx = registers(a, c, None, empty(70, 130), (70, 130, 40), tiles, **functions).ptx("sm_90")
    assert ".f64" not in ptx
    assert "ld.local" not in ptx
    assert "st.local" not in ptx
    assert ptx.count("ld.shared.v4.f32") >= 4


def test_a_tile_is_half_as_high_where_the_result_has_few_rows_unless_that_would_cut_groups():
    assert Tiles(m=64, per=8, group=4).fitting(32) == (32, 4)
    assert Tiles(m=64, per=8, group=4).fitting(33) == (64, 8)
    assert Tiles(m=64, per=4, group=4).fitting(1) == (64, 4)
    assert Tiles(m=64, per=4).fitting(1) == (32, 2)
