"""What the interpreter refuses: each fault once, with where it says it happened, and the corrected kernel beside it.

A line that is to be named by an error ends in `# fault`.
"""

import inspect

import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, float64, int32, kernel
from kernels.gpu.interpreter import (
    BarrierDivergence,
    DataRace,
    InvalidIndex,
    KernelError,
    LaunchError,
    OutOfBounds,
    Undefined,
    Uninitialised,
    Unsupported,
)

ALL_LANES = 0xFFFFFFFF
TABLE = np.array([1.0, 2.0, 4.0], np.float32)


def line_of_fault(function):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if line.rstrip().endswith("# fault"))


def refused(launch, kind, *, block=None, thread=None, array=None, index=None, checked=True):
    """Interpret a launch that must be refused. Checks what the error says, attributes and text; returns it."""
    with pytest.raises(kind) as caught:
        launch.interpret(checked=checked)
    error = caught.value
    assert type(error) is kind
    assert error.kernel == launch.kernel.name
    assert (error.block, error.thread, error.array, error.index) == (block, thread, array, index)
    assert error.line == line_of_fault(launch.kernel.source.function)
    message = str(error)
    assert "\n" not in message
    assert launch.kernel.name in message
    assert f":{error.line}: " in message
    assert "# fault" in message
    for part in (block, thread):
        assert part is None or str(part) in message
    if isinstance(index, tuple | int):
        assert f"{array}[{str(index).strip('()')}]" in message
    return message


