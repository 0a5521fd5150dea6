"""What compiled kernels execute: counts that a person derives, and accesses that are those of the source."""

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.commands.targets import find_target
from kernels.gpu import cuda, float32, int64, kernel, uint32
from kernels.gpu.emulator import load
from kernels.gpu.executed import Sort, both, executed
from kernels.gpu.executed.compare import pairs
from kernels.gpu.executed.counters import Counters
from kernels.gpu.executed.counts import together
from kernels.gpu.executed.requests import announced_first
from kernels.gpu.executed.text import report
from kernels.gpu.xray import GPUS, predict
from kernels.gpu.xray.roofline import STARTED, foresight
from kernels.operation import RandomDraw

WARP, BLOCK = 32, 64

# Each thread t writes the sum of 0 to t - 1, and those of even number add 1000.
TRIANGLE = """.version 8.0
.target sm_90
.address_size 64
.visible .entry triangle(.param .u64 y)
{
    .reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .pred %p<4>;
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, 0;
    mov.u32 %r3, 0;
    setp.eq.s32 %p1, %r1, 0;
    @%p1 bra done;
again:
    add.s32 %r3, %r3, %r2;
    add.s32 %r2, %r2, 1;
    setp.lt.s32 %p2, %r2, %r1;
    @%p2 bra again;
done:
    and.b32 %r4, %r1, 1;
    setp.eq.s32 %p3, %r4, 1;
    @%p3 bra odd;
    add.s32 %r3, %r3, 1000;
odd:
    ld.param.u64 %rd1, [y];
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r3;
    ret;
}
"""


def array(*shape, dtype=np.float32):
    return np.arange(np.prod(shape)).astype(dtype).reshape(shape)


