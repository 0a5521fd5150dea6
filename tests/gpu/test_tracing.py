"""One block of a launch, recorded: who was on which line, who wrote which cell, who waited, and where it went wrong."""

import html
import json
import re

import numpy as np
import pytest

from kernels.bench.fuzz import Case
from kernels.commands.targets import find_target
from kernels.device import Device, launches
from kernels.gpu import cuda, device, float32, kernel
from kernels.gpu.interpreter.launch import CheckedExecution
from kernels.gpu.tracing import trace
from kernels.gpu.tracing.page import data, page


@kernel
def reverse(x, y, *, BLOCK=64):
    tile = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    tile[i] = x[cuda.blockIdx.x * BLOCK + i]
    cuda.syncthreads()
    y[cuda.blockIdx.x * BLOCK + i] = tile[BLOCK - 1 - i]


@kernel
def without_barrier(x, y, *, BLOCK=64):
    tile = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    y[i] = tile[max(i - 1, 0)]


@kernel
def too_early(x, y, *, BLOCK=64):
    tile = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    y[i] = tile[BLOCK - 1 - i]


@kernel
def without_end(x, y):
    i = cuda.grid(1)
    y[i] = x[i] + float32(1)


@kernel
def divergent(x, y):
    i = cuda.threadIdx.x
    if i < 40:
        cuda.syncthreads()
    y[i] = x[i]


@device
def half(v):
    if v > float32(3):
        v = v - float32(1)
    return v / float32(2)


@kernel
def branches(x, y):
    i = cuda.threadIdx.x
    if i < 3:
        for k in range(i):
            y[i] += x[k]
    else:
        y[i] = half(x[i])
    y[i] += float32(1)


@kernel
def warp_sum(x, total):
    i = cuda.threadIdx.x
    value = x[i]
    value += cuda.shfl_xor_sync(0xFFFFFFFF, value, 16)
    cuda.atomic.add(total, 0, 1)
    if i == 0:
        x[0] = value


@kernel
def tickets(counter, mine):
    i = cuda.threadIdx.x
    mine[i] = cuda.atomic.add(counter, 0, 1)
    cuda.atomic.add(counter, 0, 1)


@kernel
def long(x):
    for k in range(1000):
        x[cuda.threadIdx.x] += float32(k)


def arrays(size=128):
    return np.arange(size, dtype=np.float32), np.zeros(size, np.float32)


def of(recording, text, first=0):
    """The steps on the first line that has this text."""
    (listing,) = {each.file: each for each in recording.listings[:1]}.values()
    lines = [listing.first + n for n, line in enumerate(listing.lines) if text in line]
    return [step for step in recording.steps if step.line == lines[first] and step.kind == "line"]


def by_name(recording, name):
    return next(n for n, array in enumerate(recording.arrays) if array.name == name)


def test_a_reversal_through_shared_memory_step_by_step():
    x, y = arrays()
    recording = trace(reverse[2, 64](x, y), block=(1, 0, 0))
    assert recording.fault is None
    assert recording.is_whole
    assert recording.index == (1, 0, 0)
    assert not y.any()  # arrays hold what they held
    stores = of(recording, "tile[i] =")
    assert [(step.warp, step.threads) for step in stores] == [(0, list(range(32))), (1, list(range(32, 64)))]
    tile, source = by_name(recording, "tile"), by_name(recording, "x")
    for step in stores:
        written = {a.cell: (a.thread, a.value) for a in step.accesses if a.kind == "store"}
        assert written == {t: (t, 64 + t) for t in step.threads}
        assert {(a.array, a.cell) for a in step.accesses if a.kind == "load"} == {
            (source, 64 + t) for t in step.threads
        }
    for step in of(recording, "y["):
        read = {(a.thread, a.cell) for a in step.accesses if a.array == tile}
        assert read == {(t, 63 - t) for t in step.threads}


def test_threads_wait_for_a_barrier_until_all_have_met():
    recording = trace(reverse[2, 64](*arrays()))
    waits = of(recording, "syncthreads")
    assert [[(end.thread, end.what) for end in step.ends] for step in waits] == [
        [(t, "syncthreads") for t in step.threads] for step in waits
    ]
    kinds = [step.kind for step in recording.steps]
    meeting = kinds.index("meet")
    assert recording.steps[meeting - 1] is waits[-1]
    assert {step.interval for step in recording.steps[:meeting]} == {0}
    assert {step.interval for step in recording.steps[meeting:-1]} == {1}
    assert kinds[-1] == "end"
    assert sorted(e.thread for step in recording.steps for e in step.ends if not e.what) == list(range(64))