def floats(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


# Indices


@kernel
def reads_beyond(x, y, *, AT=1):
    i = cuda.grid(1)
    y[i] = x[i + AT]  # fault


def test_an_index_beyond_a_global_array_is_refused():
    x, y = floats(8), floats(8)
    message = refused(reads_beyond[2, 4](x, y), OutOfBounds, block=(1, 0, 0), thread=(3, 0, 0), array="x", index=8)
    assert "shape (8,)" in message
    reads_beyond(AT=0)[2, 4](x, y).interpret()


def test_a_negative_index_is_refused_although_numpy_would_wrap_it():
    launch = reads_beyond(AT=-1)[2, 4](floats(8), floats(8))
    refused(launch, OutOfBounds, block=(0, 0, 0), thread=(0, 0, 0), array="x", index=-1)
    launch.interpret(checked=False)


@kernel
def writes_beyond(y):
    row, column = cuda.grid(2)
    y[row, column] = float32(1)  # fault


def test_a_write_beyond_a_matrix_names_both_indices():
    y = floats(4, 2)
    refused(writes_beyond[1, (2, 4)](y), OutOfBounds, block=(0, 0, 0), thread=(0, 2, 0), array="y", index=(0, 2))
    writes_beyond[1, (4, 2)](y).interpret()
    assert (y == 1).all()


@kernel
def leaves_shared(y):
    tile = cuda.shared.array((2, 2), float32)
    i = cuda.threadIdx.x
    tile[i, i] = float32(i)  # fault
    y[i] = tile[i, i]


def test_an_index_beyond_shared_memory_is_refused():
    y = floats(3)
    refused(leaves_shared[1, 3](y), OutOfBounds, block=(0, 0, 0), thread=(2, 0, 0), array="tile", index=(2, 2))
    leaves_shared[1, 2](y).interpret()


@kernel
def leaves_local(y, n):
    kept = cuda.local.array(4, int32)
    for i in range(n):
        kept[i] = i  # fault
    y[0] = kept[n - 1]


def test_an_index_beyond_local_memory_is_refused():
    y = floats(1)
    refused(leaves_local[1, 1](y, 5), OutOfBounds, block=(0, 0, 0), thread=(0, 0, 0), array="kept", index=4)
    leaves_local[1, 1](y, 4).interpret()
    assert y[0] == 3


@kernel
def leaves_constant(y):
    table = cuda.const.array_like(TABLE)
    i = cuda.threadIdx.x
    y[i] = table[i]  # fault


def test_an_index_beyond_constant_memory_is_refused():
    y = floats(4)
    refused(leaves_constant[1, 4](y), OutOfBounds, block=(0, 0, 0), thread=(3, 0, 0), array="table", index=3)
    leaves_constant[1, 3](y).interpret()
    assert list(y[:3]) == [1, 2, 4]


@kernel
def counts_beyond(counts):
    cuda.atomic.add(counts, cuda.threadIdx.x, 1)  # fault


def test_an_index_beyond_an_array_is_refused_in_an_atomic():
    counts = np.zeros(2, np.int32)
    refused(counts_beyond[1, 3](counts), OutOfBounds, block=(0, 0, 0), thread=(2, 0, 0), array="counts", index=2)


@kernel
def one_index_for_two(x, y):
    y[0] = x[0, 0]  # fault


def test_a_wrong_number_of_indices_is_refused():
    message = refused(one_index_for_two[1, 1](floats(2), floats(1)), InvalidIndex, array="x", index="(0, 0)")
    assert "1 dimension" in message
    assert "indexed with 2" in message
    one_index_for_two[1, 1](floats(2, 2), floats(1)).interpret()


@kernel
def index_of_half(x, y):
    y[0] = x[x.size / 2]  # fault


def test_an_index_that_is_no_integer_is_refused():
    message = refused(index_of_half[1, 1](floats(2), floats(1)), InvalidIndex, array="x", index="x.size / 2")
    assert "float64" in message


@kernel
def beyond_in_fast_mode(y):
    y[cuda.threadIdx.x] = float32(0)  # fault


def test_the_fast_mode_says_where_an_index_left_its_array():
    launch = beyond_in_fast_mode[1, 2](floats(1))
    refused(launch, OutOfBounds, block=(0, 0, 0), thread=(1, 0, 0), checked=False)


# Memory that nobody has written


@kernel
def unwritten_shared(y, *, WRITERS=3):
    tile = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    if i < WRITERS:
        tile[i] = float32(i)
    cuda.syncthreads()
    y[i] = tile[3 - i]  # fault


def test_a_read_of_unwritten_shared_memory_is_refused_and_poisoned():
    y = floats(4)
    message = refused(
        unwritten_shared[1, 4](y), Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="tile", index=3
    )
    assert "is read before any thread of the block wrote it, at" in message, "a barrier would not help"
    unwritten_shared[1, 4](y).interpret(checked=False)
    assert np.isnan(y[0])
    assert list(y[1:]) == [2, 1, 0]
    unwritten_shared(WRITERS=4)[1, 4](y).interpret()


@kernel
def reads_ahead(y, *, LATER=True, ABOVE=False):
    tile = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    if ABOVE:
        cuda.syncthreads()
    tile[i] = float32(i)
    y[i] = tile[3 - i]  # fault
    if LATER:
        cuda.syncthreads()
        tile[i] = float32(-i)


@pytest.mark.parametrize("constants", [{}, {"LATER": False}, {"ABOVE": True}], ids=str)
def test_a_read_that_a_barrier_would_have_made_wait_says_so(constants):
    launch = reads_ahead(**constants)[2, 4](floats(4))
    message = refused(launch, Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="tile", index=3)
    assert "is read before any thread of the block wrote it (is a barrier missing?), at" in message


@kernel
def writes_too_late(y):
    tile = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    y[i] = tile[3 - i]  # fault
    cuda.syncthreads()
    tile[i] = float32(i)


def test_a_read_of_what_is_written_behind_the_next_barrier_misses_none():
    launch = writes_too_late[1, 4](floats(4))
    message = refused(launch, Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="tile", index=3)
    assert "barrier" not in message


@kernel
def half_written_words(y, *, WORDS=1):
    words = cuda.shared.array(0, float32)
    doubles = cuda.shared.array(0, float64)
    i = cuda.threadIdx.x
    if i < WORDS:
        words[i] = float32(0)
    y[i] = doubles[0]  # fault


@pytest.mark.parametrize("words", [1, 2])
def test_of_dynamic_shared_memory_it_is_said_as_well(words):
    launch = half_written_words(WORDS=words)[1, 4, 16](floats(4))
    message = refused(launch, Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="doubles", index=0)
    assert ("is a barrier missing?" in message) == (words == 2)


@kernel
def shared_of_the_block_before(y):
    tile = cuda.shared.array(1, float32)
    if cuda.blockIdx.x == 0:
        tile[0] = float32(1)
    y[cuda.blockIdx.x] = tile[0]  # fault


def test_shared_memory_does_not_outlive_its_block():
    launch = shared_of_the_block_before[2, 1](floats(2))
    refused(launch, Uninitialised, block=(1, 0, 0), thread=(0, 0, 0), array="tile", index=0)


@kernel
def unwritten_local(y, *, WRITTEN=2):
    kept = cuda.local.array((2, 2), int32)
    for i in range(WRITTEN):
        kept[i, 0] = i
        kept[i, 1] = i
    y[0] = kept[1, 1]  # fault


def test_a_read_of_unwritten_local_memory_is_refused_and_poisoned():
    y = np.zeros(1, np.int32)
    launch = unwritten_local(WRITTEN=1)[1, 1](y)
    refused(launch, Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="kept", index=(1, 1))
    launch.interpret(checked=False)
    assert y[0] < -100_000
    unwritten_local[1, 1](y).interpret()
    assert y[0] == 1


@kernel
def half_written_dynamic(y, *, WORDS=1):
    words = cuda.shared.array(0, float32)
    doubles = cuda.shared.array(0, float64)
    for i in range(WORDS):
        words[i] = float32(0)
    y[0] = doubles[0]  # fault


def test_dynamic_shared_memory_of_two_types_is_the_same_memory():
    y = floats(1)
    launch = half_written_dynamic[1, 1, 16](y)
    refused(launch, Uninitialised, block=(0, 0, 0), thread=(0, 0, 0), array="doubles", index=0)
    half_written_dynamic(WORDS=2)[1, 1, 16](y).interpret()
    assert y[0] == 0


# Barriers and warp intrinsics


@kernel
def leaves_before_barrier(y, n):
    i = cuda.grid(1)
    if i >= n:
        return
    cuda.syncthreads()  # fault
    y[i] = float32(i)


def test_a_barrier_that_a_thread_misses_by_returning_early_is_refused():
    launch = leaves_before_barrier[2, 4](floats(8), 6)
    message = refused(launch, BarrierDivergence, block=(1, 0, 0), thread=(2, 0, 0))
    assert "2 of 4 threads" in message
    assert "has returned" in message
    leaves_before_barrier[2, 4](floats(8), 8).interpret()


@kernel
def two_barriers(y, *, SPLIT=True):
    i = cuda.threadIdx.x
    if i < 2 or not SPLIT:
        cuda.syncthreads()  # fault
    else:
        cuda.syncthreads()
    y[i] = float32(i)


def test_threads_that_wait_at_two_barriers_are_refused():
    message = refused(two_barriers[1, 4](floats(4)), BarrierDivergence, block=(0, 0, 0), thread=(2, 0, 0))
    assert f"waits at line {line_of_fault(two_barriers.source.function) + 2}" in message
    two_barriers(SPLIT=False)[1, 4](floats(4)).interpret()


@kernel
def counts_in_a_branch(y):
    i = cuda.threadIdx.x
    if i != 1:
        y[i] = cuda.syncthreads_count(i)  # fault


def test_a_counting_barrier_that_a_thread_misses_is_refused():
    refused(counts_in_a_branch[1, 2](floats(2)), BarrierDivergence, block=(0, 0, 0), thread=(1, 0, 0))


@kernel
def shuffles_in_a_branch(y, *, LANES=31):
    i = cuda.threadIdx.x
    value = float32(i)
    if i < LANES:
        value = cuda.shfl_down_sync(ALL_LANES, value, 1)  # fault
    y[i] = value


def test_a_shuffle_that_a_lane_of_its_mask_misses_is_refused():
    launch = shuffles_in_a_branch[1, 32](floats(32))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(31, 0, 0))
    assert "shfl_down_sync" in message
    shuffles_in_a_branch(LANES=32)[1, 32](floats(32)).interpret()


