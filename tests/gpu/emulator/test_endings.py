"""Threads that never leave a loop: whatever it waits for, a run ends and says which, and what all others do."""

import numpy as np
import pytest
from numba import cuda, float32, int32

from kernels.gpu.emulator import EmulatorError, Endless, together
from kernels.gpu.emulator.endings import uncertain
from kernels.gpu.emulator.flow import blocks
from kernels.gpu.emulator.parser import parse
from tests.gpu.emulator.numba_ptx import run
from tests.gpu.emulator.written import kernel

LATER = 200_000_000  # instructions: as many as a tenth of a second takes


def do_nothing(x):
    i = cuda.grid(1)
    cuda.syncthreads()
    if i % 64 == 7:
        while True:
            pass
    cuda.syncthreads()
    x[i] = 1


def poll_plain_memory(x):
    if cuda.grid(1) == 7:
        while x[0] == 0:
            pass
    cuda.syncthreads()
    x[cuda.grid(1)] = 1


def poll_shared_memory(x):
    flag = cuda.shared.array(1, int32)
    if cuda.threadIdx.x == 0:
        flag[0] = 0
    cuda.syncthreads()
    if cuda.threadIdx.x == 7:
        while flag[0] == 0:
            x[127] += 1
    elif cuda.threadIdx.x == 63:
        flag[0] = 1


def forget_to_move(x):
    i, stride = cuda.grid(1), cuda.gridsize(1) - 128
    if i == 7:
        while i < x.size and x[i] == 0:
            i += stride
        x[7] = 1


def do_work_for_ever(x):
    total = float32(0)
    if cuda.grid(1) == 7:
        while total < 1:
            for i in range(1000):
                total = total * float32(0.5) + float32(i) / float32(10_000)
        x[7] = total


ENDLESS = pytest.mark.parametrize(
    "function", [do_nothing, poll_plain_memory, poll_shared_memory, forget_to_move, do_work_for_ever]
)


@ENDLESS
@pytest.mark.parametrize("debug", [False, True])
def test_a_loop_that_a_thread_never_leaves_ends_the_run(monkeypatch, function, debug):
    monkeypatch.setattr(together, "INSTRUCTIONS", LATER)
    problem = (
        rf"{function.__name__}: block 0, thread 7: has executed 200,000,000 instructions of a loop and not left it "
    )
    with pytest.raises(EmulatorError, match=problem + r"at bra(.uni)? \(PTX line \d+, test_endings.py:\d+\)"):
        run(
            function,
            2,
            64,
            np.zeros(128, np.float32),
            lineinfo=not debug,
            **({"debug": True, "opt": False} if debug else {}),
        )


@ENDLESS
def test_also_in_checked_mode(function):
    with pytest.raises(Endless, match=r"still in this loop after 1,000,000 turns"):
        run(function, 2, 64, np.zeros(128, np.float32), checked=True, lineinfo=True, how={"most_turns": 1_000_000})


@pytest.mark.parametrize("checked", [False, True])
def test_what_the_others_do_is_said(monkeypatch, checked):
    monkeypatch.setattr(together, "INSTRUCTIONS", LATER)
    how = {"most_turns": 1000} if checked else {}
    problem = r"; of the other threads 56 have not begun, 7 wait at bar.sync \(PTX line \d+, test_endings.py:31\)"
    with pytest.raises((EmulatorError, Endless), match=problem):
        run(poll_plain_memory, 1, 64, np.zeros(128, np.float32), lineinfo=True, checked=checked, how=how)


def counted(body):
    """How many of the loops of some PTX are counted."""
    return len(uncertain(blocks(parse(kernel(body, 1)).functions["k"])))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("a: add.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 0),
        ("a: add.s32 %r1, %r1, 0; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),
        ("a: add.s32 %r1, %r1, 1; sub.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),
        ("a: sub.s32 %r3, %r1, 4; setp.ne.s32 %p0, %r3, 0; mov.u32 %r1, %r3; @%p0 bra a;", 0),
        ("a: add.s32 %r1, %r1, %r3; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),  # by a number that may be 0
        ("a: add.s32 %r1, %r1, 1; add.s32 %r2, %r2, 1; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),
        ("a: @%p1 add.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),
        ("a: ld.global.u32 %r1, [%rd0]; setp.lt.s32 %p0, %r1, %r2; @%p0 bra a;", 1),
        ("a: add.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, %r2; not.pred %p1, %p0; @%p1 bra b; bra a; b:", 0),
        # The way out is not on every turn's way.
        ("a: @%p1 bra c; add.s32 %r1, %r1, 1; setp.ge.s32 %p0, %r1, %r2; @%p0 bra b; c: bra a; b:", 1),
        # What stands in a loop that is not known to end is counted with it; not so in one that may end.
        ("a: mov.u32 %r1, 0; b: add.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, 9; @%p0 bra b; bra a;", 2),
        ("a: mov.u32 %r1, 0; b: add.s32 %r1, %r1, 1; setp.lt.s32 %p0, %r1, 9; @%p0 bra b;"
         " add.s32 %r4, %r4, %r5; setp.lt.s32 %p2, %r4, 99; @%p2 bra a;", 1),
        # Numba's range counts down what is left.
        ("a: setp.lt.s64 %p0, %rd1, 1; @%p0 bra b; setp.gt.s64 %p1, %rd1, 0; selp.b64 %rd2, -1, 0, %p1;"
         " add.s64 %rd1, %rd1, %rd2; bra a; b:", 0),
    ],
)  # fmt: skip
def test_only_loops_that_nobody_knows_to_end_are_counted(body, count):
    assert counted(body) == count
