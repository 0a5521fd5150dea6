"""Views of arrays: rows, slices, other shapes and types. Interpreted in both modes and emulated, with the same bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import compiler, cuda, device, float32, int32, kernel
from kernels.gpu.interpreter import (
    DataRace,
    InvalidIndex,
    OutOfBounds,
    ReadOnly,
    Undefined,
    Uninitialised,
    Unsupported,
)
from kernels.gpu.tracing import trace
from tests.gpu.agreement import declared
from tests.gpu.alike import assert_alike, pretended_gpu
from tests.gpu.test_interpreter_refusals import refused

TABLE = np.arange(12, dtype=np.float32).reshape(3, 4) / 4
COLUMNS = np.asfortranarray(TABLE)


def matrix(rows=4, columns=6):
    return (np.arange(rows * columns, dtype=np.float32) * 3 % 17 - 5).reshape(rows, columns)


# What is chosen


@kernel
def rows(a, y):
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(row.size):
            y[i, j] = row[j] + len(row) + row.shape[0] + row.ndim


@kernel
def columns(a, y):
    for j in range(a.shape[1]):
        column = a[:, j]
        for i in range(column.shape[0]):
            y[i, j] = column[i] * 2


@kernel
def brackets_twice(a, y):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            y[i][j] = a[i][j] + 1
            y[i][j] += a[i][0]


@kernel
def transposed(a, y):
    t, u = a.T, a.transpose()
    for i in range(t.shape[0]):
        for j in range(t.shape[1]):
            y[j, i] = t[i, j] + u[i][j] + a.T[i, j]


@kernel
def tail_of_tail(a, y):
    part = a[1:]
    for _ in range(2):
        part = part[1:, ::2]
    y[0, 0], y[0, 1], y[0, 2] = part[0, 0], part.shape[0], part.shape[1]


@kernel
def halves(a, y):
    """A variable that is another view on each turn."""
    part, total = a[0], float32(0)
    while part.size > 1:
        total += part[0]
        part = part[::2]
    y[0, 0] = total + part[0]


@kernel
def either(a, y):
    part = a if a[0, 0] > 0 else a.T
    y[0, 0], y[0, 1] = part[0, 1], part.shape[0]


@kernel
def ellipses(a, y):
    first, last = a[0, ...], a[..., 0]
    y[0, 0], y[0, 1], y[0, 2] = first[1], last[1], a[..., 1:][1, 0]
    wider = a[np.newaxis, 0]
    y[1, 0], y[1, 1] = wider[0, 2], wider.ndim


@kernel
def seen_as_others(a, y):
    bits, twice, bytes_ = a.view(int32), a.view(np.float64), a[1].view(np.int8)
    y[0, 0], y[0, 1], y[0, 2] = bits[0, 1] >> 16, twice.shape[1], bytes_.size
    y[0, 3] = bytes_[3]
    bits[2, 2] = 0x40490FDB


@kernel
def iterated(a, y):
    total = float32(0)
    for row in a:
        for value in row:
            if value > 3:
                continue
            total += value
    for value in a[:, 1]:
        total = total * 2 + value
    y[0, 0] = total


@kernel
def filled(a, y):
    y[1:3, ::2] = 7
    y[0] = a[0, 0]
    y[..., 1] = 1.5
    y[3, 2:].fill(a[1, 1])
    y[:, 5] = 2


@device
def total_of(values):
    total = float32(0)
    for i in range(values.size):
        total += values[i]
    return total


@device
def double(values):
    for i in range(values.shape[0]):
        values[i] *= 2


@kernel
def handed_on(a, y):
    y[0, 0], y[0, 1] = total_of(a[1]), total_of(a[:, 2])
    double(y[0, :2])


@kernel
def constants(a, y):
    table, turned = cuda.const.array_like(TABLE), TABLE.T
    y[0, 0], y[0, 1], y[0, 2] = table[1][2], turned[3, 1], TABLE[1:, 2][1]
    y[1, 0], y[1, 1] = COLUMNS[2, 1], COLUMNS[1][2]


@kernel
def facts(a, y):
    part = a[1:, ::2]
    y[0, 0], y[0, 1], y[0, 2] = part.strides[0], part.strides[1], a.strides[0]
    y[1, 0], y[1, 1], y[1, 2] = part.itemsize, part.nbytes, a.T.strides[0]
    y[2, 0], y[2, 1] = a.dtype.type(3), part.T.shape[0]


@kernel
def unpacked(a, y):
    first, second = a[1, 2:4]
    up, down = a[:2]
    y[0, 0], y[0, 1], y[0, 2] = first, second, up[3] - down[0]


@declared("float32(float32[:], int64)")
def at(values, i):
    return values[i]


@cuda.jit(device=True)
def either_of(one, other, is_first):
    if is_first:
        return one
    return other


@kernel
def compiled_apart(a, y):
    for i in range(4):
        y[i, 0] = at(a[i], i) + at(a[:, i], 2) + either_of(a[i], a[0], i > 2)[1]


@kernel
def slices_by_name(a, y):
    some = slice(1, 3)
    y[0, 0], y[0, 1] = a[some][0, 0], a[0, some][1]


KERNELS = [
    rows, columns, brackets_twice, transposed, tail_of_tail, halves, either, ellipses, seen_as_others,
    iterated, filled, handed_on, constants, facts, slices_by_name,
    unpacked, compiled_apart,
]  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_views_of_global_arrays_are_those_of_the_compiled_kernel(kernel):
    assert_alike(kernel, matrix(), np.zeros((4, 6), np.float32))


def test_a_view_writes_into_its_array():
    a, _ = assert_alike(seen_as_others, matrix(), np.zeros((4, 6)))
    assert a[2, 2] == np.float32(np.pi)


# Numba's reshape calls a function of CUDA C++ that the emulator does not have.


@kernel
def reshaped(a, y):
    flat, other, same = a.reshape(a.size), a.reshape((2, -1)), a[1:3].reshape(-1)
    y[0, 0], y[0, 1], y[0, 2] = flat[7], other[1, 2], same[3]
    y[0, 3], y[0, 4] = other.shape[1], same.size
    flat[flat.size - 1] = 9


@kernel
def reshaped_in_blocks(x, y):
    tile, mine = cuda.shared.array((4, 8), float32), cuda.local.array((2, 2), float32)
    i = cuda.threadIdx.x
    tile.reshape(32)[i] = x[i]
    mine.reshape(4)[:] = i
    cuda.syncthreads()
    y[i] = tile[3 - i // 8, i % 8] + mine[1, 0]


def test_what_takes_another_shape_has_the_same_elements():
    a = matrix()
    found, y = assert_alike(reshaped, a, np.zeros((4, 6)), ways=("interpret", "checked"))
    assert list(y[0, :5]) == [a.flat[7], a.reshape(2, -1)[1, 2], a[1, 3], 12, 12]
    assert found[3, 5] == 9
    x, y = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    _, y = assert_alike(reshaped_in_blocks, x, y, block=32, ways=("interpret", "checked"))
    assert np.array_equal(y, x.reshape(4, 8)[::-1].ravel() + x)


@kernel
def sliced(x, start, stop, step, y):
    part = x[start:stop:step]
    y[0] = part.size
    for i in range(part.size):
        y[1 + i] = part[i]


@kernel
def sliced_without_step(x, start, stop, step, y):
    head, tail, middle = x[:stop], x[start:], x[start:stop]
    y[0], y[1], y[2] = head.size, tail.size, middle.size
    if middle.size:
        y[3], y[4] = middle[0], middle[middle.size - 1]


@given(
    st.integers(0, 6),
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.integers(-3, 3).filter(bool),
)
def test_bounds_are_those_of_numba_and_of_python(size, start, stop, step):
    x = np.arange(size, dtype=np.float32) + 1
    bounds = [np.int64(bound) for bound in (start, stop, step)]
    assert_alike(sliced_without_step, x, *bounds, np.zeros(10, np.float32))
    *_, y = assert_alike(sliced, x, *bounds, np.zeros(10, np.float32))
    expected = x[start:stop:step]
    assert y[0] == expected.size
    assert np.array_equal(y[1 : 1 + expected.size], expected)


# Shared and local memory


@kernel
def through_shared(x, y):
    tile = cuda.shared.array((4, 8), float32)
    i = cuda.threadIdx.x
    mine = tile[i // 8]
    mine[i % 8] = x[i]
    cuda.syncthreads()
    column = tile[:, i % 8]
    y[i] = column[3 - i // 8]


@kernel
def through_dynamic(x, y, n):
    memory = cuda.shared.array(0, float32)
    first, second = memory[:n], memory[n : 2 * n].view(int32)
    i = cuda.threadIdx.x
    first[i] = x[i]
    second[i] = int32(x[n - 1 - i])
    cuda.syncthreads()
    y[i] = first[n - 1 - i] + second[i]


@kernel
def through_local(x, y):
    mine = cuda.local.array((2, 3), float32)
    i = cuda.threadIdx.x
    mine[0] = 0
    row = mine[1, ::-1]
    for j in range(row.size):
        row[j] = x[i] + j
    y[i] = mine[0, 0] + mine[1, 0] * 2 + mine.T[2, 1]


@kernel
def counts_in_parts(x, y):
    counts = cuda.shared.array((2, 4), int32)
    i = cuda.threadIdx.x
    if i < 2:
        counts[i] = 0
    cuda.syncthreads()
    cuda.atomic.add(counts[i % 2], i // 2 % 4, 1)
    cuda.atomic.max(y[2:], 0, x[i])
    cuda.syncthreads()
    if i == 0:
        y[0], y[1] = counts[1, 2], counts[0][0]


def test_views_of_shared_and_local_memory_are_those_of_the_compiled_kernel():
    x = matrix(1, 32)[0]
    for each in (through_shared, through_local, counts_in_parts):
        assert_alike(each, x, np.zeros(32, np.float32), block=32)
    assert_alike(through_dynamic, x, np.zeros(32, np.float32), np.int64(32), block=32, shared=256)


# Arguments that are not contiguous


@kernel
def sums_rows(a, y):
    for i in range(a.shape[0]):
        y[i] = a.strides[0]
        for value in a[i]:
            y[i] += value


@pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])
@pytest.mark.parametrize(
    "turn", [np.asfortranarray, lambda a: a[:, ::-2], lambda a: a[::2].T], ids=["F", "reversed", "T"]
)
def test_arguments_may_lie_in_memory_as_they_like(turn, checked):
    a = turn(matrix())
    y = np.zeros(a.shape[0])
    sums_rows[1, 1](a, y).interpret(checked)
    assert np.array_equal(y, a.sum(axis=1) + a.strides[0])


@kernel
def takes_flat(a, y):
    y[0] = a.reshape(24)[7] + a.T.reshape(24)[7]


def test_numba_decides_by_the_order_of_elements_what_takes_another_shape():
    with pytest.raises(Undefined):
        takes_flat[1, 1](np.asfortranarray(matrix()), np.zeros(1)).interpret()
    with pytest.raises(Unsupported, match="a is not contiguous, as Numba asks of what takes another shape"):
        takes_flat[1, 1](np.repeat(matrix(), 2, 1)[:, ::2], np.zeros(1)).interpret()


# What is refused


@kernel
def leaves_view(a, y):
    row = a[1, 1:4]
    y[0] = row[cuda.threadIdx.x]  # fault


def test_an_index_outside_the_view_is_refused_although_it_lies_in_the_array():
    launch = leaves_view[1, 4](matrix(), np.zeros(1))
    message = refused(launch, OutOfBounds, block=(0, 0, 0), thread=(3, 0, 0), array="row", index=3)
    assert "row[3] is out of bounds for shape (3,), a view of a of shape (4, 6)" in message


@kernel
def row_beyond(a, y):
    row = a[4 + cuda.threadIdx.x]  # fault
    y[0] = row[0]


def test_a_row_outside_its_array_is_refused_where_it_is_chosen():
    launch = row_beyond[1, 1](matrix(), np.zeros(1))
    refused(launch, OutOfBounds, block=(0, 0, 0), thread=(0, 0, 0), array="a", index=4)
    with pytest.raises(OutOfBounds):
        launch.interpret(checked=False)


@kernel
def column_beyond(a, y):
    column = a[1:, -1]  # fault
    y[0] = column[0]


def test_a_negative_row_is_refused_as_a_negative_element_is():
    launch = column_beyond[1, 1](matrix(), np.zeros(1))
    with pytest.raises(OutOfBounds, match=r"a\[1:, -1\] is out of bounds for shape \(4, 6\)"):
        launch.interpret()
    launch.interpret(checked=False)
    assert launch.args[1][0] == launch.args[0][1, -1]


@kernel
def reads_too_early(y, *, EARLY=True):
    tile = cuda.shared.array((2, 4), float32)
    i = cuda.threadIdx.x
    tile[i // 4, i % 4] = i
    if not EARLY:
        cuda.syncthreads()
    column = tile[:, 3]
    y[i] = column[1]  # fault


def test_an_unwritten_element_is_named_as_that_of_the_array():
    launch = reads_too_early[1, 8](np.zeros(8, np.float32))
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": "tile", "index": (1, 3)}
    message = refused(launch, Uninitialised, **where)
    assert "tile[1, 3] of shape (2, 4) is read before any thread" in message
    assert "(is a barrier missing?)" in message
    reads_too_early(EARLY=False)[1, 8](np.zeros(8, np.float32)).interpret()


@kernel
def reads_own_too_early(y):
    mine = cuda.local.array((2, 4), float32)
    mine[0] = 1
    y[0] = mine.T[2, 1]  # fault


def test_an_unwritten_element_of_local_memory_is_named_as_well():
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": "mine", "index": (1, 2)}
    assert "before this thread wrote it" in refused(reads_own_too_early[1, 1](np.zeros(1)), Uninitialised, **where)


@kernel
def races_in_shared(y):
    tile = cuda.shared.array((2, 4), float32)
    i = cuda.threadIdx.x
    row = tile[1, 1:]
    row[i // 2] = i  # fault
    y[i] = row[0]


def test_a_race_in_a_view_is_one_of_the_array():
    launch = races_in_shared[1, 4](np.zeros(4, np.float32))
    refused(launch, DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="tile", index=(1, 1))


@kernel
def races_between_blocks(a):
    a.T[1][cuda.blockIdx.x // 2] = cuda.blockIdx.x  # fault


def test_a_race_between_blocks_in_a_view_is_one_of_the_array():
    launch = races_between_blocks[4, 1](matrix())
    refused(launch, DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="a", index=(0, 1))


@kernel
def writes_part_of_sealed(a):
    a[1:, 2][1] = 3  # fault


def test_a_view_of_what_is_read_only_is_read_only():
    a = matrix()
    a.flags.writeable = False
    refused(writes_part_of_sealed[1, 1](a), ReadOnly, block=(0, 0, 0), thread=(0, 0, 0), array="a", index=(2, 2))
    with pytest.raises(ReadOnly):
        writes_part_of_sealed[1, 1](a).interpret(checked=False)
    assert (a == matrix()).all()


@kernel
def fills_part_of_sealed(a):
    a[1].fill(3)


def test_what_is_read_only_is_not_filled():
    a = matrix()
    a.flags.writeable = False
    for checked in (True, False):
        with pytest.raises(ReadOnly, match="read-only"):
            fills_part_of_sealed[1, 1](a).interpret(checked)


@kernel
def waits_in_views(flags, y):
    """A loop whose view moves on, though all that it sees is 0."""
    rest = flags[:]
    while rest.size > 1 and cuda.atomic.cas(flags, 0, 0, 0) == 0:
        rest = rest[1:]
    y[0] = rest.size


def test_a_view_that_moves_on_is_no_standstill():
    for checked in (True, False):
        y = np.zeros(1, np.int32)
        waits_in_views[1, 1](np.zeros(3000, np.int32), y).interpret(checked)
        assert y[0] == 1


def test_a_trace_tells_the_elements_of_the_array():
    recording = trace(through_shared[1, 32](matrix(1, 32)[0], np.zeros(32, np.float32)))
    stores = [access for step in recording.steps for access in step.accesses if access.kind == "store"]
    tile = next(number for number, array in enumerate(recording.arrays) if array.name == "tile")
    assert sorted(access.cell for access in stores if access.array == tile) == list(range(32))


@cuda.jit(device=True)
def row_of(values, i):
    return values[i]


@kernel
def takes_view_from_function(a, b):
    b[0, 0] = row_of(a, 1)[0]


@kernel
def copies_row(a, b):
    a[0, :] = b[1, :]


@kernel
def adds_to_row(a, b):
    a[0] += 1


@kernel
def reshapes_columns(a, b):
    b[0, 0] = a[:, ::2].reshape(12)[0]


@kernel
def flattens(a, b):
    b[0, 0] = a.ravel()[0]


@kernel
def indexes_thrice(a, b):
    b[0, 0] = a[0][0][0]


@kernel
def indexes_by_array(a, b):
    b[0, 0] = a[a]


@pytest.mark.parametrize(
    ("kernel", "kind", "text"),
    [
        (copies_row, Unsupported, "a part of an array takes one number"),
        (adds_to_row, InvalidIndex, "has 2 dimensions and is indexed with 1"),
        (reshapes_columns, Unsupported, "is not contiguous"),
        (flattens, Unsupported, "a.ravel is not supported"),
        (indexes_thrice, Unsupported, "which has no elements"),
        (takes_view_from_function, Unsupported, "row_of returns a view"),
        (indexes_by_array, InvalidIndex, "is no integer"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_numba_does_not_compile_is_refused(kernel, kind, text):
    for checked in (True, False):
        with pytest.raises(kind, match=text):
            kernel[1, 1](matrix(), matrix()).interpret(checked)
    with pretended_gpu(), pytest.raises(compiler.CompileError):
        kernel[1, 1](matrix(), matrix()).ptx("sm_90")


@kernel
def reshapes_turned(a, b):
    b[0, 0] = a.T.reshape(24)[1]


@kernel
def reshapes_to_more(a, b):
    b[0, 0] = a.reshape(5, 5)[1, 1]


@kernel
def unpacks_too_few(a, b):
    b[0, 0], b[0, 1] = a[0]


@kernel
def sees_half_a_number(a, b):
    b[0, 0] = a[:, 1].view(np.float64)[0]


@kernel
def sees_misaligned(a, b):
    b[0, 0] = a[0, 1:5].view(np.float64)[0]


@pytest.mark.parametrize(
    "kernel", [reshapes_turned, reshapes_to_more, unpacks_too_few, sees_half_a_number], ids=lambda k: k.name
)
def test_a_shape_or_type_that_does_not_fit_is_undefined(kernel):
    for checked in (True, False):
        with pytest.raises(Undefined):
            kernel[1, 1](matrix(), matrix()).interpret(checked)


def test_a_view_as_a_larger_type_begins_where_that_may_lie():
    with pytest.raises(Undefined, match="does not begin at a multiple of 8 bytes in a"):
        sees_misaligned[1, 1](matrix(), matrix()).interpret()
