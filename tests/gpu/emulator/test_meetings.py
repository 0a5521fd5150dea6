"""Threads that meet: barriers of all and of some, and what lanes of a warp tell each other, whoever they are."""

import numpy as np
import pytest

from kernels.gpu.emulator import EmulatorError, PtxError, load
from tests.gpu.emulator.test_nvrtc import run as run_source
from tests.gpu.emulator.written import kernel, own

SEEDS = pytest.mark.parametrize("seed", [None, 1])


def run(body, threads, words=1, seed=None, target="sm_90"):
    """(threads, words): what a body has left for each thread at [%rd10]."""
    found = np.full((threads, words), 99, np.uint32)
    text = kernel(own(0, 10, 4 * words) + "\n" + body, 1, target=target)
    load(text).run((1, 1, 1), (threads, 1, 1), [found], seed=seed)
    return found


def cuda(body, threads, seed=None):
    """What y[threadIdx.x] is after a body of CUDA C++, in which `lane` is threadIdx.x."""
    y = np.full(threads, 99, np.uint32)
    source = f'extern "C" __global__ void k(unsigned* y) {{ unsigned lane = threadIdx.x, v = 99; {body} y[lane] = v; }}'
    run_source(source, "sm_90", 1, threads, y, seed=seed)
    return y


# Barriers


@SEEDS
@pytest.mark.parametrize("op", ["popc.u32", "and.pred", "or.pred"])
@pytest.mark.parametrize("first", [0, 1, 40, 70])
def test_a_barrier_counts_predicates(op, first, seed):
    """That of thread t is t < first."""
    is_count = op.startswith("popc")
    target, then = ("%r3", "") if is_count else ("%p2", "selp.u32 %r3, 1, 0, %p2;")
    body = f"setp.lt.u32 %p1, %r0, {first}; barrier.cta.red.{op} {target}, 3, %p1; {then} st.global.u32 [%rd10], %r3;"
    expected = {"popc.u32": first, "and.pred": first == 70, "or.pred": first > 0}[op]
    assert np.all(run(body, 70, seed=seed) == expected)


def test_a_barrier_counts_predicates_that_are_denied():
    body = "setp.lt.u32 %p1, %r0, 30; bar.red.popc.u32 %r3, 0, !%p1; st.global.u32 [%rd10], %r3;"
    assert np.all(run(body, 70) == 40)


