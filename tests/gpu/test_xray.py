"""An x-ray counts what a person counts who looks at the addresses: kernels whose counts are known by hand."""

import inspect

import numpy as np
import pytest
from cuda.pathfinder import DynamicLibNotFoundError
from PIL import Image

from kernels.bench.trial import Trial
from kernels.device import Device, launches
from kernels.gpu import Launch, compiler, cuda, device, float32, float64, kernel
from kernels.gpu.interpreter import OutOfBounds
from kernels.gpu.xray import GPUS, predict, xray
from kernels.gpu.xray.picture import draw
from kernels.gpu.xray.requests import Group, joined
from kernels.operation import RandomDraw
from tests.helpers.operations import FORWARD_RUNGS, OPERATIONS

WARP, BLOCK = 32, 64


def array(*shape, dtype=np.float32):
    return np.arange(np.prod(shape)).astype(dtype).reshape(shape)


def only(counts, space, kind):
    """The one place in the source that accesses a space in one way."""
    (found,) = (a for a in counts.accesses if (a.space, a.kind) == (space, kind))
    return found


def line_of(code, text):
    lines, first = inspect.getsourcelines(code.source.function)
    return first + next(i for i, line in enumerate(lines) if text in line)


# Global memory


@kernel
def load_strided(x, y, *, STRIDE=1, OFFSET=0):
    i = cuda.grid(1)
    y[i] = x[i * STRIDE + OFFSET]


@pytest.mark.parametrize(
    ("stride", "offset", "sectors", "ideal"),
    [
        (1, 0, 4, 4),
        (2, 0, 8, 4),
        (4, 0, 16, 4),
        (8, 0, 32, 4),
        (32, 0, 32, 4),
        (1, 1, 5, 4),
        (1, 8, 4, 4),
        (0, 3, 1, 1),
    ],
)
def test_a_warp_that_loads_float32_touches_as_many_sectors_as_its_stride_makes_it(stride, offset, sectors, ideal):
    x, y = array(BLOCK * 33), array(BLOCK)
    counts = xray(load_strided(STRIDE=stride, OFFSET=offset)[1, BLOCK](x, y))
    load = only(counts, "global", "load")
    assert (load.requests, load.lanes) == (2, 64)
    assert (load.sectors, load.ideal_sectors) == (2 * sectors, 2 * ideal)
    assert load.bytes == 256
    assert load.unique_bytes == (256 if stride else 4)
    store = only(counts, "global", "store")
    assert (store.array, store.sectors, store.ideal_sectors, store.unique_sectors) == ("y", 8, 8, 8)


@pytest.mark.parametrize(("dtype", "sectors"), [("int32", 4), ("float64", 8), ("int64", 8), ("bool", 1)])
def test_sectors_follow_the_size_of_the_elements(dtype, sectors):
    load = only(xray(load_strided[1, WARP](array(WARP, dtype=dtype), array(WARP, dtype=dtype))), "global", "load")
    assert (load.sectors, load.ideal_sectors, load.width) == (sectors, sectors, np.dtype(dtype).itemsize)


def test_arrays_begin_where_a_gpu_would_let_them_begin_and_views_where_they_are():
    memory = array(4 * BLOCK)
    for start, sectors in ((0, 4), (1, 5), (8, 4)):
        load = only(xray(load_strided[1, WARP](memory[start:], array(WARP))), "global", "load")
        assert load.sectors == sectors
    unaligned = np.frombuffer(bytearray(4 * WARP + 4), np.float32, offset=4)
    assert only(xray(load_strided[1, WARP](unaligned, array(WARP))), "global", "load").sectors == 4


@kernel
def transpose(x, y):
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    y[i, j] = x[j, i]