def test_lanes_part_at_a_branch_and_meet_behind_it():
    x, y = arrays(32)
    recording = trace(branches[1, 32](x, y))
    body = of(recording, "y[i] += x[k]")
    assert [step.threads for step in body] == [[1, 2], [2]]
    before, after = of(recording, "y[i] = half")
    assert before.threads == after.threads == list(range(3, 32))
    assert {a.kind for a in before.accesses} == {"load"}
    assert {a.kind for a in after.accesses} == {"store"}
    called = recording.steps[recording.steps.index(before) + 1 : recording.steps.index(after)]
    assert [len(step.threads) for step in called] == [29, 28, 29]  # 3 is not above 3
    (last,) = of(recording, "y[i] += float32(1)")
    assert last.threads == list(range(32))
    assert len(recording.listings) == 2


def test_a_shuffle_is_waited_for_and_an_atomic_is_told_with_what_it_leaves():
    x, _ = arrays(32)
    recording = trace(warp_sum[1, 32](x, np.zeros(1, np.int32)))
    (shuffle,) = of(recording, "shfl")
    assert {end.what for end in shuffle.ends} == {"shfl_xor_sync"}
    (adds,) = of(recording, "atomic.add")
    assert [a.value for a in adds.accesses] == list(range(1, 33))
    assert {a.kind for a in adds.accesses} == {"atomic"}


def test_a_cell_shows_what_the_interpreter_wrote_last_whatever_the_order_of_the_steps():
    recording = trace(tickets[1, 32](np.zeros(1, np.int32), np.zeros(32, np.int32)))
    shown = {}
    for _, _, _, _, _, writes, _ in data(recording)["steps"]:
        for lane, array, cell, value, kind in zip(*[iter(writes)] * 5, strict=True):
            if kind < 2:
                shown[array, cell] = lane, value
    assert shown[by_name(recording, "counter"), 0] == (31, 64)


def test_a_race_is_shown_at_the_step_by_which_both_accesses_have_happened():
    recording = trace(without_barrier[1, 64](*arrays(64)))
    fault = recording.fault
    assert fault is not None
    assert (fault.kind, fault.thread, fault.cell) == ("DataRace", 1, 0)
    assert fault.array == by_name(recording, "tile")
    assert fault.step == len(recording.steps) - 1
    assert recording.steps[fault.step] is of(recording, "y[i]")[0]
    assert "no barrier lies between them" in fault.text


def test_a_missing_barrier_is_shown_where_a_thread_reads_what_nobody_has_written():
    recording = trace(too_early[1, 64](*arrays(64)))
    fault = recording.fault
    assert fault is not None
    assert (fault.kind, fault.thread, fault.cell) == ("Uninitialised", 0, 63)
    assert fault.text.startswith("too_early: block (0, 0, 0), thread (0, 0, 0): tile[63]")
    assert "is a barrier missing?" in fault.text
    last = recording.steps[fault.step]
    assert (last.threads, last.line) == ([0], fault.line)
    written = {a.cell for step in recording.steps for a in step.accesses if a.array == fault.array}
    assert written == {0}  # of what the others did after it nothing is told


def test_an_index_outside_an_array_ends_the_recording():
    x, y = arrays(40)
    recording = trace(without_end[2, 32](x, y), block=1)
    fault = recording.fault
    assert fault is not None
    assert (fault.kind, fault.thread, fault.cell, fault.array) == ("OutOfBounds", 8, None, by_name(recording, "x"))
    assert "x[40] is out of bounds for shape (40,)" in fault.text
    assert recording.steps[-1].threads == list(range(9))
    assert recording.steps[-1] is recording.steps[fault.step]


def test_a_barrier_that_some_never_reach_is_a_fault_of_the_last_step():
    recording = trace(divergent[1, 64](*arrays(64)))
    fault = recording.fault
    assert fault is not None
    assert fault.kind == "BarrierDivergence"
    assert fault.step == len(recording.steps) - 1
    ends = {e.thread: e.what for step in recording.steps for e in step.ends}
    assert ends == {t: "syncthreads" if t < 40 else "" for t in range(64)}