def test_a_mask_with_lanes_that_do_not_exist_is_refused():
    launch = shuffles_in_a_branch(LANES=32)[1, 20](floats(20))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(0, 0, 0))
    assert "20 lanes" in message


@kernel
def reads_outside_mask(y, *, DELTA=4):
    i = cuda.threadIdx.x
    if i < 4:
        y[i] = cuda.shfl_xor_sync(0b1111, float32(i), DELTA)  # fault


def test_a_shuffle_that_reads_from_a_lane_outside_its_mask_is_refused():
    launch = reads_outside_mask[1, 32](floats(32))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(0, 0, 0))
    assert "lane 4" in message
    reads_outside_mask(DELTA=3)[1, 32](floats(32)).interpret()


@kernel
def calls_without_its_lane(y):
    i = cuda.threadIdx.x
    cuda.syncwarp(0b0111)  # fault
    y[i] = float32(i)


def test_a_lane_that_its_own_mask_leaves_out_is_refused():
    refused(calls_without_its_lane[1, 4](floats(4)), BarrierDivergence, block=(0, 0, 0), thread=(3, 0, 0))


@kernel
def syncs_warp_in_a_loop(y, *, LATER=True):
    i = cuda.threadIdx.x
    for _ in range(2 - i // 16):
        cuda.syncwarp()  # fault
    if LATER:
        cuda.syncthreads()
    y[i] = float32(i)


def test_a_syncwarp_that_only_some_lanes_repeat_is_refused_where_the_others_wait_elsewhere():
    launch = syncs_warp_in_a_loop[1, 32](floats(32))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(16, 0, 0))
    assert "syncwarp waits for 16 of 32 threads" in message


