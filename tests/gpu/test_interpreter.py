"""The interpreter executes what CUDA's dialect of Python has: each construct against NumPy or plain Python."""

import math
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import cuda, device, float32, int32, int64, kernel, uint32

ALL_LANES = 0xFFFFFFFF
WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)

checked_or_not = pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def run(launch, checked=True):
    """Interpret a launch that also compiles; its last argument, which it writes."""
    assert ".entry" in launch.ptx("sm_90")
    launch.interpret(checked=checked)
    return launch.args[-1]


# Where a thread is


@kernel
def places(out):
    x, y, z = cuda.grid(3)
    width, height, depth = cuda.gridsize(3)
    n = (z * height + y) * width + x
    out[n, 0] = cuda.threadIdx.x + 10 * cuda.threadIdx.y + 100 * cuda.threadIdx.z
    out[n, 1] = cuda.blockIdx.x + 10 * cuda.blockIdx.y + 100 * cuda.blockIdx.z
    out[n, 2] = cuda.blockDim.x + 10 * cuda.blockDim.y + 100 * cuda.blockDim.z
    out[n, 3] = cuda.gridDim.x + 10 * cuda.gridDim.y + 100 * cuda.gridDim.z
    out[n, 4] = width * height * depth
    out[n, 5] = cuda.laneid


