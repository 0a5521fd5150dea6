"""What the emulator's checked mode refuses: each fault of the interpreter's tests that is left in compiled code.

It says who, where and in which line, as the interpreter does; and nothing on the kernels of this project.
"""

import inspect
import re

import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, int32, kernel, uint8
from kernels.gpu.emulator import EmulatorError, Endless
from kernels.gpu.emulator.parser import parse
from kernels.gpu.interpreter import BarrierDivergence, DataRace, KernelError, OutOfBounds, Uninitialised
from tests.gpu import test_interpreter_refusals as faults
from tests.helpers.cases import small
from tests.helpers.checks import assert_close
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS
from tests.helpers.ptx import HEAD

floats, line_of_fault = faults.floats, faults.line_of_fault


def refused(launch, kind, **details):
    """Emulate a launch that must be refused; check what the error says, and return it."""
    with pytest.raises(KernelError) as caught:
        launch.emulate(checked=True)
    error = caught.value
    assert type(error) is kind
    assert error.kernel == launch.kernel.name
    for name, value in details.items():
        assert getattr(error, name) == value, (name, str(error))
    message = str(error)
    assert "\n" not in message
    assert "_ZN" not in message.partition("(PTX line")[0]
    assert f"{error.site.file}:{error.line}: " in message
    assert f"PTX line {error.site.ptx_line}: " in message
    return error


def counts(size):
    return np.zeros(size, np.int32)


X = floats(4)  # given twice: one array under two names
SAME = {
    "beyond an array": lambda: faults.reads_beyond[2, 4](floats(8), floats(8)),
    "beyond shared memory": lambda: faults.leaves_shared[1, 3](floats(3)),
    "beyond local memory": lambda: faults.leaves_local[1, 1](floats(1), 5),
    "beyond a constant": lambda: faults.leaves_constant[1, 4](floats(4)),
    "beyond, atomically": lambda: faults.counts_beyond[1, 3](counts(2)),
    "unwritten shared memory": lambda: faults.unwritten_shared[1, 4](floats(4)),
    "shared memory of the block before": lambda: faults.shared_of_the_block_before[2, 1](floats(2)),
    "half written dynamic shared memory": lambda: faults.half_written_dynamic[1, 1, 16](floats(1)),
    "a barrier missed by returning": lambda: faults.leaves_before_barrier[2, 4](floats(8), 6),
    "two barriers": lambda: faults.two_barriers[1, 4](floats(4)),
    "a counting barrier missed": lambda: faults.counts_in_a_branch[1, 2](floats(2)),
    "a lane left out by its own mask": lambda: faults.calls_without_its_lane[1, 4](floats(4)),
    "a shuffle from outside its mask": lambda: faults.reads_outside_mask[1, 32](floats(32)),
    "read after write": lambda: faults.read_after_write[1, 8](floats(8)),
    "write after read": lambda: faults.write_after_read[1, 4](floats(4)),
    "write before own read": lambda: faults.write_before_own_read[1, 2](floats(1), floats(2)),
    "write after write": lambda: faults.write_after_write[1, 2](floats(1)),
    "atomic and plain": lambda: faults.atomic_and_plain[1, 4](counts(1), floats(4)),
    "lanes without syncwarp": lambda: faults.warp_synchronous(SYNC=False)[1, 64](floats(64)),
    "syncwarp between warps": lambda: faults.syncwarp_between_warps[1, 64](floats(64)),
    "a shuffle is no fence": lambda: faults.shuffle_is_no_fence[1, 32](floats(32)),
    "two blocks write": lambda: faults.blocks_write[3, 1](floats(3)),
    "an atomic and a plain write of two blocks": lambda: faults.blocks_count(ATOMIC=False)[2, 1](counts(1)),
    "a read of the block before": lambda: faults.reads_the_block_before[4, 1](X, X),
    "a device function leaves an array": lambda: faults.calls_beyond[1, 2](floats(2), floats(2)),
}


@pytest.mark.parametrize("fault", SAME)
def test_it_finds_what_the_interpreter_finds(fault):
    with pytest.raises(KernelError) as caught:
        SAME[fault]().interpret()
    said = caught.value
    error = refused(SAME[fault](), type(said), block=said.block, thread=said.thread, line=said.line)
    if said.array:
        assert error.array == said.array
        if not isinstance(said.index, tuple):  # of arrays in shared and local memory only bytes are known
            assert error.index == said.index


