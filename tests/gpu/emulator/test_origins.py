"""In checked mode an address that can only come from one array must lie there, also where another array lies.

How far from each other arrays lie is asked of the memory that a run gets, so that a wrong index meets one exactly. A
line of Python that is to be named by an error ends in `# fault`, one of PTX in `// fault`.
"""

import numpy as np
import pytest

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.emulator import load_checked, of_numba
from kernels.gpu.emulator.arena import Arena
from kernels.gpu.interpreter import OutOfBounds
from tests.gpu.emulator import written
from tests.gpu.test_interpreter_refusals import floats, line_of_fault


@kernel
def reads(x, y, z, *, FAR=0):
    """Each thread its own element, but the last reads FAR behind it."""
    i = cuda.grid(1)
    far = FAR if i == 5 else 0
    z[i] = x[i + far] + y[i]  # fault


@kernel
def writes(x, y, z, *, FAR=0):
    i = cuda.grid(1)
    far = FAR if i == 5 else 0
    x[i + far] = y[i] + z[i]  # fault


@kernel
def counts(x, y, z, *, FAR=0):
    i = cuda.grid(1)
    far = FAR if i == 5 else 0
    cuda.atomic.add(x, i + far, y[i] + z[i])  # fault


@kernel
def gathers(x, index, y):
    i = cuda.grid(1)
    y[i] = x[index[i]]  # fault


def three():
    """0 to 7, 8 to 15, 16 to 23: three arrays that a checked run puts in this order, since they lie so."""
    return tuple(np.split(floats(24), 3))


def distance(ptx, values):
    """Elements of 4 bytes from the first array to the second, in the memory of a checked run."""
    places = load_checked(ptx).translation.places
    arena = Arena(values, list(places.parameters), places, 0)
    first, second, *_ = (arena.values[n] for n, value in enumerate(values) if isinstance(value, np.ndarray))
    return (second - first) // 4


def far_in(launch):
    return distance(launch.ptx("sm_90", lines=True), of_numba(launch.args, launch.types))


def refused_as_interpreted(launch, again, index):
    """Both refuse it in the same words, up to the place; `again` is the same launch anew."""
    with pytest.raises(OutOfBounds) as caught:
        again.interpret()
    said = caught.value
    with pytest.raises(OutOfBounds) as caught:
        launch.emulate(checked=True)
    error = caught.value
    for name in ("kernel", "block", "thread", "array", "index", "line"):
        assert getattr(error, name) == getattr(said, name), (name, str(error))
    assert (said.array, said.index, said.line) == ("x", index, line_of_fault(launch.kernel.source.function))
    assert str(error).partition(", at ")[0] == str(said).partition(", at ")[0]


@pytest.mark.parametrize("planted", [reads, writes, counts])
@pytest.mark.parametrize("of_second", [0, 7])
def test_an_index_that_lands_in_another_array_is_refused_as_the_interpreter_does(planted, of_second):
    """At the first or the last element of the second array, of thread 1 of block 1."""

    def launch(**far):
        return planted(**far)[2, 4](*three())

    far = far_in(launch()) + of_second - 5
    launch().emulate(checked=True)
    refused_as_interpreted(launch(FAR=far), launch(FAR=far), 5 + far)


def test_nothing_is_written_into_the_other_array():
    x, y, z = three()
    far = far_in(writes[2, 4](x, y, z)) - 5
    with pytest.raises(OutOfBounds):
        writes(FAR=far)[2, 4](x, y, z).emulate(checked=True)
    assert list(y) == list(range(8, 16))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_so_is_one_that_was_loaded(dtype):
    memory = floats(8 + 16)
    x, index, y = memory[:8], memory[8:].view(dtype)[:8], floats(8)
    index[:] = range(8)
    index[6] = far_in(gathers[2, 4](x, index, y)) + 2
    refused_as_interpreted(gathers[2, 4](x, index, y), gathers[2, 4](x, index, y), index[6])


@kernel
def chooses(x, y, z):
    i = cuda.threadIdx.x
    chosen = x if z[i] > float32(3) else y
    z[i] = chosen[i]


def test_an_array_chosen_from_two_may_be_either():
    x, y, _ = three()
    z = floats(8)
    chooses[1, 8](x, y, z).emulate(checked=True)
    assert list(z) == [8, 9, 10, 11, 4, 5, 6, 7]


# PTX: %rd0 and %rd1 point to arrays p0 and p1, %rd2 is the bytes between them; %rd3 becomes an address.