@checked_or_not
def test_a_thread_knows_where_it_is_in_three_dimensions(checked):
    out = run(places[(2, 3, 2), (4, 2, 3)](zeros(288, 6, dtype=np.int64)), checked)
    for z, y, x in np.ndindex(6, 6, 8):
        block, thread = (x // 4, y // 2, z // 3), (x % 4, y % 2, z % 3)
        digits = [a + 10 * b + 100 * c for a, b, c in (thread, block, (4, 2, 3), (2, 3, 2))]
        lane = thread[0] + 4 * (thread[1] + 2 * thread[2])
        assert list(out[(z * 6 + y) * 8 + x]) == [*digits, 288, lane]


@kernel
def grid_stride(x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i] * x[i]


@given(st.integers(0, 40), st.integers(1, 4), st.integers(1, 8))
def test_a_grid_stride_loop_covers_every_element(n, grid, block):
    x = np.arange(n, dtype=np.float32)
    assert np.array_equal(run(grid_stride[grid, block](x, np.full(n, np.nan, np.float32))), x * x)


# Control flow


@kernel
def collatz(starts, steps):
    i = cuda.grid(1)
    if i >= starts.shape[0]:
        return
    n = starts[i]
    count = 0
    while True:
        if n == 1:
            break
        count += 1
        if n % 2:
            n = 3 * n + 1
            continue
        n //= 2
    steps[i] = count


@checked_or_not
def test_loops_break_continue_and_return(checked):
    def steps(n):
        return 0 if n == 1 else 1 + steps(3 * n + 1 if n % 2 else n // 2)

    starts = np.arange(1, 30, dtype=np.int32)
    out = run(collatz[4, 8](starts, zeros(29, dtype=np.int32)), checked)
    assert list(out) == [steps(int(n)) for n in starts]


@kernel
def tuples(out):
    pair = (float32(1), 2)
    first, second = pair
    shape = out.shape
    row, column = cuda.grid(2)
    at = (row, column)
    a, b = column, row
    a, b = b, a
    out[at] = first + second + pair[1] + shape[0] + len(shape) + out.ndim + out.size + 10 * a + 100 * b


def test_tuples_are_packed_unpacked_and_used_as_indices():
    out = run(tuples[1, (2, 3)](zeros(2, 3)))
    assert np.array_equal(out, [[17 + 10 * r + 100 * c for c in range(3)] for r in range(2)])


@kernel
def variables_change_type(x, y):
    total = 0
    for i in range(x.size):
        total += x[i]
    best = x[0]
    if total > 1:
        best = 0.1
    y[0] = total
    y[1] = best * best


def test_a_variable_takes_the_type_that_numba_unifies_it_to():
    x = np.array([0.1, 0.2], np.float32)
    y = run(variables_change_type[1, 1](x, zeros(2, dtype=np.float64)))
    assert y[0] == float(x[0]) + float(x[1])
    assert y[1] == float(x[0]) ** 2, "the product is one of float64 on both paths"


# Memory


@kernel
def transposed(x, y, *, TILE=4, PADDED=5):
    tile = cuda.shared.array((TILE, PADDED), float32, alignment=16)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    tile[ty, tx] = x[cuda.blockIdx.y * TILE + ty, cuda.blockIdx.x * TILE + tx]
    cuda.syncthreads()
    y[cuda.blockIdx.x * TILE + ty, cuda.blockIdx.y * TILE + tx] = tile[tx, ty]


@checked_or_not
@pytest.mark.parametrize("tile", [2, 4])
def test_shared_memory_is_one_array_for_a_block(tile, checked):
    x = np.arange(96, dtype=np.float32).reshape(8, 12)
    out = run(transposed(TILE=tile, PADDED=tile + 1)[(12 // tile, 8 // tile), (tile, tile)](x, zeros(12, 8)), checked)
    assert np.array_equal(out, x.T)


@kernel
def dynamic(x, y):
    floats = cuda.shared.array(0, float32)
    ints = cuda.shared.array(0, int32)
    i = cuda.threadIdx.x
    floats[i] = x[i]
    cuda.syncthreads()
    y[i] = ints[cuda.blockDim.x - 1 - i]


@checked_or_not
def test_dynamic_shared_memory_is_the_same_bytes_for_all_its_arrays(checked):
    x = np.array([1.0, -2.5, 3e-9, 0.0], np.float32)
    out = run(dynamic[1, 4, 16](x, zeros(4, dtype=np.int32)), checked)
    assert np.array_equal(out, x.view(np.int32)[::-1])


@kernel
def local_and_constant(x, y):
    weights = cuda.const.array_like(WEIGHTS)
    products = cuda.local.array((2, 2), float32)
    i = cuda.grid(1)
    for r in range(2):
        for c in range(2):
            products[r, c] = weights[r, c] * x[i]
            products[r, c] += float32(1)
    y[i] = products[0, 0] + products[0, 1] + products[1, 0] + products[1, 1]


@checked_or_not
def test_local_memory_belongs_to_a_thread_and_constants_are_compiled_in(checked):
    x = np.arange(4, dtype=np.float32)
    assert np.array_equal(run(local_and_constant[2, 2](x, zeros(4)), checked), 10 * x + 4)


@kernel
def stores_convert(x, small, unsigned, real):
    i = cuda.grid(1)
    small[i] = x[i]
    unsigned[i] = int64(x[i])
    real[i] = x[i] / 3


@checked_or_not
def test_a_store_converts_to_the_type_of_its_array(checked):
    x = np.array([1.9, -1.9, 300.0], np.float64)
    small, unsigned, real = zeros(3, dtype=np.int32), zeros(3, dtype=np.uint8), zeros(3)
    run(stores_convert[1, 3](x, small, unsigned, real), checked)
    assert list(small) == [1, -1, 300]
    assert list(unsigned) == [1, 255, 44]
    assert np.array_equal(real, (x / 3).astype(np.float32))


@kernel
def hashes(seeds, out):
    i = cuda.grid(1)
    state = seeds[i]
    for _ in range(5):
        state = uint32(state * uint32(747796405) + uint32(2891336453))
        state = uint32((state >> 16) ^ state)
    out[i] = state


@checked_or_not
def test_unsigned_integers_wrap(checked):
    seeds = np.array([0, 1, 2**32 - 1], np.uint32)
    expected = seeds.copy()
    for _ in range(5):
        expected = expected * np.uint32(747796405) + np.uint32(2891336453)
        expected ^= expected >> np.uint32(16)
    assert np.array_equal(run(hashes[1, 3](seeds, zeros(3, dtype=np.uint32)), checked), expected)


def test_a_view_with_strides_is_read_and_written_in_place():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    grid_stride[1, 4](x.T[1], x[:, 2]).interpret()
    assert list(x[:, 2]) == [1, 25, 81]


# Device functions


@device
def square(value):
    return value * value


@device
def cube(value):
    return value * square(value)


@device
def block_total(value):
    """The sum over a block, in shared memory of its own."""
    kept = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    kept[i] = value
    cuda.syncthreads()
    total = float32(0)
    for k in range(cuda.blockDim.x):
        total += kept[k]
    return total


@device
def either(flag):
    if flag > 0:
        return 1
    return 0.5


@kernel
def uses_devices(x, out, *, ACTIVATION=square):
    i = cuda.threadIdx.x
    first = block_total(x[i])
    second = block_total(ACTIVATION(x[i]))
    out[i] = first + second + either(i) + cube(float32(2))


@checked_or_not
def test_device_functions_nest_wait_at_barriers_and_are_passed_as_constants(checked):
    x = np.arange(4, dtype=np.float32)
    assert list(run(uses_devices[1, 4](x, zeros(4)), checked)) == [28.5, 29, 29, 29]
    assert list(run(uses_devices(ACTIVATION=cube)[1, 4](x, zeros(4)), checked)) == [50.5, 51, 51, 51]


@device
def scaled(value, *, FACTOR=2, BY=square):
    return FACTOR * BY(value)


@checked_or_not
def test_device_functions_have_compile_time_parameters_as_kernels_do(checked):
    x = np.arange(4, dtype=np.float32)
    without = list(run(uses_devices(ACTIVATION=scaled)[1, 4](x, zeros(4)), checked))
    assert without == [42.5, 43, 43, 43]
    tripled = scaled(FACTOR=3)
    assert list(run(uses_devices(ACTIVATION=tripled)[1, 4](x, zeros(4)), checked)) == [56.5, 57, 57, 57]
    assert list(run(uses_devices(ACTIVATION=tripled(BY=cube))[1, 4](x, zeros(4)), checked)) == [122.5, 123, 123, 123]
    assert "mul.f32" in uses_devices(ACTIVATION=tripled)[1, 4](x, zeros(4)).ptx("sm_90")
    assert scaled(FACTOR=3) is tripled
    assert repr(pickle.loads(pickle.dumps(tripled))) == "scaled(FACTOR=3, BY=square)"
    assert repr(uses_devices(ACTIVATION=tripled)) == "uses_devices(ACTIVATION=scaled(FACTOR=3, BY=square))"
    with pytest.raises(TypeError, match="scaled: no compile-time parameter SIZE, it has FACTOR, BY"):
        scaled(SIZE=1)


def scaling_kernel(factor):
    @kernel
    def scale(x):
        x[cuda.grid(1)] *= factor

    return scale


def test_a_kernel_sees_the_variables_around_it():
    assert list(run(scaling_kernel(3)[1, 2](np.ones(2, np.float32)))) == [3, 3]
    assert list(run(scaling_kernel(5)[1, 2](np.ones(2, np.float32)))) == [5, 5]


# Barriers that count, and warps


@kernel
def counting_barriers(x, out):
    i = cuda.threadIdx.x
    out[0, i] = cuda.syncthreads_count(x[i])
    out[1, i] = cuda.syncthreads_and(x[i])
    out[2, i] = cuda.syncthreads_or(x[i])


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_counting_barriers_count(values):
    x = np.array(values, np.int32)
    out = run(counting_barriers[1, len(x)](x, zeros(3, len(x), dtype=np.int32)))
    assert np.array_equal(out[:, 0], [np.count_nonzero(x), np.all(x), np.any(x)])
    assert (out == out[:, :1]).all()


@kernel
def shuffles(x, by, out):
    i = cuda.threadIdx.x
    out[0, i] = cuda.shfl_sync(ALL_LANES, x[i], by)
    out[1, i] = cuda.shfl_up_sync(ALL_LANES, x[i], by)
    out[2, i] = cuda.shfl_down_sync(ALL_LANES, x[i], by)
    out[3, i] = cuda.shfl_xor_sync(ALL_LANES, x[i], by)


@given(st.integers(0, 31), st.sampled_from([np.float32, np.float64, np.int32, np.int64]))
def test_shuffles_read_from_other_lanes_of_their_warp(by, dtype):
    x = np.arange(64).astype(dtype)
    out = run(shuffles[1, 64](x, by, np.zeros((4, 64), dtype)))
    for i in range(64):
        lane, warp = i % 32, i // 32 * 32
        up, down = (lane - by if lane >= by else lane), (lane + by if lane + by < 32 else lane)
        assert [*out[:, i]] == [x[warp + other] for other in (by, up, down, lane ^ by)]


@kernel
def votes(x, out):
    i = cuda.threadIdx.x
    flag = x[i] > 0
    out[0, i] = cuda.any_sync(ALL_LANES, flag)
    out[1, i] = cuda.all_sync(ALL_LANES, flag)
    out[2, i] = cuda.eq_sync(ALL_LANES, flag)
    out[3, i] = cuda.ballot_sync(ALL_LANES, flag)
    out[4, i] = cuda.popc(cuda.ballot_sync(ALL_LANES, flag))
    out[5, i] = cuda.match_any_sync(ALL_LANES, x[i])


@given(st.lists(st.integers(0, 2), min_size=32, max_size=32) | st.integers(0, 1).map(lambda v: [v] * 32))
def test_votes_of_a_warp(values):
    x = np.array(values, np.int32)
    out = run(votes[1, 32](x, zeros(6, 32, dtype=np.int32)))
    flags = x > 0
    ballot = np.packbits(flags, bitorder="little").view(np.int32)[0]
    assert [*out[:5, 7]] == [flags.any(), flags.all(), len(set(flags)) == 1, ballot, flags.sum()]
    assert out[5, 7] == np.packbits(x == x[7], bitorder="little").view(np.int32)[0]


@kernel
def warps_apart(out):
    """Each half of a warp takes its own path, and the lanes of a half meet there."""
    i = cuda.threadIdx.x
    if i % 32 < 16:
        out[i] = cuda.shfl_sync(0x0000FFFF, i, 3)
        active = cuda.activemask()
    else:
        active = cuda.activemask()
        cuda.syncwarp(0xFFFF0000)
        out[i] = cuda.shfl_sync(0xFFFF0000, i, 20)
    if active == uint32(0):
        out[i] = -1


def test_lanes_of_a_mask_meet_without_the_others():
    out = run(warps_apart[1, 64](zeros(64, dtype=np.int32)))
    assert [*out[[0, 15, 16, 31, 32, 63]]] == [3, 3, 20, 20, 35, 52]


@kernel
def warp_sums(x, out):
    value = x[cuda.grid(1)]
    for step in range(5):
        value += cuda.shfl_down_sync(ALL_LANES, value, 16 >> step)
    if cuda.laneid == 0:
        out[cuda.grid(1) // 32] = value


@checked_or_not
def test_a_warp_sums_by_shuffles(checked):
    x = np.arange(128, dtype=np.float32)
    assert list(run(warp_sums[2, 64](x, zeros(4)), checked)) == list(x.reshape(4, 32).sum(1))


# Bits and arithmetic


@kernel
def bit_counts(x, n, out):
    i = cuda.grid(1)
    out[i, 0] = cuda.popc(x[i])
    out[i, 1] = cuda.ffs(x[i])
    out[i, 2] = cuda.clz(x[i])
    out[i, 3] = cuda.brev(uint32(x[i]))
    out[i, 4] = cuda.popc(n[i])
    out[i, 5] = cuda.clz(n[i])


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=8))
def test_bits_are_counted_and_reversed(values):
    x = np.array(values, np.int32)
    out = run(bit_counts[1, len(x)](x, x.astype(np.int64), zeros(len(x), 6, dtype=np.int64)))
    for row, value in zip(out, values, strict=True):
        short, long = format(value & 2**32 - 1, "032b"), format(value & 2**64 - 1, "064b")
        lowest = short[::-1].find("1") + 1
        leading = [len(text) - len(text.lstrip("0")) for text in (short, long)]
        assert list(row) == [short.count("1"), lowest, leading[0], int(short[::-1], 2), long.count("1"), leading[1]]


@kernel
def fused(a, b, c, out):
    i = cuda.grid(1)
    out[i] = cuda.fma(a[i], b[i], c[i])


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3), min_size=1, max_size=8), st.booleans())
def test_fma_rounds_once(triples, is_double):
    from fractions import Fraction

    a, b, c = np.array(triples, np.float64 if is_double else np.float32).T.copy()
    out = run(fused[1, len(a)](a, b, c, np.zeros_like(a)))
    for x, y, z, found in zip(a, b, c, out, strict=True):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        error = abs(exact - Fraction(float(found)))
        for neighbour in (np.nextafter(found, found.dtype.type(s)) for s in (-np.inf, np.inf)):
            assert error <= abs(exact - Fraction(float(neighbour)))


@kernel
def chosen(x, out):
    i = cuda.grid(1)
    out[i] = cuda.selp(x[i] > 0, x[i], -x[i]) + cuda.cbrt(x[i]) * float32(0) + min(i, 3) + max(1, i, 2)
    cuda.threadfence()


def test_selp_chooses_and_min_and_max_take_several():
    out = run(chosen[1, 4](np.array([1, -2, 3, -4], np.float32), zeros(4)))
    assert list(out) == [1 + 0 + 2, 2 + 1 + 2, 3 + 2 + 2, 4 + 3 + 3]


# Atomics


@kernel
def histogram(values, counts, old):
    i = cuda.grid(1)
    if i < values.size:
        old[i] = cuda.atomic.add(counts, values[i], 1)


@checked_or_not
def test_an_atomic_returns_the_value_that_was_there(checked):
    values = np.array([0, 2, 2, 1, 2, 0], np.int32)
    counts, old = zeros(3, dtype=np.int32), zeros(6, dtype=np.int32)
    run(histogram[2, 4](values, counts, old), checked)
    assert list(counts) == [2, 1, 3]
    assert list(old) == [0, 0, 1, 0, 2, 1]


@kernel
def all_atomics(signed, unsigned, real, matrix, shared_sum):
    total = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    if i == 0:
        total[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(total, 0, i)
    cuda.atomic.sub(signed, 0, i)
    cuda.atomic.max(signed, 1, i)
    cuda.atomic.min(signed, 2, -i)
    cuda.atomic.and_(signed, 3, ~(1 << i))
    cuda.atomic.or_(signed, 4, 1 << i)
    cuda.atomic.xor(signed, 5, i)
    cuda.atomic.exch(signed, 6, 7)
    cuda.atomic.cas(signed, 7, 0, i + 1)
    cuda.atomic.compare_and_swap(signed, 99, 1)
    cuda.atomic.inc(unsigned, 0, uint32(4))
    cuda.atomic.dec(unsigned, 1, uint32(4))
    cuda.atomic.add(real, 0, 0.5)
    cuda.atomic.max(real, 1, float32(i))
    cuda.atomic.add(matrix, (0, 1), i)
    cuda.syncthreads()
    shared_sum[i] = total[0]


@checked_or_not
def test_every_atomic_changes_memory_as_cuda_says(checked):
    signed, unsigned = zeros(8, dtype=np.int32), zeros(2, dtype=np.uint32)
    signed[3] = -1
    real, matrix, shared_sum = zeros(2), zeros(1, 2, dtype=np.int64), zeros(6, dtype=np.int32)
    all_atomics[1, 6](signed, unsigned, real, matrix, shared_sum).interpret(checked=checked)
    assert list(signed) == [-15, 5, -5, -64, 63, 0 ^ 1 ^ 2 ^ 3 ^ 4 ^ 5, 7, 1]
    assert list(unsigned) == [1, 4]  # 1 2 3 4 0 1; 4 3 2 1 0 4
    assert list(real) == [3, 5]
    assert list(matrix[0]) == [0, 15]
    assert (shared_sum == 15).all()


@kernel
def wraps(counts):
    cuda.atomic.add(counts, 0, 1)


def test_an_atomic_wraps_silently():
    assert run(wraps[1, 1](np.array([2**31 - 1], np.int32)))[0] == -(2**31)


# The whole


@kernel
def product(a, b, c, *, TILE=4):
    sa = cuda.shared.array((TILE, TILE), float32)
    sb = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.blockIdx.y * TILE + ty, cuda.blockIdx.x * TILE + tx
    total = float32(0)
    for t in range(0, a.shape[1], TILE):
        sa[ty, tx] = a[row, t + tx] if row < a.shape[0] and t + tx < a.shape[1] else float32(0)
        sb[ty, tx] = b[t + ty, column] if t + ty < b.shape[0] and column < b.shape[1] else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += sa[ty, k] * sb[k, tx]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.booleans(), st.randoms())
def test_a_tiled_product_is_right_for_every_shape(m, n, k, tile, checked, random):
    generator = np.random.default_rng(random.randrange(2**32))
    a, b = generator.normal(size=(m, k)).astype(np.float32), generator.normal(size=(k, n)).astype(np.float32)
    grid = math.ceil(n / tile), math.ceil(m / tile)
    launch = product(TILE=tile)[grid, (tile, tile)](a, b, np.full((m, n), np.nan, np.float32))
    before = a.copy(), b.copy()
    launch.interpret(checked=checked)
    np.testing.assert_allclose(launch.args[-1], a @ b, rtol=1e-5, atol=1e-5)
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])


