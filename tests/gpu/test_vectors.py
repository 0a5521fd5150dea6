"""Four values in one access: interpreted and compiled they are the same, and what is not in fours is refused."""

import numpy as np
import pytest

from kernels.gpu import cuda, float32, int32, kernel
from kernels.gpu.executed import executed
from kernels.gpu.interpreter import OutOfBounds
from kernels.gpu.vectors import groups, in_fours, load_four, store_four, thread_number
from kernels.gpu.xray import xray


@kernel
def turn_round(x, y, *, TYPE=float32, BLOCK=32):
    """Each group of four of y is that of x, backwards."""
    four, turned = cuda.local.array(4, TYPE), cuda.local.array(4, TYPE)
    n = thread_number(BLOCK)
    if n < groups(x):
        load_four(x, n, four)
        for k in range(4):
            turned[k] = four[3 - k]
        store_four(y, n, turned)


@kernel
def beyond(x, y):
    four = cuda.local.array(4, float32)
    load_four(x, thread_number(32), four)
    store_four(y, thread_number(32), four)


def launch(x, y, **how):
    return turn_round(**how)[3, 32](x, y)


@pytest.mark.parametrize("run", ["interpret", "emulate"])
@pytest.mark.parametrize(("dtype", "TYPE"), [(np.float32, float32), (np.int32, int32)])
def test_groups_are_loaded_and_stored_in_order(run, dtype, TYPE):
    x = np.arange(260, dtype=dtype)
    y = np.full_like(x, -1)
    getattr(launch(x, y, TYPE=TYPE), run)()
    np.testing.assert_array_equal(y.reshape(-1, 4)[:, ::-1].ravel(), x)


def test_a_group_is_one_access_of_16_bytes_as_compiled_and_in_the_x_ray():
    x = np.zeros(384, np.float32)
    counts = executed(launch(x, np.empty_like(x)))
    widths = {(s.kind, s.width): count.threads for s, count in counts.by_sort().items() if s.space == "global"}
    assert widths == {("load", 16): 96, ("store", 16): 96}
    assert {access.width for access in xray(launch(x, np.empty_like(x))).accesses} == {16}


def test_a_group_outside_of_the_array_is_refused():
    x = np.zeros(64, np.float32)
    with pytest.raises(OutOfBounds, match="x"):
        beyond[1, 32](x, np.empty(128, np.float32)).interpret()


def test_arrays_are_in_fours_where_they_have_whole_groups_that_begin_at_16_bytes():
    x = np.zeros(40, np.float32)
    first = -x.ctypes.data % 16 // 4
    x = x[first:]
    assert in_fours(x[:8], x[4:20])
    assert not in_fours(x[:8], x[:9])
    assert not in_fours(x[:0])
    assert not in_fours(x[:8], x[1:9])
    assert in_fours(np.broadcast_to(x[:1], (2**33,)))
    assert not in_fours(np.broadcast_to(x[:1], (2**33 + 4,)))