def test_syncwarp_waits_neither_for_lanes_that_have_returned_nor_for_those_that_the_block_has_not():
    for lanes in (32, 20, 1, 40):
        y = floats(lanes)
        syncs_warp_in_a_loop(LATER=False)[1, lanes](y).interpret()
        assert list(y) == list(range(lanes))
    launch = syncs_warp_in_a_loop[1, 20](floats(20))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(16, 0, 0))
    assert "syncwarp waits for 4 of 20 threads" in message


@kernel
def meets_on_different_turns(y, *, SAME=False):
    i = cuda.threadIdx.x
    for t in range(4):
        if SAME or t % 2 == i % 2:
            cuda.syncthreads()  # fault
    y[i] = float32(i)


def test_a_barrier_that_threads_reach_on_different_turns_of_its_loop_is_refused():
    message = refused(meets_on_different_turns[1, 4](floats(4)), BarrierDivergence, block=(0, 0, 0), thread=(1, 0, 0))
    loop = line_of_fault(meets_on_different_turns.source.function) - 2
    assert "waits for 2 of 4 threads" in message
    assert f"thread (0, 0, 0) waits on turn 1 of the loop at line {loop}, thread (1, 0, 0) on turn 2" in message
    meets_on_different_turns(SAME=True)[1, 4](floats(4)).interpret()


@kernel
def counts_on_different_turns(y, *, SAME=False):
    i = cuda.threadIdx.x
    outer = 2 if SAME or i == 0 else 1
    for _ in range(outer):
        inner = 0
        while inner < 2 // outer:
            inner += cuda.syncthreads_or(1)  # fault
    y[i] = float32(i)


def test_a_barrier_in_two_loops_is_met_on_the_turns_of_both():
    """Both threads come by twice: thread 0 in two turns of the outer loop, thread 1 in two of the inner one."""
    launch = counts_on_different_turns[1, 2](floats(2))
    message = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(1, 0, 0))
    assert "thread (0, 0, 0) waits on turn 2 of the loop" in message
    counts_on_different_turns(SAME=True)[1, 2](floats(2)).interpret()


@device
def meet_after(turns):
    for _ in range(turns):
        pass
    cuda.syncthreads()


@kernel
def meets_in_a_function(y, *, SAME=False):
    i = cuda.threadIdx.x
    for t in range(2):
        if SAME or t == i:
            meet_after(t)
    y[i] = float32(i)


@kernel
def meets_in_a_function_called_twice(y):
    i = cuda.threadIdx.x
    if i == 0:
        meet_after(0)
    else:
        meet_after(0)
    y[i] = float32(i)


def test_a_barrier_in_a_function_is_met_on_the_turns_of_the_loops_that_call_it():
    with pytest.raises(
        BarrierDivergence, match=r"waits on turn 1 of the loop at line \d+, thread \(1, 0, 0\) on turn 2"
    ):
        meets_in_a_function[1, 2](floats(2)).interpret()
    meets_in_a_function(SAME=True)[1, 2](floats(2)).interpret()