FINE = {
    "all of shared memory written": lambda: faults.unwritten_shared(WRITERS=4)[1, 4](floats(4)),
    "a barrier for all": lambda: faults.leaves_before_barrier[2, 4](floats(8), 8),
    "one barrier": lambda: faults.two_barriers(SPLIT=False)[1, 4](floats(4)),
    "a shuffle within its mask": lambda: faults.reads_outside_mask(DELTA=3)[1, 32](floats(32)),
    "a barrier between write and read": lambda: faults.read_after_write(BARRIER=True)[1, 8](floats(8)),
    "a barrier between read and write": lambda: faults.write_after_read(BARRIER=True)[1, 4](floats(4)),
    "read by many, then written": lambda: faults.written_after_all_have_read[1, 32](floats(1)),
    "an atomic, a barrier, a read": lambda: faults.atomic_and_plain(BARRIER=True)[1, 4](counts(1), floats(4)),
    "an update in place": lambda: faults.doubles_in_place[2, 2](X, X),
    "syncwarp among the lanes of a warp": lambda: faults.warp_synchronous[1, 64](floats(64)),
    "a chain of meetings": lambda: faults.chain_of_meetings[1, 3](floats(1)),
    "blocks apart": lambda: faults.blocks_write(APART=True)[3, 1](floats(3)),
    "blocks that count": lambda: faults.blocks_count[5, 1](counts(1)),
}


@pytest.mark.parametrize("case", FINE)
@pytest.mark.parametrize("seed", [None, 1])
def test_it_finds_nothing_in_the_corrected_kernels(case, seed):
    FINE[case]().emulate(seed, checked=True)


def test_a_shuffle_from_a_lane_that_has_ended_is_refused_where_its_value_is_taken():
    launch = faults.shuffles_in_a_branch[1, 32](floats(32))
    error = refused(launch, BarrierDivergence, block=(0, 0, 0), thread=(30, 0, 0))
    assert "reads from lane 31, which takes no part" in str(error)


def test_the_words_are_those_of_the_interpreter():
    message = str(refused(faults.leaves_before_barrier[2, 4](floats(8), 6), BarrierDivergence))
    assert "waits for 2 of 4 threads; thread (0, 0, 0) waits, thread (2, 0, 0) has returned, at " in message
    message = str(refused(faults.two_barriers[1, 4](floats(4)), BarrierDivergence))
    assert f"waits at line {line_of_fault(faults.two_barriers.source.function) + 2}" in message
    message = str(refused(faults.reads_beyond[2, 4](floats(8), floats(8)), OutOfBounds))
    assert "x[8] is out of bounds for shape (8,), at " in message
    message = str(refused(faults.read_after_write[1, 8](floats(8)), DataRace))
    assert "reads tile[0] of 8 elements, which thread (0, 0, 0) writes at line " in message
    message = str(refused(faults.blocks_write[3, 1](floats(3)), DataRace))
    assert "writes y[0] of shape (3,), which block (0, 0, 0) writes at line " in message
    assert "blocks run in any order" in message


@kernel
def fills(y, *, FAR=0):
    i = cuda.grid(1)
    y[i] = float32(i)
    if i == 3:
        y[i + FAR] = float32(-1)  # fault


def test_what_was_written_before_a_refusal_stays():
    y = np.full(4, 9, np.float32)
    refused(fills(FAR=5)[1, 4](y), OutOfBounds, array="y", index=8, thread=(3, 0, 0))
    assert list(y) == [0, 1, 2, 3]


def test_an_array_that_is_part_of_another_is_followed_beyond_its_end():
    whole = np.full(16, 9, np.float32)
    refused(fills(FAR=1)[1, 4](whole[4:8]), OutOfBounds, array="y", index=4)
    assert list(whole) == 4 * [9.0] + [0, 1, 2, 3] + 8 * [9.0]


def test_views_that_overlap_are_one_memory():
    x = floats(8)
    faults.reverses_in_place[1, 4](x[:4], x[4:]).emulate(checked=True)
    assert list(x) == [0, 1, 2, 3, 3, 2, 1, 0]
    launch = faults.reverses_in_place[1, 4](x[:4], x[2:6])
    assert refused(launch, DataRace, thread=(1, 0, 0)).array in ("x", "y")