@SEEDS
def test_warps_meet_at_barriers_of_their_own(seed):
    """The first two at one, the others at another, twice each, with a number of threads."""
    source = """
        __shared__ unsigned s[128];
        unsigned half = lane / 64, at = lane % 64;
        for (int round = 0; round < 3; round++) {
            s[lane] = lane + round;
            asm volatile("bar.sync %0, 64;" :: "r"(half + 1) : "memory");
            v = s[half * 64 + (at + 1 + round) % 64];
            asm volatile("bar.sync %0, 64;" :: "r"(half + 1) : "memory");
        }"""
    lane = np.arange(128)
    assert np.array_equal(cuda(source, 128, seed), lane // 64 * 64 + (lane + 3) % 64 + 2)


@SEEDS
def test_who_arrives_goes_on_and_who_waits_waits_for_them(seed):
    """A warp produces for another: full and empty, each an arrival on one side."""
    source = """
        __shared__ unsigned s[32];
        if (lane < 32) {
            for (unsigned round = 0; round < 4; round++) {
                if (round) asm volatile("bar.sync 2, 64;" ::: "memory");
                s[lane] = lane * 10 + round;
                asm volatile("bar.arrive 1, 64;" ::: "memory");
            }
        } else {
            v = 0;
            for (unsigned round = 0; round < 4; round++) {
                asm volatile("bar.sync 1, 64;" ::: "memory");
                v = v * 3 + s[63 - lane];
                if (round < 3) asm volatile("bar.arrive 2, 64;" ::: "memory");
            }
        }"""
    got = cuda(source, 64, seed)
    expected = np.zeros(32, int)
    for round in range(4):
        expected = expected * 3 + np.arange(32)[::-1] * 10 + round
    assert np.array_equal(got[32:], expected)


def test_a_barrier_at_which_all_only_arrive_is_complete_and_begins_anew():
    with pytest.raises(EmulatorError, match=r"thread 0: waits at bar.sync .* for threads that never come"):
        run("bar.arrive 1, 64; bar.sync 0; bar.sync 1, 96;", 64)


def test_branches_meet_at_a_barrier_of_one_number():
    source = """
        __shared__ unsigned s[64];
        if (lane % 2) { s[lane] = 1; asm volatile("bar.sync 0;" ::: "memory"); v = s[lane - 1]; }
        else { s[lane] = 2; asm volatile("bar.sync 0;" ::: "memory"); v = s[lane + 1]; }"""
    assert cuda(source, 64).tolist() == [1, 2] * 32


def test_threads_that_have_ended_are_not_waited_for():
    source = """
        __shared__ unsigned s[64];
        if (lane >= 50) { y[lane] = 7; return; }
        s[lane] = lane; __syncthreads(); v = s[49 - lane];"""
    assert cuda(source, 64).tolist() == [*range(49, -1, -1), *([7] * 14)]


def test_who_waits_for_more_than_there_are_is_said():
    with pytest.raises(
        EmulatorError, match=r"thread 0: waits at bar.sync \(PTX line \d+\) for threads that never come"
    ):
        run("bar.sync 1, 96;", 64)


def test_clusters_are_refused_by_name():
    with pytest.raises(PtxError, match=r"barrier.cluster.arrive: .cluster is not executed"):
        run("barrier.cluster.arrive;", 32)


# Warps


@SEEDS
def test_a_warp_that_is_not_full_needs_no_more_lanes(seed):
    source = "v = __ballot_sync(~0u, lane % 3 == 0) + __reduce_add_sync(~0u, lane) + __shfl_down_sync(~0u, lane, 1);"
    lanes = np.arange(21)
    ballot, total = int((1 << lanes[lanes % 3 == 0]).sum()), lanes.sum()
    assert np.array_equal(cuda(source, 21, seed), ballot + total + np.minimum(lanes + 1, 20))


@SEEDS
def test_lanes_that_have_ended_are_not_waited_for(seed):
    source = "if (lane % 4 == 1) return; v = __ballot_sync(~0u, lane < 20) + __popc(__activemask());"
    lanes = np.arange(32)
    here = lanes % 4 != 1
    expected = int((1 << lanes[here & (lanes < 20)]).sum()) + 24
    assert np.array_equal(cuda(source, 32, seed), np.where(here, expected, 99))


@SEEDS
def test_halves_of_a_warp_go_their_own_ways(seed):
    """One waits twice, the other three times, and both for their own lanes only."""
    source = """
        if (lane < 16) { v = __shfl_xor_sync(0xffff, lane, 1); v = __shfl_xor_sync(0xffff, v, 2); }
        else { v = lane; for (int i = 1; i < 8; i *= 2) v += __shfl_xor_sync(0xffff0000, v, i); }"""
    lanes = np.arange(32)
    sums = np.array([lanes[lanes // 8 == n // 8].sum() for n in lanes])
    assert np.array_equal(cuda(source, 32, seed), np.where(lanes < 16, lanes ^ 3, sums))


@SEEDS
def test_masks_that_are_computed_part_a_warp(seed):
    """Each lane meets those of the same value, in groups that nobody knew before."""
    source = """
        unsigned key = lane * lane % 5, mask = __match_any_sync(~0u, key);
        v = __reduce_add_sync(mask, lane) * 100 + __popc(mask);
        __syncwarp(mask);
        v += __ffs(__ballot_sync(mask, lane > 7)) * 100000;"""
    lanes = np.arange(32)
    key = lanes * lanes % 5
    expected = []
    for lane in lanes:
        alike = lanes[key == key[lane]]
        expected.append(alike.sum() * 100 + alike.size + 100000 * (alike[alike > 7].min() + 1))
    assert np.array_equal(cuda(source, 32, seed), expected)


@SEEDS
def test_of_64_bits_all_must_be_alike(seed):
    body = """
mov.u64 %rd1, 4294967296; cvt.u64.u32 %rd2, %r0; mul.lo.u64 %rd1, %rd1, %rd2;
match.any.sync.b64 %r2, %rd1, -1;
match.all.sync.b64 %r3|%p1, %rd1, -1;
setp.lt.u32 %p2, %r0, 64;
match.all.sync.b64 %r4|%p2, 5, -1;
selp.u32 %r5, 2, 0, %p1; selp.u32 %r6, 1, 0, %p2; add.u32 %r5, %r5, %r6;
st.global.v4.u32 [%rd10], {%r2, %r3, %r4, %r5};
"""
    found = run(body, 32, 4, seed)
    assert np.array_equal(found[:, 0], 1 << np.arange(32, dtype=np.uint32))
    assert np.all(found[:, 1:] == [0, 0xFFFFFFFF, 1])


@pytest.mark.parametrize("members", [0xFFFFFFFF, 0xFFFFFF00])
def test_one_lane_is_elected(members):
    body = f"""
shr.u32 %r2, {members}, %r0; and.b32 %r2, %r2, 1; setp.eq.u32 %p1, %r2, 1;
@!%p1 ret;
elect.sync %r3|%p2, {members};
selp.u32 %r4, 100, 0, %p2; add.u32 %r4, %r4, %r3; st.global.u32 [%rd10], %r4;
"""
    first = 0 if members == 0xFFFFFFFF else 8
    expected = [99] * first + [first + 100] + [first] * (31 - first)
    assert run(body, 32)[:, 0].tolist() == expected


@pytest.mark.parametrize(("limit", "uniform"), [(0, True), (32, True), (5, False)])
def test_a_vote_says_whether_all_agree(limit, uniform):
    body = f"setp.lt.u32 %p1, %r0, {limit}; vote.sync.uni.pred %p2, %p1, -1; selp.u32 %r3, 1, 0, %p2;"
    assert np.all(run(body + "st.global.u32 [%rd10], %r3;", 32) == uniform)


def test_reductions_know_signs():
    body = """
sub.s32 %r1, %r0, 10;
redux.sync.min.s32 %r2, %r1, -1; redux.sync.min.u32 %r3, %r1, -1; redux.sync.max.s32 %r4, %r1, -1;
redux.sync.max.u32 %r5, %r1, -1; redux.sync.and.b32 %r6, %r1, -1; redux.sync.or.b32 %r7, %r0, -1;
redux.sync.xor.b32 %r8, %r1, -1; redux.sync.add.s32 %r9, %r1, -1;
st.global.v4.u32 [%rd10], {%r2, %r3, %r4, %r5}; st.global.v4.u32 [%rd10+16], {%r6, %r7, %r8, %r9};
"""
    values = np.arange(-10, 22)
    bits = values.astype(np.uint32)
    expected = [-10, 0, 21, bits.max(), np.bitwise_and.reduce(bits), 31, np.bitwise_xor.reduce(bits), values.sum()]
    assert np.all(run(body, 32, 8) == np.array(expected).astype(np.int64).astype(np.uint32))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("redux.sync.max.f32 %f1, %f2, -1;", "f32 is not executed"),
        ("vote.all.pred %p1, %p2;", "of GPUs before 2017"),
        ("shfl.down.b32 %r1, %r2, 1, 31;", "of GPUs before 2017"),
    ],
)
def test_what_lanes_do_not_do_here_is_refused_by_name(line, problem):
    with pytest.raises(PtxError, match=rf"PTX line \d+: {line.split('.')[0]}.*{problem}"):
        run(line, 32)