def test_a_barrier_in_a_function_is_another_where_the_function_is_called_elsewhere():
    with pytest.raises(BarrierDivergence) as caught:
        meets_in_a_function_called_twice[1, 2](floats(2)).interpret()
    first = inspect.getsourcelines(meets_in_a_function_called_twice.source.function)[1] + 4
    assert f"waits in the function called at line {first}, " in str(caught.value)
    assert f"thread (1, 0, 0) in that called at line {first + 2}" in str(caught.value)


# Races within a block


@kernel
def read_after_write(y, *, BARRIER=False):
    tile = cuda.shared.array(8, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    if BARRIER:
        cuda.syncthreads()
    if i > 0:
        y[i] = tile[i - 1]  # fault


def test_a_read_of_what_another_thread_just_wrote_is_a_race():
    y = floats(8)
    message = refused(read_after_write[1, 8](y), DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="tile", index=0)
    assert "thread (0, 0, 0) writes" in message
    assert "shape (8,)" in message
    read_after_write(BARRIER=True)[1, 8](y).interpret()


@kernel
def write_after_read(y, *, BARRIER=False):
    tile = cuda.shared.array((4, 2), float32)
    i = cuda.threadIdx.x
    tile[i, 0] = float32(i)
    cuda.syncthreads()
    value = tile[(i + 1) % 4, 0]
    if BARRIER:
        cuda.syncthreads()
    tile[i, 0] = value  # fault
    y[i] = value


def test_a_write_of_what_another_thread_still_reads_is_a_race():
    y = floats(4)
    refused(write_after_read[1, 4](y), DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="tile", index=(1, 0))
    write_after_read(BARRIER=True)[1, 4](y).interpret()
    assert list(y) == [1, 2, 3, 0]


@kernel
def goes_on_to_the_next_turn(x, y, *, BARRIER=False):
    tile = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    total = float32(0)
    for t in range(3):
        tile[i] = x[t, i]  # fault
        cuda.syncthreads()
        total += tile[3 - i]
        if BARRIER:
            cuda.syncthreads()
    y[i] = total


def test_a_race_across_turns_of_a_loop_says_who_is_ahead():
    """Thread 1 has read the value of thread 2, and writes its own on the next turn before thread 2 has read it."""
    x, y = floats(3, 4), floats(4)
    with pytest.raises(DataRace) as caught:
        goes_on_to_the_next_turn[1, 4](x, y).interpret()
    line = line_of_fault(goes_on_to_the_next_turn.source.function)
    message = str(caught.value)
    assert f"thread (2, 0, 0): reads tile[1] of shape (4,), which thread (1, 0, 0) writes at line {line}" in message
    assert f"and thread (1, 0, 0) is a turn of the loop at line {line - 1} ahead" in message
    goes_on_to_the_next_turn(BARRIER=True)[1, 4](x, y).interpret()
    assert list(y) == list(x.sum(axis=0)[::-1])


def test_a_race_on_one_turn_of_a_loop_says_nothing_of_turns():
    message = refused(
        read_after_write[1, 8](floats(8)), DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="tile", index=0
    )
    assert "ahead" not in message


@kernel
def write_before_own_read(y, z):
    i = cuda.threadIdx.x
    if i == 0:
        y[0] = float32(1)
    z[i] = y[0]  # fault


def test_a_thread_that_reads_what_it_wrote_has_written_it_all_the_same():
    """Thread 0 may read it, and its read hides nothing: that of thread 1 comes in no order with the write."""
    launch = write_before_own_read[1, 2](floats(1), floats(2))
    refused(launch, DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="y", index=0)


@kernel
def written_after_all_have_read(y, *, SYNC=True):
    i = cuda.threadIdx.x
    value = y[0]  # fault
    if SYNC:
        cuda.syncwarp()
    if i == 0:
        y[0] = value + float32(1)


def test_many_reads_of_what_is_written_later_are_no_race_among_each_other():
    y = floats(1)
    written_after_all_have_read[1, 32](y).interpret()
    assert y[0] == 1
    launch = written_after_all_have_read(SYNC=False)[1, 32](y)
    refused(launch, DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="y", index=0)


@kernel
def write_after_write(y, *, ALL=True):
    if ALL or cuda.threadIdx.x == 0:
        y[0] = float32(1)  # fault


def test_two_writes_of_one_global_address_are_a_race():
    refused(write_after_write[1, 2](floats(1)), DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="y", index=0)
    write_after_write(ALL=False)[1, 2](floats(1)).interpret()


@kernel
def says_that_it_found(x, found, *, VALUE=1, READ=False):
    """Each thread that finds a value says so, where all others do."""
    i = cuda.grid(1)
    if x[i] > float32(0):
        found[0] = VALUE if VALUE else i  # fault
        if READ:
            x[i] = found[0]  # fault


WHO = pytest.mark.parametrize(("grid", "block"), [(1, 40), (40, 1), (4, 10)])


@WHO
def test_threads_that_write_the_same_value_race_and_are_told_that_it_is_the_same(grid, block):
    found = np.zeros(1, np.int32)
    with pytest.raises(DataRace, match=r"both write the same value.*allow_same_value=True"):
        says_that_it_found[grid, block](floats(40), found).interpret()


@WHO
@pytest.mark.parametrize("batch", [1, 1 << 16])
def test_writes_of_the_same_value_may_be_allowed_and_no_others(grid, block, batch, monkeypatch):
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", batch)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", batch)
    found = np.zeros(1, np.int32)
    says_that_it_found[grid, block](floats(40), found).interpret(allow_same_value=True)
    assert found[0] == 1
    says_that_it_found[grid, block](floats(40), found).interpret(allow_same_value=True)  # where it is already
    for wrong in (says_that_it_found(VALUE=0), says_that_it_found(READ=True)):
        with pytest.raises(DataRace) as caught:
            wrong[grid, block](floats(40), np.zeros(1, np.int32)).interpret(allow_same_value=True)
        assert "the same value" not in str(caught.value)