@kernel
def far_away(y):
    y[1_000_000_000] = float32(0)  # fault


def test_an_address_far_from_every_array_is_refused_as_one_of_the_array_that_it_was_meant_for():
    line = line_of_fault(far_away.source.function)
    error = refused(far_away[1, 1](floats(4)), OutOfBounds, array="y", index=1_000_000_000, line=line)
    assert "y[1000000000] is out of bounds for shape (4,)" in str(error)


@kernel
def waits_for_nobody(y):
    i = cuda.threadIdx.x
    n = 0
    while y[i] == 0:  # fault
        n += 1
    y[i] = n


def test_an_endless_loop_ends():
    from kernels.gpu.emulator import load_checked, of_numba

    y = np.array([1, 0], np.float32)
    launch = waits_for_nobody[1, 2](y)
    kernel = load_checked(launch.ptx("sm_90", lines=True))
    with pytest.raises(Endless) as caught:
        kernel.run(launch.grid, launch.block, of_numba(launch.args, launch.types), most_turns=1000)
    assert (caught.value.block, caught.value.thread) == ((0, 0, 0), (1, 0, 0))
    assert "still in this loop after 1,000 turns" in str(caught.value)
    first = inspect.getsourcelines(waits_for_nobody.source.function)[1]
    assert first < caught.value.line <= first + 5


def test_a_loop_that_ends_is_no_endless_one():
    waits_for_nobody[1, 2](np.ones(2, np.float32)).emulate(checked=True)


# Atomics and fences


@kernel
def sums_by_ticket(x, parts, tickets, y, *, FENCED=True, ASKED=True):
    """The block that draws the last ticket adds up what the others have left."""
    i = cuda.threadIdx.x
    last = cuda.shared.array(1, int32)
    if i == 0:
        parts[cuda.blockIdx.x] = x[cuda.blockIdx.x] * float32(2)
        if FENCED:
            cuda.threadfence()
        last[0] = cuda.atomic.add(tickets, 0, 1) if ASKED else cuda.blockIdx.x
    cuda.syncthreads()
    if last[0] == cuda.gridDim.x - 1 and i < parts.size:
        y[i] = parts[i]  # fault


def test_a_ticket_orders_blocks_if_there_is_a_fence():
    x, parts, y = floats(4), floats(4), floats(4)
    sums_by_ticket[4, 8](x, parts, counts(1), y).emulate(checked=True)
    assert list(y) == [0, 2, 4, 6]
    for how in ({"FENCED": False}, {"ASKED": False}):
        launch = sums_by_ticket(**how)[4, 8](x, parts, counts(1), y)
        line = line_of_fault(sums_by_ticket.source.function)
        refused(launch, DataRace, block=(3, 0, 0), thread=(0, 0, 0), array="parts", index=0, line=line)


@kernel
def counts_under_a_lock(lock, total, *, FENCED=True):
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    total[0] += 1  # fault
    if FENCED:
        cuda.threadfence()
    cuda.atomic.exch(lock, 0, 0)


@pytest.mark.parametrize(("grid", "block"), [(4, 1), (1, 40), (3, 5)])
def test_a_lock_orders_threads_and_blocks_if_there_is_a_fence(grid, block):
    total = counts(1)
    counts_under_a_lock[grid, block](counts(1), total).emulate(checked=True)
    assert total[0] == grid * block
    launch = counts_under_a_lock(FENCED=False)[grid, block](counts(1), counts(1))
    who = {"thread": (1, 0, 0)} if block > 1 else {"block": (1, 0, 0)}
    refused(launch, DataRace, array="total", index=0, **who)


@kernel
def last_thread_sums(x, parts, tickets, y):
    """The thread that draws the last ticket of all adds up what the others have left, those of its block too."""
    i = cuda.grid(1)
    parts[i] = x[i] + x[i]
    cuda.threadfence()
    if cuda.atomic.add(tickets, 0, 1) == parts.size - 1:
        for j in range(parts.size):
            y[j] = parts[j]