def test_fast_checked_and_repeated_runs_give_the_same_bits():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(2, 8, 8)).astype(np.float32)
    results = []
    for checked in (True, False, True, False):
        c = zeros(8, 8)
        product[(2, 2), (4, 4)](a, b, c).interpret(checked=checked)
        results.append(c.tobytes())
    assert len(set(results)) == 1
    ordered = np.zeros((8, 8), np.float32)
    for k in range(8):
        ordered += a[:, k : k + 1] * b[k]
    assert results[0] == ordered.tobytes(), "one float32 addition after the other, in the order of the loop"


def test_scalars_have_the_types_that_a_launch_gives_them():
    out = zeros(3, dtype=np.float64)
    launch = scalar_types[1, 1](np.float32(0.1), 0.1, 2**40, out)
    run(launch)
    assert list(out) == [float(np.float32(0.1) * np.float32(0.1)), 0.1 * 0.1, 2.0**41]


@kernel
def scalar_types(single, double, n, out):
    out[0] = single * single
    out[1] = double * double
    out[2] = n + n


# Numba's own simulator, as an independent oracle

SIMULATED = """
    import numpy as np
    from numba import cuda, float32

    @cuda.jit
    def histogram(values, counts, old):
        i = cuda.grid(1)
        if i < values.size:
            old[i] = cuda.atomic.add(counts, values[i], 1)

    @cuda.jit
    def vector_add(x, y, out):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = x[i] + y[i]

    TILE = 4

    @cuda.jit
    def product(a, b, c):
        sa = cuda.shared.array((TILE, TILE), float32)
        sb = cuda.shared.array((TILE, TILE), float32)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        row, column = cuda.blockIdx.y * TILE + ty, cuda.blockIdx.x * TILE + tx
        total = float32(0)
        for t in range(0, a.shape[1], TILE):
            sa[ty, tx] = a[row, t + tx]
            sb[ty, tx] = b[t + ty, column]
            cuda.syncthreads()
            for k in range(TILE):
                total += sa[ty, k] * sb[k, tx]
            cuda.syncthreads()
        c[row, column] = total

    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 8, 8)).astype(np.float32)
    values = generator.integers(0, 5, 37).astype(np.int32)
    c, sums, counts, old = np.zeros_like(a), np.zeros(64, np.float32), np.zeros(5, np.int32), np.zeros(37, np.int32)
    product[(2, 2), (4, 4)](a, b, c)
    vector_add[5, 16](a.ravel(), b.ravel(), sums)
    histogram[3, 16](values, counts, old)
    np.savez(path, a=a, b=b, values=values, c=c, sums=sums, counts=counts)
"""


@kernel
def vector_add(x, y, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i] + y[i]


def test_numbas_simulator_gives_the_same_bits(tmp_path):
    path = tmp_path / "simulated.npz"
    script = tmp_path / "simulated.py"
    script.write_text(f"path = {str(path)!r}\n" + textwrap.dedent(SIMULATED))
    subprocess.run([sys.executable, script], check=True, env={"NUMBA_ENABLE_CUDASIM": "1", "PATH": ""}, timeout=120)
    simulated = np.load(path)
    a, b, values = simulated["a"], simulated["b"], simulated["values"]
    assert np.array_equal(run(product[(2, 2), (4, 4)](a, b, zeros(8, 8))), simulated["c"])
    assert np.array_equal(run(vector_add[5, 16](a.ravel(), b.ravel(), zeros(64))), simulated["sums"])
    counts = zeros(5, dtype=np.int32)
    run(histogram[3, 16](values, counts, zeros(37, dtype=np.int32)))
    assert np.array_equal(counts, simulated["counts"])