@kernel
def atomic_and_plain(counts, y, *, BARRIER=False):
    i = cuda.threadIdx.x
    cuda.atomic.add(counts, 0, 1)  # fault
    if BARRIER:
        cuda.syncthreads()
    y[i] = counts[0]


def test_an_atomic_and_a_plain_read_are_a_race_but_atomics_are_not():
    counts, y = np.zeros(1, np.int32), floats(4)
    launch = atomic_and_plain[1, 4](counts, y)
    refused(launch, DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="counts", index=0)
    counts[0] = 0
    atomic_and_plain(BARRIER=True)[1, 4](counts, y).interpret()
    assert (y == 4).all()


@kernel
def reverses_in_place(x, y):
    i = cuda.threadIdx.x
    y[i] = x[cuda.blockDim.x - 1 - i]  # fault


def test_two_arguments_that_are_one_buffer_are_followed_by_address():
    x = floats(8)
    reverses_in_place[1, 4](x[:4], x[4:]).interpret()
    assert list(x) == [0, 1, 2, 3, 3, 2, 1, 0]
    launch = reverses_in_place[1, 4](x[:4], x[2:6])
    refused(launch, DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="x", index=2)


@kernel
def doubles_in_place(x, y):
    i = cuda.grid(1)
    y[i] = x[i] + x[i]


def test_an_update_in_place_is_no_race():
    x = floats(8)
    doubles_in_place[2, 4](x, x).interpret()
    assert list(x) == list(2 * floats(8))


@kernel
def warp_synchronous(y, *, SYNC=True):
    tile = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    if SYNC:
        cuda.syncwarp()
    value = tile[i ^ 1]  # fault
    if SYNC:
        cuda.syncwarp()
    tile[i] = value
    y[i] = value


def test_syncwarp_orders_the_lanes_of_a_warp():
    y = floats(64)
    warp_synchronous[1, 64](y).interpret()
    assert list(y[:4]) == [1, 0, 3, 2]
    launch = warp_synchronous(SYNC=False)[1, 64](y)
    with pytest.raises((DataRace, Uninitialised)):
        launch.interpret()


@kernel
def syncwarp_between_warps(y):
    tile = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    cuda.syncwarp()
    if i >= 32:
        y[i] = tile[i - 32]  # fault


def test_syncwarp_does_not_order_threads_of_two_warps():
    launch = syncwarp_between_warps[1, 64](floats(64))
    refused(launch, DataRace, block=(0, 0, 0), thread=(32, 0, 0), array="tile", index=0)


@kernel
def syncwarp_of_pairs(y, *, PARTNER=1):
    tile = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    pair = 0b0011 if i < 2 else 0b1100
    cuda.syncwarp(pair)
    if i >= PARTNER:
        y[i] = tile[i - PARTNER]  # fault