def test_a_ticket_for_each_thread_orders_them():
    x, y = floats(80), floats(80)
    last_thread_sums[2, 40](x, floats(80), counts(1), y).emulate(checked=True)
    assert (y == 2 * x).all()


# Bytes


@kernel
def bytes_side_by_side(y, *, STEP=1, FROM=0):
    tile = cuda.shared.array(64, uint8)
    i = cuda.threadIdx.x
    if i >= FROM:
        tile[i // STEP * STEP] = uint8(i)  # fault
    cuda.syncthreads()
    y[i] = tile[i]


def test_neighbours_in_a_word_are_no_race_but_one_byte_is():
    y = np.zeros(8, np.uint8)
    bytes_side_by_side[1, 8](y).emulate(checked=True)
    assert list(y) == list(range(8))
    refused(bytes_side_by_side(STEP=2)[1, 8](y), DataRace, thread=(1, 0, 0), array="tile", index=0,
            line=line_of_fault(bytes_side_by_side.source.function))  # fmt: skip


def test_memory_is_written_byte_by_byte():
    error = refused(bytes_side_by_side(FROM=3)[1, 8](np.zeros(8, np.uint8)), Uninitialised, array="tile", index=0)
    assert error.thread == (0, 0, 0)


# Source lines, names, and what is left of errors without checks


beyond = faults.beyond


@device
def same(x, i):
    return x[i] + float32(1)


@kernel
def calls_two(x, y):
    i = cuda.threadIdx.x
    y[i] = same(x, i) + beyond(x, i)


def test_lines_of_device_functions_are_those_of_their_own_files():
    launch = calls_two[1, 2](floats(2), floats(2))
    error = refused(launch, OutOfBounds, array="x", index=2)
    line = inspect.getsourcelines(beyond.source.function)[1] + 2
    assert (error.site.file, error.line) == (faults.__file__, line)
    text = launch.ptx("sm_90", lines=True)
    own = inspect.getsourcelines(same.source.function)[1] + 2
    assert re.search(rf'\.file\s+1 "{__file__}"', text)
    assert re.search(rf"\.loc\s+1 {own} ", text)
    assert re.search(rf'\.file\s+2 "{faults.__file__}"', text)
    assert re.search(rf"\.loc\s+2 {line} ", text)
    assert "000000 " not in "".join(re.findall(r"\.loc.*", text))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/any/<ipython-input-3-9f1>", "<ipython-input-3-9f1>"),
        (r"C:\home\<ipython-input-3-9f1>", "<ipython-input-3-9f1>"),
        ("<string>", "<string>"),
        ("/any/a<b>/kernel.py", "/any/a<b>/kernel.py"),
    ],
)
def test_what_was_typed_in_is_in_no_folder(written, read):
    text = f'{HEAD}.visible .entry k()\n{{\n.loc 1 7 0\nret;\n}}\n.file 1 "{written}"\n'
    (instruction,) = parse(text).functions["k"].body
    assert instruction.source == (read, 7)


@kernel
def waits_for_half(y, *, LANES=16):
    i = cuda.threadIdx.x
    if i < LANES:
        cuda.syncwarp()
    else:
        cuda.syncthreads()
    y[i] = float32(i)


def test_errors_of_a_plain_run_name_the_kernel_as_python_does():
    with pytest.raises(EmulatorError) as caught:
        waits_for_half(LANES=16)[1, 32](floats(32)).emulate()
    assert str(caught.value).startswith("waits_for_half(LANES=16): block 0, thread ")


def test_a_device_can_check():
    (case,) = small("add", "forward", 1, True, most=1)
    got = case.trial.forward("emulate", rung=1, checked=True)
    assert_close(got, case.forward, OPERATIONS["add"].tolerance)


# No false alarm


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_nothing_is_found_in_any_forward(name, rung):
    for case in small(name, "forward", rung, True, most=1):
        got = case.trial.forward("emulate", rung=rung, tiny=True, checked=True)
        assert_close(got, case.forward, OPERATIONS[name].tolerance)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_nothing_is_found_in_any_backward(name, rung):
    for case in small(name, "backward", rung, True, most=1):
        got = case.trial.backward("emulate", case.saved, rung=rung, tiny=True, checked=True)
        assert_close(got, case.backward, OPERATIONS[name].tolerance)