@pytest.mark.parametrize("cores", [1, 2])
def test_basic_blocks_are_counted_of_threads_and_of_warps(cores):
    y = np.zeros(48, np.int32)
    loaded = load(TRIANGLE, counted=True)
    counters = Counters(loaded)
    loaded.run((3, 1, 1), (48, 1, 1), [y], cores=cores, observer=counters)
    t = np.arange(48)
    assert np.array_equal(y, t * (t - 1) // 2 + 1000 * (t % 2 == 0))
    # Beginning, loop, its end, even threads, end: of 3 blocks of a warp and a half.
    assert counters.threads.tolist()[:5] == [3 * n for n in (48, 47 * 48 // 2, 48, 24, 48)]
    assert counters.warps.tolist()[:5] == [3 * n for n in (2, 31 + 47, 2, 2, 2)]


def test_some_blocks_can_be_run_alone():
    y = np.zeros(BLOCK, np.float32)
    launch = add_one[4, 16](array(BLOCK), y)
    found = executed(launch, [(1, 0, 0), (3, 0, 0)])
    assert np.array_equal(y.nonzero()[0], [*range(16, 32), *range(48, 64)])
    assert (found.blocks, found.scale) == ([(1, 0, 0), (3, 0, 0)], 2)
    assert found.total("threads", "store") == 32
    assert found.total("warps", "store") == 2
    assert executed(launch).total("threads", "store") == BLOCK


@kernel
def add_one(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] + float32(1)


def test_instructions_are_counted_by_kind_space_and_width_and_by_line():
    found = executed(add_one[2, WARP](array(BLOCK), array(BLOCK)), watched=True)
    sorts = found.by_sort()
    for sort in (Sort("load", "global", 4), Sort("store", "global", 4), Sort("float")):
        assert (sorts[sort].threads, sorts[sort].warps) == (BLOCK, 2)
    assert found.bytes == 8 * BLOCK
    assert found.a_value == found.total("threads") / (2 * BLOCK)
    assert sum(found.share(kind) for kind in found.as_dict()["kinds"]) == pytest.approx(1)
    by_line = found.by_line()
    first = add_one.source.first_line
    body = by_line[add_one.source.file, first + 4]
    assert body["load"] == body["store"] == body["float"] == BLOCK
    assert "load" not in by_line[add_one.source.file, first + 2]
    assert "y[i] = x[i] + float32(1)" in report(found)


def test_threads_beyond_the_end_execute_less():
    whole = executed(add_one[1, WARP](array(WARP), array(WARP)))
    half = executed(add_one[1, WARP](array(WARP // 2), array(WARP // 2)))
    assert half.total("threads", "load") == WARP // 2
    assert half.total("threads") < whole.total("threads")
    assert half.total("warps") == whole.total("warps")


@kernel
def multiply_add(x, y):
    i = cuda.grid(1)
    total = float32(0)
    for k in range(x.shape[1]):
        total += x[i, k] * x[i, k]
    y[i] = total


def test_the_share_of_fma_is_that_of_the_products():
    found = executed(multiply_add[1, WARP](array(WARP, 24), array(WARP)))
    assert found.total("threads", "fma") == 24 * WARP


# Beside the source


@kernel
def strided(x, y, *, STRIDE=1):
    i = cuda.grid(1)
    y[i] = x[i * STRIDE]


@pytest.mark.parametrize(("stride", "sectors"), [(1, 4), (2, 8), (8, 32), (33, 32)])
def test_source_and_compiled_kernel_touch_the_same_sectors(stride, sectors):
    seen, found = both(strided(STRIDE=stride)[2, WARP](array(BLOCK * 33), array(BLOCK)), blocks=2)
    load, store = pairs(seen, found.xray)
    assert load.source == load.compiled == {"requests": 2, "bytes": 256, "sectors": 2 * sectors, "wavefronts": 0}
    assert store.source == store.compiled
    assert (load.why, store.why) == ("", "")


@kernel
def conflicting(y, *, STRIDE=2):
    tile = cuda.shared.array(32 * 33, float32)
    i = cuda.threadIdx.x
    tile[i * STRIDE] = y[i]
    cuda.syncthreads()
    y[i] = tile[(WARP - 1 - i) * STRIDE]


@pytest.mark.parametrize(("stride", "turns"), [(1, 1), (2, 2), (32, 32), (33, 1)])
def test_source_and_compiled_kernel_take_the_same_turns_at_the_banks(stride, turns):
    seen, found = both(conflicting(STRIDE=stride)[1, WARP](array(WARP)))
    shared = [pair for pair in pairs(seen, found.xray) if pair.space == "shared"]
    assert [pair.compiled["wavefronts"] for pair in shared] == [turns, turns]
    assert all(pair.source == pair.compiled for pair in shared)
    assert found.xray.barriers == seen.barriers == 1


@kernel
def jagged(x, y):
    """Lanes leave out turns of the inner loop, each its own: only turns with the same numbers belong together."""
    i = cuda.threadIdx.x
    total = float32(0)
    for row in range(3):
        for k in range(i % 4 + row):
            if (k + i) % 3:
                total += x[row, k, i]
    y[i] = total


def test_lanes_that_leave_out_turns_of_a_loop_still_access_together():
    seen, found = both(jagged[1, WARP](array(3, 8, WARP), array(WARP)))
    (load,) = (pair for pair in pairs(seen, found.xray) if pair.kind == "load")
    assert load.source["bytes"] == load.compiled["bytes"]
    # The compiler may unroll, so that what is one place of the source becomes several: requests only split.
    assert load.compiled["requests"] >= load.source["requests"]
    assert load.compiled["sectors"] >= load.source["sectors"]


@kernel
def four_each(x, y):
    """An index that cannot be negative, of memory that begins at a multiple of 16: so the compiler may join loads."""
    tile = cuda.shared.array((WARP, 4), float32, alignment=16)
    i = int64(uint32(cuda.threadIdx.x))
    for k in range(4):
        tile[i, k] = x[WARP * k + i]
    cuda.syncthreads()
    total = float32(0)
    for k in range(4):
        total += tile[i ^ 31, k]
    y[i] = total


def test_vector_loads_are_seen_and_said():
    seen, found = both(four_each[1, WARP](array(4 * WARP), array(WARP)))
    assert found.total("threads", "load", "shared") == WARP
    assert Sort("load", "shared", 16) in found.by_sort()
    (load,) = (pair for pair in pairs(seen, found.xray) if (pair.space, pair.kind) == ("shared", "load"))
    assert (load.compiled["requests"], load.compiled["bytes"], load.wide) == (1, 16 * WARP, 16)
    assert load.why == "16 bytes at a time"
    assert load.compiled["wavefronts"] == 4


@kernel
def repeats(x, y):
    i = cuda.threadIdx.x
    y[i] = x[i] * x[i] + x[i]


def test_what_the_compiler_merges_or_removes_is_said():
    seen, found = both(repeats[1, WARP](array(BLOCK), array(WARP)))
    load, _ = pairs(seen, found.xray)
    assert (load.source["requests"], load.compiled["requests"]) == (3, 1)
    assert load.why == "67% loaded or stored once and kept in a register"


@kernel
def only_read(x, y):
    i = cuda.threadIdx.x
    if x[i] > y[i] and x[i] < x[i]:
        y[i] = x[i]


def test_an_array_that_is_not_accessed_any_more_is_said_to_be_removed():
    seen, found = both(only_read[1, WARP](array(WARP) + 1, array(WARP)))
    removed = [pair for pair in pairs(seen, found.xray) if not pair.compiled["requests"]]
    assert {pair.why for pair in removed} == {"removed: every value is known or in a register"}


@kernel
def many(x):
    i = cuda.grid(1)
    for k in range(x.shape[1]):
        x[i, k] += x[i, 0] + float32(1)


def test_more_accesses_than_there_was_room_for_are_run_again_from_the_same_values(monkeypatch):
    monkeypatch.setattr("kernels.gpu.executed.touches.ROOM", 8)
    monkeypatch.setattr("kernels.gpu.executed.touches.Touches.__init__.__defaults__", (8,))
    x, expected = array(BLOCK, 5), array(BLOCK, 5)
    many[2, WARP](expected).emulate()
    found = executed(many[2, WARP](x), watched=True)
    assert np.array_equal(x, expected)
    assert found.xray.total("lanes", "global", "store") == 5 * BLOCK


def test_views_of_one_array_lie_where_they_are():
    memory = array(4 * BLOCK)
    for start, sectors in ((0, 4), (1, 5), (8, 4)):
        found = executed(strided[1, WARP](memory[start:], array(WARP)), watched=True)
        assert found.xray.total("sectors", "global", "load") == sectors


COPY = TRIANGLE.replace(
    "    ret;",
    """
    .shared .align 16 .b8 tile[1024];
    cp.async.ca.shared.global [tile], [%rd3], 4;
    cp.async.wait_all;
    ret;""",
)


def test_a_copy_that_is_waited_for_loads_and_stores_once():
    accesses = load(COPY, watched=True, counted=True).translation.accesses
    said = [(accesses[n].what, accesses[n].space) for n in announced_first(accesses)]
    assert said == [("store", "global"), ("load", "global"), ("store", "shared")]
    assert len(accesses) == 4


def test_constant_arrays_have_a_name():
    found = executed(looked_up[1, WARP](array(WARP)), watched=True)
    assert {access.array for access in found.xray.accesses} == {"y", "constants"}


TABLE = np.linspace(0, 1, 40, dtype=np.float32)


@kernel
def looked_up(y):
    table = cuda.const.array_like(TABLE)
    i = cuda.threadIdx.x
    y[i] = table[i + 1]


@pytest.mark.parametrize("name", ["add", "linear", "maxpool2d", "softmax", "transpose", "upsample2d"])
def test_kernels_of_operations_store_what_their_source_stores_where_it_does(name):
    target = find_target(name)
    trial = Trial.of_shape(target.operation, *drawn(target.operation))
    for launch in target.launches(trial, tiny=True):
        seen, found = both(launch, blocks=3)
        for space in ("global", "shared"):
            for count in ("bytes", "sectors", "wavefronts"):
                assert found.xray.total(count, space, "store") == seen.total(count, space, "store")
        assert found.xray.total("bytes", "global", "load") <= seen.total("bytes", "global", "load")
        assert found.xray.barriers == seen.barriers


def drawn(operation):
    generator = np.random.default_rng(3)
    return operation.case(RandomDraw(generator)), generator


# What it takes


def test_instructions_are_a_bound_of_their_own():
    gpu = GPUS["h200"]
    seen, found = both(multiply_add[1000, WARP](array(1, 1).repeat(32000, 0), array(32000)))
    slots = found.total("slots") * found.scale
    with_it, without = predict(seen, gpu, slots), predict(seen, gpu)
    assert with_it.instructions == slots / (STARTED * gpu.multiprocessors * gpu.clock)
    assert without.instructions is None
    assert with_it.seconds == max(without.seconds, with_it.instructions)
    many_more = predict(seen, gpu, 1e9 * slots)
    assert many_more.limit == "instructions"
    assert "because of instructions" in foresight(many_more)
    assert "instructions" in with_it.row()
    assert "instructions" not in without.row()
    assert "instructions" in with_it.as_dict()


def test_counts_of_one_kernel_are_added_up():
    found = [executed(add_one[n, WARP](array(BLOCK), array(BLOCK))) for n in (1, 2)]
    other = executed(add_one[1, 2 * WARP](array(BLOCK), array(BLOCK)))
    one, two = together([*found, other])
    assert one.total("threads", "load") == 3 * WARP
    assert len(one.blocks) == 3
    assert two.total("threads", "load") == BLOCK