def test_syncwarp_orders_only_the_lanes_of_its_mask():
    launch = syncwarp_of_pairs[1, 4](floats(4))
    refused(launch, DataRace, block=(0, 0, 0), thread=(2, 0, 0), array="tile", index=1)


@kernel
def chain_of_meetings(y):
    tile = cuda.shared.array(3, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    if i < 2:
        cuda.syncwarp(0b011)
    if i > 0:
        cuda.syncwarp(0b110)
    if i == 2:
        y[0] = tile[0]


def test_meetings_of_lanes_order_what_lies_before_and_after_them_in_a_chain():
    chain_of_meetings[1, 3](floats(1)).interpret()


@kernel
def shuffle_is_no_fence(y):
    tile = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    tile[i] = float32(i)
    cuda.shfl_sync(ALL_LANES, i, 0)
    y[i] = tile[31 - i]  # fault


def test_a_shuffle_does_not_order_memory():
    launch = shuffle_is_no_fence[1, 32](floats(32))
    refused(launch, DataRace, block=(0, 0, 0), thread=(0, 0, 0), array="tile", index=31)


# Races between blocks


@kernel
def blocks_write(y, *, APART=False):
    y[cuda.blockIdx.x if APART else 0] = float32(1)  # fault


def test_two_blocks_that_write_one_address_are_a_race():
    message = refused(blocks_write[3, 1](floats(3)), DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="y", index=0)
    assert "block (0, 0, 0) writes" in message
    blocks_write(APART=True)[3, 1](floats(3)).interpret()


@kernel
def blocks_count(counts, *, ATOMIC=True):
    if ATOMIC or cuda.blockIdx.x == 0:
        cuda.atomic.add(counts, 0, 1)
    else:
        counts[0] = 1  # fault


def test_an_atomic_and_a_plain_write_by_two_blocks_are_a_race():
    counts = np.zeros(1, np.int32)
    launch = blocks_count(ATOMIC=False)[2, 1](counts)
    refused(launch, DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="counts", index=0)
    counts[0] = 0
    blocks_count[5, 1](counts).interpret()
    assert counts[0] == 5


@kernel
def reads_the_block_before(x, y, *, OFFSET=1):
    i = cuda.blockIdx.x
    if i >= OFFSET:
        y[i] = x[i - OFFSET]  # fault
    else:
        y[i] = float32(0)


def test_a_read_of_what_an_earlier_block_writes_is_a_race():
    x = floats(4)
    launch = reads_the_block_before[4, 1](x, x)
    refused(launch, DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="x", index=0)
    reads_the_block_before[4, 1](floats(4), x).interpret()


@kernel
def reads_the_block_after(x, y):
    i = cuda.blockIdx.x
    value = float32(0)
    if i + 1 < x.size:
        value = x[i + 1]
    y[i] = value  # fault


def test_a_read_of_what_a_later_block_writes_is_a_race():
    x = floats(4)
    launch = reads_the_block_after[4, 1](x, x)
    refused(launch, DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="y", index=1)
    reads_the_block_after[4, 1](x, floats(4)).interpret()


def test_races_between_blocks_are_found_across_batches_of_the_trace(monkeypatch):
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", 1)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", 1)
    test_two_blocks_that_write_one_address_are_a_race()
    test_an_atomic_and_a_plain_write_by_two_blocks_are_a_race()
    test_a_read_of_what_an_earlier_block_writes_is_a_race()
    test_a_read_of_what_a_later_block_writes_is_a_race()


@kernel
def writes_between_reads(x, y):
    """Each block reads its element, writes it and reads it again; the last reads that of the first."""
    b = cuda.blockIdx.x
    y[b] = x[b]
    x[b] = float32(1)
    y[b] += x[b]
    if b == cuda.gridDim.x - 1:
        y[b] += x[0]  # fault


def test_a_block_that_reads_writes_and_reads_again_has_written(monkeypatch):
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", 1)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", 1)
    launch = writes_between_reads[3, 1](floats(3), floats(3))
    refused(launch, DataRace, block=(2, 0, 0), thread=(0, 0, 0), array="x", index=0)