MEMORY = ".shared .align 16 .b8 box[64]; .local .align 16 .b8 own[16];"
ONE = {
    "a sum": "add.s64 %rd3, %rd0, %rd2;",
    "a product and a sum": "mad.lo.s64 %rd3, %rd2, 1, %rd0;",
    "a sum under a predicate": "mov.b64 %rd3, %rd0;\nsetp.eq.u32 %p0, %r0, 0;\n@%p0 add.s64 %rd3, %rd3, %rd2;",
    "a choice of two of its elements": """
        add.s64 %rd4, %rd0, 4;
        setp.eq.u32 %p0, %r0, 0;
        selp.b64 %rd3, %rd0, %rd4, %p0;
        add.s64 %rd3, %rd3, %rd2;""",
    "another lane's, in halves": """
        mov.b64 {%r1, %r2}, %rd0;
        shfl.sync.idx.b32 %r1, %r1, 0, 31, 1;
        shfl.sync.idx.b32 %r2, %r2, 0, 31, 1;
        mov.b64 %rd3, {%r1, %r2};
        add.s64 %rd3, %rd3, %rd2;""",
    "kept in memory": """
        st.local.u64 [own], %rd0;
        ld.local.u64 %rd3, [own];
        add.s64 %rd3, %rd3, %rd2;""",
    "the result of a function": """
        { .param .b64 given; .param .b64 back;
        st.param.b64 [given], %rd0;
        call (back), same, (given);
        ld.param.b64 %rd3, [back]; }
        { .param .b64 given; .param .b64 back;
        st.param.b64 [given], %rd1;
        call (back), same, (given);
        ld.param.b64 %rd4, [back]; }
        add.s64 %rd3, %rd3, %rd2;""",
}
MORE = {
    "a choice": "setp.eq.u32 %p0, %r0, 0;\nselp.b64 %rd3, %rd1, %rd0, %p0;",
    "a branch": "mov.b64 %rd3, %rd0;\nsetp.eq.u32 %p0, %r0, 0;\n@%p0 mov.b64 %rd3, %rd1;",
    "how far they are from each other": "sub.s64 %rd4, %rd1, %rd0;\nadd.s64 %rd3, %rd0, %rd4;",
    "the greater": "max.u64 %rd3, %rd0, %rd1;",
    "kept in memory": """
        st.local.v2.u64 [own], {%rd0, %rd1};
        mov.u64 %rd4, own;
        ld.local.u64 %rd3, [%rd4+8];""",
    "a difference kept in memory": """
        sub.s64 %rd4, %rd1, %rd0;
        st.local.u64 [own], %rd4;
        ld.local.u64 %rd4, [own];
        add.s64 %rd3, %rd0, %rd4;""",
    "exchanged": "st.shared.u64 [box], %rd1;\natom.shared.exch.b64 %rd3, [box], %rd0;",
    "a parameter by its address": "mov.b64 %rd4, p1;\nld.param.u64 %rd3, [%rd4];\nmax.u64 %rd3, %rd0, %rd3;",
}
BACK = {
    "out and back": "add.s64 %rd3, %rd0, %rd2;\nsub.s64 %rd3, %rd3, %rd2;",
    "out of a variable": """
        and.b64 %rd4, %rd0, 12;
        mov.u64 %rd5, table;
        add.s64 %rd3, %rd4, %rd5;""",
    "out of shared memory": """
        and.b64 %rd4, %rd0, 12;
        mov.u64 %rd5, box;
        cvta.shared.u64 %rd5, %rd5;
        add.s64 %rd3, %rd4, %rd5;
        st.f32 [%rd3], %f1;""",
    "out of shared memory by a number, where it is": """
        st.shared.f32 [box], %f1;
        and.b64 %rd4, %rd0, 12;
        mov.u64 %rd5, 256;
        cvta.shared.u64 %rd5, %rd5;
        add.s64 %rd3, %rd4, %rd5;""",
}
FILE = """.global .align 16 .f32 table[4];
.func (.param .b64 r) same(.param .b64 a)
{ .reg .b64 %v; ld.param.b64 %v, [a]; st.param.b64 [r], %v; ret; }
"""
LOAD, WRITE_BACK = "ld.f32 %f0, [%rd3]; // fault", "st.global.f32 [%rd0], %f0;"


def text_of(code):
    return written.kernel(code, 3, MEMORY, memory=FILE)


def from_first_to_second(code):
    return distance(text_of(code), [*three()[:2], np.int64(0)])


def run(code, far, arrays=None):
    """One thread, checked, with so many elements from the first array to the second; what is in the first then."""
    x, y = arrays or three()[:2]
    load_checked(text_of(code)).run((1, 1, 1), (1, 1, 1), [x, y, np.int64(4 * far)])
    return list(x)


def refused(code, far, arrays=None):
    with pytest.raises(OutOfBounds) as caught:
        run(code, far, arrays)
    assert caught.value.site.ptx.endswith("// fault")
    return caught.value


@pytest.mark.parametrize("address", ONE)
@pytest.mark.parametrize(
    "access",
    [LOAD, LOAD.replace("ld", "ld.global"), "st.global.f32 [%rd3], %f1; // fault", "red.add.f32 [%rd3], %f1; // fault",
     "cp.async.ca.shared.global [box], [%rd3], 4; // fault"],
)  # fmt: skip
def test_what_comes_from_one_array_stays_there(address, access):
    code = f"{ONE[address]}\n{access}"
    run(code, 0)
    far = from_first_to_second(code)
    error = refused(code, far)
    assert (error.array, error.index, error.thread) == ("p0", far, (0, 0, 0))


@pytest.mark.parametrize("address", MORE)
def test_what_may_come_from_two_may_be_in_either(address):
    assert run(f"{MORE[address]}\n{LOAD}\n{WRITE_BACK}", 0)[0] == 8


def test_what_is_beyond_one_of_two_is_the_other():
    code = f"setp.ne.u32 %p0, %r0, 0;\nselp.b64 %rd3, %rd1, %rd0, %p0;\nadd.s64 %rd3, %rd3, %rd2;\n{LOAD}\n{WRITE_BACK}"
    assert run(code, from_first_to_second(code))[0] == 8


@pytest.mark.parametrize("address", BACK)
def test_only_accesses_are_looked_at_and_only_addresses_of_one_array(address):
    run(f"{BACK[address]}\n{LOAD}\n{WRITE_BACK}", 100_000)


def test_arrays_that_overlap_are_one_memory_and_keep_their_names():
    whole = floats(16)
    code = f"{ONE['a sum']}\n{LOAD}\n{WRITE_BACK}"
    assert run(code, 5, (whole[:4], whole[2:6]))[0] == 5
    error = refused(code, 7, (whole[:4], whole[2:6]))
    assert (error.array, error.index) == ("p0", 7)


def test_an_address_from_nowhere_is_held_to_no_array():
    error = refused(f"mov.b64 %rd3, {2**40};\n{LOAD}", 0)
    assert error.array is None
    assert "lies outside every array" in str(error)