def test_a_transposed_store_touches_a_sector_for_each_lane():
    x, y = array(32, 32), array(32, 32)
    counts = xray(transpose[1, (32, 4)](x, y))
    assert only(counts, "global", "load").sectors == 4 * 4
    store = only(counts, "global", "store")
    assert (store.requests, store.sectors, store.ideal_sectors) == (4, 4 * 32, 4 * 4)
    assert (store.unique_bytes, store.unique_sectors) == (4 * 128, 32)  # four neighbours fill half of a sector
    assert counts.accesses[counts.worst] is store
    assert counts.examples[counts.worst].offsets == [128 * lane for lane in range(32)]


@kernel
def count(x):
    cuda.atomic.add(x, cuda.threadIdx.x // 2, 1)


def test_atomics_are_counted_by_themselves():
    atomic = only(xray(count[1, WARP](array(WARP, dtype="int32"))), "global", "atomic")
    assert (atomic.requests, atomic.sectors, atomic.ideal_sectors) == (1, 2, 2)


@device
def first_of(array):
    return array[cuda.threadIdx.x]


@kernel
def load_by_function(x, y, z):
    z[cuda.threadIdx.x] = first_of(x) + first_of(y)


def test_a_function_that_is_given_several_arrays_loads_from_each():
    counts = xray(load_by_function[1, WARP](array(WARP), array(WARP), array(WARP)))
    loads = [(a.array, a.requests, a.bytes) for a in counts.accesses if a.kind == "load"]
    assert sorted(loads) == [("x", 1, 128), ("y", 1, 128)]
    assert counts.arrays == {"x": (128, 128), "y": (128, 128), "z": (128, 128)}


# Shared memory


@kernel
def load_shared(y, *, STRIDE=1, DTYPE=float32):
    tile = cuda.shared.array(32 * 33, DTYPE)
    i = cuda.threadIdx.x
    tile[i * STRIDE] = y[i]
    cuda.syncthreads()
    y[i] = tile[i * STRIDE]


@pytest.mark.parametrize(
    ("stride", "turns"), [(1, 1), (2, 2), (3, 1), (4, 4), (8, 8), (16, 16), (32, 32), (33, 1), (0, 1)]
)
def test_lanes_whose_words_are_in_one_bank_take_turns(stride, turns):
    if stride == 0:
        counts = xray(read_one[1, WARP](array(WARP)))
    else:
        counts = xray(load_shared(STRIDE=stride)[1, WARP](array(WARP)))
        assert only(counts, "shared", "store").wavefronts == turns
    load = only(counts, "shared", "load")
    assert (load.requests, load.wavefronts, load.ideal_wavefronts, load.conflicts) == (1, turns, 1, turns - 1)
    assert load.array == "tile"


@kernel
def read_one(y):
    tile = cuda.shared.array(1, float32)
    if cuda.threadIdx.x == 0:
        tile[0] = y[0]
    cuda.syncthreads()
    y[cuda.threadIdx.x] = tile[0]


@pytest.mark.parametrize(("stride", "turns"), [(1, 2), (2, 4), (16, 32)])
def test_words_of_float64_fill_two_turns(stride, turns):
    counts = xray(load_shared(STRIDE=stride, DTYPE=float64)[1, WARP](array(WARP, dtype="float64")))
    load = only(counts, "shared", "load")
    assert (load.wavefronts, load.ideal_wavefronts) == (turns, 2)


@kernel
def transpose_tile(x, y, *, WIDTH=32):
    tile = cuda.shared.array((32, WIDTH), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = x[j, i]
    cuda.syncthreads()
    y[j, i] = tile[i, j]


@pytest.mark.parametrize(("width", "turns"), [(32, 32), (33, 1), (34, 2)])
def test_a_padded_tile_has_no_conflicts(width, turns):
    x, y = array(32, 32), np.empty((32, 32), np.float32)
    counts = xray(transpose_tile(WIDTH=width)[1, (32, 32)](x, y))
    np.testing.assert_array_equal(y, x.T)
    load = only(counts, "shared", "load")
    assert (load.requests, load.wavefronts) == (32, 32 * turns)
    assert only(counts, "shared", "store").wavefronts == 32
    assert only(counts, "global", "store").sectors == 32 * 4


@kernel
def wide(y):
    tile = cuda.shared.array(128, float32, alignment=16)
    i = cuda.threadIdx.x
    for k in range(4):
        tile[i + 32 * k] = y[i]
    cuda.syncthreads()
    total = float32(0)
    for k in range(4):
        total += tile[4 * i + k]
    y[i] = total


def test_loads_that_the_compiler_joins_are_one_request():
    counts = xray(wide[1, WARP](array(WARP)))
    load = only(counts, "shared", "load")
    is_wide = "ld.shared.v4" in wide[1, WARP](array(WARP)).ptx("sm_90")
    assert (load.requests, load.width, load.wavefronts) == ((1, 16, 4) if is_wide else (4, 4, 16))
    assert load.bytes == 512
    store = only(counts, "shared", "store")
    assert (store.requests, store.wavefronts, store.conflicts) == (4, 4, 0)


@pytest.mark.parametrize("length", range(1, 10))
def test_of_a_run_of_neighbours_whole_fours_are_joined_and_the_rest_is_not(length):
    """A warp of which each lane reads `length` words one after the other, from a multiple of 64 bytes on."""
    address = 64 * np.arange(WARP) + 4 * np.arange(length)[:, np.newaxis]
    zeros = np.zeros(length, int)
    parts = {part.width: part for part in joined(Group(0, False, 4, address, zeros, zeros), 4)}
    fours, rest = divmod(length, 4)
    assert set(parts) == {width for width, count in ((16, fours), (4, rest)) if count}
    if fours:
        np.testing.assert_array_equal(parts[16].address, address[: 4 * fours : 4])
    if rest:
        np.testing.assert_array_equal(parts[4].address, address[4 * fours :])


@pytest.mark.parametrize("name", GPUS)
def test_accesses_are_joined_as_compiled_for_the_gpu_that_is_asked_about(name, monkeypatch):
    asked, compiled = [], Launch.ptx
    monkeypatch.setattr(
        Launch, "ptx", lambda launch, architecture: asked.append(architecture) or compiled(launch, architecture)
    )
    launch = wide[1, WARP](array(WARP))
    counts = xray(launch, gpu=GPUS[name])
    expected = {"t4": "sm_75", "a100": "sm_80", "rtx4090": "sm_89", "h100": "sm_90", "h200": "sm_90"}[name]
    assert asked == [counts.compiled_for] == [expected]
    assert counts.as_dict()["compiled_for"] == expected
    assert f"accesses joined as compiled for {expected}" in str(counts)


def test_without_a_compiler_every_access_is_counted_as_written_and_the_report_says_so(monkeypatch, tmp_path):
    def nothing_found(*_, **__):
        raise DynamicLibNotFoundError("Failure finding libnvvm.so:\n  No such file")

    monkeypatch.setattr(compiler.cuda, "compile_ptx", nothing_found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # nor has anybody compiled it before
    monkeypatch.setattr(wide, "_ptx", {})
    launch = wide[1, WARP](array(WARP))
    counts = xray(launch)
    load = only(counts, "shared", "load")
    assert (load.requests, load.width, load.wavefronts) == (4, 4, 16)
    assert counts.as_dict()["compiled_for"] is None
    assert "no compiler here: every access is counted as written" in str(counts)


@kernel
def interpreted_only(y):
    y[cuda.threadIdx.x] = len(str(cuda.threadIdx.x))


def test_a_kernel_that_does_not_compile_is_refused_in_one_line():
    with pytest.raises(compiler.CompileError, match="interpreted_only does not compile for sm_80") as error:
        xray(interpreted_only[1, WARP](array(WARP)), gpu=GPUS["a100"])
    assert not isinstance(error.value, compiler.NoCompiler)
    assert len(str(error.value).splitlines()) == 1


# Lanes, barriers, arithmetic


@kernel
def half(x, y):
    i = cuda.threadIdx.x
    if i % 2:
        y[i] = x[i] + float32(1)
    else:
        y[i] = x[i] * x[i] - float32(1)


def test_lanes_that_take_another_way_are_idle():
    counts = xray(half[1, BLOCK](array(BLOCK), array(BLOCK)))
    assert {a.active for a in counts.accesses} == {0.5}
    odd, even = counts.arithmetic
    assert (odd.line, odd.instructions, odd.lanes, odd.flops, odd.active) == (
        line_of(half, "+ float32"),
        2,
        32,
        32,
        0.5,
    )
    assert (even.flops, even.flops_of_all_lanes) == (2 * 32, 2 * 64)
    assert counts.active == 0.5


def test_lanes_that_a_short_warp_does_not_have_are_idle():
    assert only(xray(load_strided[1, 8](array(8), array(8))), "global", "load").active == 0.25


@kernel
def loops(x, y):
    i = cuda.threadIdx.x
    total = float32(0)
    for k in range(8):
        if k > 0 or i % 2 == 0:
            total += x[k]
    turns = 0
    while turns < i // 16:
        turns += 1
        total += x[8]
    y[i] = total


def test_lanes_that_skip_a_turn_of_a_loop_meet_the_others_at_the_next():
    """Without that, the odd lanes would load x[1] when the others load x[0]: two sectors' worth of words, not one."""
    x, y = array(16), array(WARP)
    counts = xray(loops[1, WARP](x, y))
    first, second = (a for a in counts.accesses if a.array == "x")
    assert (first.requests, first.lanes, first.unique_bytes) == (8, 16 + 7 * 32, 32)
    assert (second.requests, second.lanes) == (1, 16)
    lanes = np.arange(WARP)
    np.testing.assert_array_equal(y, x[1:8].sum() + np.where(lanes % 2 == 0, x[0], 0) + x[8] * (lanes // 16))


@device
def loop_within(x, y, i):
    for k in range(3):
        if k == i % 3:
            break
        y[i] += x[k]
    return float32(0)


@kernel
def loops_in_loops(x, y):
    i = cuda.threadIdx.x
    for _ in range(2):
        y[i] += loop_within(x, y, i)


def test_loops_of_device_functions_are_left_by_break():
    counts = xray(loops_in_loops[1, WARP](array(4), array(WARP)))
    load = next(a for a in counts.accesses if a.array == "x")
    assert (load.requests, load.lanes) == (4, 2 * (11 * 0 + 11 * 1 + 10 * 2))


@pytest.mark.parametrize("barriers", [0, 1, 5])
def test_barriers_are_counted_for_each_block(barriers):
    @kernel
    def waits(y):
        for _ in range(barriers):
            cuda.syncthreads()
        y[cuda.grid(1)] = 1

    assert xray(waits[4, 8](array(32)), blocks=3).barriers == barriers


@kernel
def one_of_each(x, y):
    i = cuda.threadIdx.x
    y[i] = max(x[i] * x[i] + x[i], x[i] / float32(3))
    y[i] = cuda.fma(x[i], x[i], -x[i])


def test_flops_are_counted_by_line():
    multiply, fused = xray(one_of_each[1, WARP](array(WARP), array(WARP))).arithmetic
    assert (multiply.flops, fused.flops) == (4 * WARP, 2 * WARP)


# Whole launches


def test_some_blocks_stand_for_all():
    launch = load_strided[16, WARP](array(16 * WARP), array(16 * WARP))
    counts = xray(launch, blocks=2)
    assert (counts.blocks, counts.scale) == ([(4, 0, 0), (12, 0, 0)], 8)
    assert counts.total("sectors", "global", "load") == 8
    assert counts.arrays == {"x": (256, 2048), "y": (256, 2048)}
    assert xray(launch, blocks=99).scale == 1


def test_the_prediction_follows_what_takes_longest():
    gpu = GPUS["a100"]
    blocks = 108
    straight = predict(xray(load_strided[blocks, WARP](array(blocks * WARP), array(blocks * WARP))), gpu)
    strided = load_strided(STRIDE=32)[blocks, WARP](array(32 * blocks * WARP), array(blocks * WARP))
    strided = predict(xray(strided), gpu)
    assert straight.memory == pytest.approx(2 * blocks * WARP * 4 / gpu.bandwidth)
    assert straight.cache == pytest.approx(2 / gpu.clock)
    assert strided.cache == pytest.approx(33 / gpu.clock)
    assert strided.seconds == max(strided.memory, strided.cache)


def test_a_datasheets_float32_rate_is_its_clock_times_its_cores():
    cores = {"t4": 64, "a100": 64}
    for name, gpu in GPUS.items():
        assert gpu.float32 == pytest.approx(2 * gpu.clock * gpu.multiprocessors * cores.get(name, 128), rel=0.01)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_what_is_counted_is_computed_right(name, rung):
    """Counting every block of a rung leaves the same values as interpreting it does."""
    generator = np.random.default_rng(0)
    trial = Trial.draw(OPERATIONS[name], RandomDraw(generator), generator)
    expected = trial.forward("interpret", rung=rung)
    arguments = trial.arguments(Device("interpret"), "forward")
    for launch in launches(trial.operation, "forward", arguments, rung, tiny=True):
        assert xray(launch, blocks=10**9).scale == 1
    for array_name, values in expected.items():
        np.testing.assert_array_equal(arguments[array_name], values, err_msg=array_name)


def test_convolution_multiplies_and_adds_once_for_each_weight_and_output():
    operation = OPERATIONS["conv2d"]
    case = {"x": (1, 2, 6, 6), "w": (3, 2, 3, 3), "stride": (1, 1), "padding": (0, 0)}
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    (launch,) = trial.launches("forward", 1)
    assert xray(launch, blocks=10**9).flops == operation.flops(**trial.shapes, **trial.settings)[0]


def test_the_report_shows_source_lines_with_their_counts():
    launch = half[1, BLOCK](array(BLOCK), array(BLOCK))
    counts = xray(launch)
    text = str(counts)
    (line,) = (row for row in text.splitlines() if "x[i] + float32(1)" in row)
    assert line.split()[:6] == ["50%", "4", "4.0", "/", "2.0", "32"]
    assert text.splitlines()[4].split() == ["lanes", "global", "sectors", "flops", "line"]
    assert text.splitlines()[0] == "half"


@pytest.mark.parametrize(
    "launch",
    [
        transpose[1, (32, 4)](array(32, 32), array(32, 32)),
        load_shared(STRIDE=4)[1, WARP](array(WARP)),
        load_strided(STRIDE=0)[1, 8](array(8), array(8)),
    ],
    ids=["global", "shared", "broadcast"],
)
def test_a_picture_is_drawn_twice_with_the_same_bytes(launch: Launch, tmp_path):
    counts = xray(launch)
    for name in ("a.png", "b.png"):
        draw(counts, tmp_path / name, "a title")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert Image.open(tmp_path / "a.png").size == (1350, 840)


@kernel
def waits_only(y):
    if cuda.blockIdx.x == 0:
        y[cuda.threadIdx.x] = 1


def test_blocks_that_access_nothing_can_be_counted():
    counts = xray(waits_only[2, WARP](array(WARP)))
    assert counts.blocks == [(1, 0, 0)]
    assert counts.as_dict()["worst"] is None


def test_an_index_out_of_bounds_is_refused():
    with pytest.raises(OutOfBounds, match="load_strided: block"):
        xray(load_strided[1, WARP](array(8), array(WARP)))