def test_races_within_a_block_are_found_across_batches_of_the_trace(monkeypatch):
    """A batch may end wherever another thread goes on, long before a barrier."""
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", 1)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", 1)
    test_a_read_of_what_another_thread_just_wrote_is_a_race()
    test_a_write_of_what_another_thread_still_reads_is_a_race()
    test_a_thread_that_reads_what_it_wrote_has_written_it_all_the_same()
    test_many_reads_of_what_is_written_later_are_no_race_among_each_other()
    test_two_writes_of_one_global_address_are_a_race()
    test_an_atomic_and_a_plain_read_are_a_race_but_atomics_are_not()
    test_syncwarp_orders_the_lanes_of_a_warp()
    test_syncwarp_does_not_order_threads_of_two_warps()
    test_syncwarp_orders_only_the_lanes_of_its_mask()


@kernel
def wide_and_narrow(wide, narrow):
    i = cuda.threadIdx.x
    wide[i] = 1.0
    narrow[2 * i + 2] = float32(2)  # fault


def test_elements_of_two_sizes_are_followed_by_the_bytes_they_cover():
    buffer = np.zeros(8, np.float32)
    launch = wide_and_narrow[1, 2](buffer[:4].view(np.float64), buffer)
    with pytest.raises(DataRace) as caught:
        launch.interpret()
    assert {caught.value.array, caught.value.thread} == {"wide", (1, 0, 0)}
    wide_and_narrow[1, 2](buffer[:2].view(np.float64)[:1].repeat(2), buffer).interpret()


# Launches, and what is not executed


@kernel
def rounds_nan(x, y):
    i = cuda.threadIdx.x
    y[i] = int32(x[i])  # fault


def test_arithmetic_without_a_result_names_its_thread_and_line():
    y = np.zeros(2, np.int32)
    refused(rounds_nan[1, 2](np.array([1, np.nan]), y), Undefined, block=(0, 0, 0), thread=(1, 0, 0))
    rounds_nan[1, 2](np.array([1, -2.5]), y).interpret()
    assert list(y) == [1, -2]


@kernel
def takes_shared(y, *, FLOATS=1):
    tile = cuda.shared.array(FLOATS, float32)  # fault
    tile[0] = float32(1)
    y[0] = tile[0]


def test_more_static_shared_memory_than_a_block_has_is_refused():
    refused(
        takes_shared(FLOATS=12 * 1024 + 1)[1, 1](floats(1)),
        LaunchError,
        block=(0, 0, 0),
        thread=(0, 0, 0),
        array="tile",
    )
    takes_shared(FLOATS=12 * 1024)[1, 1](floats(1)).interpret()


@pytest.mark.parametrize(
    ("grid", "block", "shared_bytes"),
    [(1, 1025, 0), (1, (32, 33), 0), (1, (1, 1, 65), 0), (0, 1, 0), (1, 0, 0), ((1, 65536), 1, 0), (1, 1, 228 * 1024)],
)
def test_a_launch_that_no_gpu_would_take_is_refused(grid, block, shared_bytes):
    with pytest.raises(LaunchError, match="takes_shared"):
        takes_shared[grid, block, shared_bytes](floats(1)).interpret()


@kernel
def asks_cooperative_group(y):
    y[0] = cuda.cg.this_grid().size()  # fault


def test_what_is_not_supported_is_named():
    message = refused(asks_cooperative_group[1, 1](floats(1)), Unsupported)
    assert "cuda.cg.grid_group.size is not supported" in message


@device
def beyond(x, i):
    return x[i + 1]


@kernel
def calls_beyond(x, y):
    i = cuda.threadIdx.x
    y[i] = beyond(x, i)


def test_an_error_in_a_device_function_names_its_line_and_the_kernel():
    with pytest.raises(OutOfBounds) as caught:
        calls_beyond[1, 2](floats(2), floats(2)).interpret()
    assert caught.value.kernel == "calls_beyond"
    assert caught.value.index == 2
    assert caught.value.line == inspect.getsourcelines(beyond.source.function)[1] + 2


def test_every_refusal_is_a_kernel_error():
    kinds = (BarrierDivergence, DataRace, InvalidIndex, LaunchError, OutOfBounds, Uninitialised, Unsupported)
    assert all(issubclass(kind, KernelError) for kind in kinds)