def test_a_kernel_that_is_refused_has_a_page_too():
    @kernel
    def waves(x):
        x[0] = np.zeros(3)[0]

    recording = trace(waves[1, 1](np.zeros(1, np.float32)))
    assert recording.steps == []
    assert recording.fault is not None
    assert (recording.fault.kind, recording.fault.step) == ("Unsupported", None)
    assert "memory of a thread is cuda.local.array(shape, dtype)" in page(recording)


def test_of_too_many_steps_the_first_are_kept():
    x = np.zeros(64, np.float32)
    recording = trace(long[1, 64](x), steps=100)
    assert len(recording.steps) == 100
    assert not recording.is_whole
    assert all(step.warp == 0 for step in recording.steps)


def test_a_block_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="there is no block 2: the grid has 2"):
        trace(reverse[2, 64](*arrays()), block=2)
    with pytest.raises(ValueError, match="there is no block"):
        trace(reverse[2, 64](*arrays()), block=(0, 1))


def test_an_array_under_two_names_is_one():
    x = np.ones(32, np.float32)
    recording = trace(without_end[1, 32](x, x))
    assert [array.name for array in recording.arrays] == ["x, y"]


def test_a_page_is_one_file_that_asks_for_nothing(tmp_path):
    recording = trace(reverse[2, 64](np.full(128, np.nan, np.float32), np.full(128, np.inf, np.float32)))
    recording.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "{{" not in text
    assert not re.findall(r"https?:|src=|@import|url\(", text)
    said = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert said
    found = json.loads(said[1])
    assert found["arrays"][0]["values"][0][0] == "NaN"
    assert found["arrays"][1]["values"][0][0] == "∞"
    assert len(found["steps"]) == len(recording.steps)


def test_of_a_large_array_the_part_is_shown_that_the_block_touches():
    x, y = np.zeros((64, 100, 100), np.float32), np.zeros((64, 100, 100), np.float32)

    @kernel
    def move(x, y):
        y[3, cuda.threadIdx.x, 40] = x[cuda.threadIdx.x, 7, 99]

    shown = data(trace(move[1, 4](x, y)))["arrays"]
    assert [strip[0] for strip in shown[0]["strips"]] == [f"{n}, 7, 96" for n in range(4)]
    assert [strip[1:3] for strip in shown[1]["strips"]] == [[30000 + 100 * n + 32, 32] for n in range(4)]


def test_interpreting_is_what_it_was():
    """Lines are told to nobody but a recorder."""
    x, y = arrays()
    launch = reverse[2, 64](x, y)
    trace(launch)
    launch.interpret()
    assert np.array_equal(y, x.reshape(2, 64)[:, ::-1].ravel())


class OneBlock(CheckedExecution):
    """The first block of a launch alone, as the interpreter runs it."""

    def blocks_in_order(self):
        return [(0, self.blocks[0])]


@pytest.mark.parametrize("rung", [1, 2, 3])
@pytest.mark.parametrize("name", ["softmax.forward", "maxpool2d.backward", "adam.forward"])
def test_what_stands_in_the_cells_at_the_end_is_what_the_interpreter_computes(name, rung):
    target = find_target(name)
    if rung not in target.rungs:
        pytest.skip(f"{name} has no rung {rung}")
    trial = Case.draw(target.operation, seed=0, number=1).trial
    arguments = trial.arguments(Device("interpret"), target.direction)
    for launch in launches(target.operation, target.direction, arguments, rung):
        recording = trace(launch, steps=100_000)
        assert recording.fault is None
        assert recording.is_whole
        OneBlock(launch).run()
        by_place = {array.place[0]: n for n, array in enumerate(recording.arrays) if array.place}
        for array in (a for a in launch.args if isinstance(a, np.ndarray) and a.size):
            number = by_place[array.__array_interface__["data"][0]]
            for access in recording.accesses():  # the last of them wins
                if access.array == number and access.kind != "load":
                    recording.arrays[number].initial.reshape(-1)[access.cell] = access.value
            assert np.array_equal(recording.arrays[number].initial, array, equal_nan=array.dtype.kind == "f")


def test_in_a_notebook_it_shows_as_its_page():
    x = np.arange(64, dtype=np.float32)
    recording = trace(reverse[1, 64](x, np.zeros_like(x)))
    shown = recording._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert html.unescape(shown.split('"')[1]) == page(recording)
