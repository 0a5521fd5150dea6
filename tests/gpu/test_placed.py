"""The product that adds up where values stand: right for all sizes and tiles, whatever lies beside the matrices."""

import numpy as np
import pytest

from kernels.gpu.compiler import uint32, uint64
from kernels.gpu.executed import executed
from kernels.gpu.placed import (
    column_of_matrix,
    column_of_transposed,
    placed,
    row_of_matrix,
    row_of_transposed,
    term_of_matrices,
)
from kernels.gpu.products import Tiles
from tests.gpu.test_products import ORDERS, SIZES, TILES, empty, interpreted, matrices, plus_bias, stored


def places(along_k):
    """The functions of `placed` for matrices that are stored so that their values follow each other along k or not."""
    left_along_k, right_along_k = along_k
    return {
        "ROW": row_of_matrix if left_along_k else row_of_transposed,
        "COLUMN": column_of_transposed if right_along_k else column_of_matrix,
        "TERM": term_of_matrices(LEFT_ALONG_K=left_along_k, RIGHT_ALONG_K=right_along_k),
        "LEFT_ALONG_K": left_along_k,
        "RIGHT_ALONG_K": right_along_k,
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("along_k", ORDERS)
@pytest.mark.parametrize("tiles", TILES)
def test_placed_is_the_product_of_matrices_however_they_stand(size, along_k, tiles):
    left, right, b = matrices(*size)
    a, c, _ = stored(left, right, along_k)
    out = empty(*size[:2])
    launch = placed(a, c, b, out, size, tiles, STORE=plus_bias, **places(along_k))
    np.testing.assert_array_equal(interpreted(launch, out), left @ right + b)


def test_values_that_nobody_multiplies_may_be_infinite():
    left, right = np.ones((2, 9), np.float32), np.ones((9, 3), np.float32)
    left[1], right[:, 2] = np.inf, np.inf
    out = empty(2, 3)
    interpreted(placed(left, right, None, out, (2, 3, 9), TILES[0], **places((True, False))), out)
    np.testing.assert_array_equal(out, [[9, 9, np.inf], [np.inf, np.inf, np.inf]])


def test_places_beyond_32_bits_are_counted_in_64():
    small, huge = np.zeros((4, 4), np.float32), np.broadcast_to(np.float32(0), (4, 2**30 + 1))
    out = np.broadcast_to(np.float32(0), (4, 2**30 + 1))
    launch = placed(small, huge, None, out, (*out.shape, 4), TILES[0], **places((True, False)))
    assert launch.kernel.source.constants["PLACE"] is uint64
    left, right, _ = matrices(17, 35, 9)
    out = empty(17, 35)
    launch = placed(left, right, None, out, (17, 35, 9), TILES[0], **places((True, False)))
    assert launch.kernel.source.constants["PLACE"] is uint32
    launch.kernel(PLACE=uint64)[launch.grid, launch.block](*launch.args).interpret()
    np.testing.assert_array_equal(out, left @ right)


@pytest.mark.parametrize("along_k", ORDERS)
def test_most_of_what_is_executed_multiplies(along_k):
    left, right, _ = matrices(64, 128, 256)
    a, c, _ = stored(left, right, along_k)
    out = empty(64, 128)
    tiles = Tiles(m=64, n=128, k=8, per=8, group=4)
    found = executed(placed(a, c, None, out, (64, 128, 256), tiles, **places(along_k)))
    np.testing.assert_array_equal(out, left @ right)
    assert found.share("fma") > 0.6
