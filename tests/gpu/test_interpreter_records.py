"""Structured arrays, their records and fields, interpreted in both modes and emulated; and random numbers, kept so."""

import numpy as np
import pytest
from numba.cuda import random as numba_random
from numba.cuda.random import (
    xoroshiro128p_dtype,
    xoroshiro128p_jump,
    xoroshiro128p_next,
    xoroshiro128p_normal_float32,
    xoroshiro128p_normal_float64,
    xoroshiro128p_uniform_float32,
    xoroshiro128p_uniform_float64,
)

from kernels.gpu import cuda, device, float32, kernel
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import DataRace, OutOfBounds, ReadOnly, Undefined, Uninitialised, Unsupported
from kernels.gpu.tracing import trace
from tests.gpu.alike import assert_alike
from tests.gpu.test_interpreter_refusals import refused

Body = np.dtype([("x", np.float32), ("n", np.int64), ("v", np.float32, (3,)), ("m", np.int16, (2, 2))], align=True)
Packed = np.dtype([("x", np.float32), ("n", np.int64), ("w", np.float64, (2,)), ("r", [("i", np.int32)])])
Pair = np.dtype([("first", Body), ("mass", np.float64), ("is_on", np.bool_)], align=True)
FIELD, SIZE = "n", Body.itemsize


def bodies(*shape):
    made = np.zeros(shape, Body)
    made["x"] = np.arange(made.size).reshape(shape) + 0.5
    made["n"] = np.arange(made.size).reshape(shape) * 3
    made["v"] = np.arange(made.size * 3).reshape(*shape, 3)
    made["m"] = np.arange(made.size * 4).reshape(*shape, 2, 2) - 7
    return made


def pairs(*shape):
    made = np.zeros(shape, Pair)
    made["first"], made["mass"] = bodies(*shape), np.arange(made.size).reshape(shape) / 4
    return made


@kernel
def reads_fields(a, y):
    for i in range(a.size):
        y[i, 0], y[i, 1], y[i, 2], y[i, 3] = a[i].x, a[i]["x"], a.x[i], a["x"][i]
        y[i, 4], y[i, 5], y[i, 6] = a[i][FIELD] // 2, a[i].n / 2, a[i][1]


@kernel
def reads_nested(a, y):
    for i in range(a.size):
        y[i, 0], y[i, 1], y[i, 2] = a[i].v[1], a.v[i, 2], a[i]["m"][0, 1]
        y[i, 3], y[i, 4] = a.m[i][1, 1], a[i].m.T[0, 1]
        row = a[i].v
        for value in row[1:]:
            y[i, 5] += value
        y[i, 6] = row.size + a.v.ndim


@kernel
def writes_fields(a, y):
    for i in range(a.size):
        a[i].x = i + 7
        a[i]["n"] = 2.9 * i
        a.x[i] += 0.25
        a["n"][i] -= 3
        a[i].x *= 2
        a[i]["n"] += 1
    a[0].v[1] = 5
    a[1].v[:] = 2
    a.m[0, 1, 0] = 9
    a.x[2:] = 1


@kernel
def by_reference(a, y):
    """A record that is kept is the place, and not what stood there."""
    record = a[1]
    a[1].x = 9
    y[0, 0] = record.x
    record.n = 12
    y[0, 1] = a[1].n
    for i in range(a.size):
        record = a[i]
        record.v[0] = i
    other = a[0] if a[0].x < 1 else a[2]
    y[0, 2] = other.n


@kernel
def copies_records(a, y):
    a[0] = a[1]
    a[2] = a[0]
    a[1].x = 3


@kernel
def copies_arrays(a, y):
    a[0].v = a[1].v
    a[1]["m"] = a[2]["m"]
    a[2]["v"] = a[3].v


@kernel
def goes_over_records(a, y):
    for record in a:
        y[0, 0] += record.x * record.v[2]
        record.x = 0
    part = a[1:]
    for i in range(part.size):
        y[0, 1] += part[i].n
    y[0, 2], y[0, 3] = len(part), part.itemsize


@device
def kinetic(body, weight):
    return body.v[0] * body.v[1] * weight + body.x


@device
def push(all_bodies, i):
    all_bodies[i].x += 1


@kernel
def handed_on(a, y):
    for i in range(a.size):
        y[i, 0] = kinetic(a[i], float32(2))
        push(a, i)


ONE_LEVEL = [
    reads_fields, reads_nested, writes_fields, by_reference, copies_records, copies_arrays, goes_over_records,
    handed_on,
]  # fmt: skip


@pytest.mark.parametrize("kernel", ONE_LEVEL, ids=lambda kernel: kernel.name)
def test_fields_of_records_are_those_of_the_compiled_kernel(kernel):
    assert_alike(kernel, bodies(4), np.zeros((4, 7)))


@kernel
def in_records(a, y):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            y[i, j] = a[i, j].first.x + a.first[i, j].n + a[i][j]["first"]["v"][1] + a[i, j].mass
            a[i, j].first.x = a[i].mass[j]
            a[i, j]["first"]["n"] = 4
            a[i, j].is_on = j > 0
    a[0, 0].first = a[1, 1].first
    inner = a[1, 0].first
    inner.v[2] = 8
    y[1, 1] = a.is_on[0, 1] + a.first.v[1, 0, 2]


def test_records_in_records_are_those_of_the_compiled_kernel():
    assert_alike(in_records, pairs(2, 3), np.zeros((2, 3)))


@kernel
def through_shared(a, y):
    tile, mine = cuda.shared.array(8, Body), cuda.local.array((2, 2), a.dtype)
    i = cuda.threadIdx.x
    tile[i] = a[i]
    mine[0, 1].n = i
    mine[1, 1].v[2] = 2
    cuda.syncthreads()
    other = tile[7 - i]
    y[i] = other.x + other.v[1] + mine[0][1].n * mine.v[1, 1, 2]
    cuda.atomic.add(a.n, 0, other.n)
    cuda.atomic.max(a[1].v, 2, i)


def test_records_in_shared_and_local_memory_are_those_of_the_compiled_kernel():
    assert_alike(through_shared, bodies(8), np.zeros(8), block=8)


@kernel
def sees_bytes(a, y):
    raw = a.view(np.uint8)
    y[0], y[1] = raw.size, raw[SIZE + 3]
    again = raw[SIZE:].view(Body)
    y[2] = again[0].x


def test_records_are_seen_as_bytes_and_bytes_as_records():
    assert_alike(sees_bytes, bodies(3), np.zeros(3))


@kernel
def takes_record(body, y):
    y[0] = body.x + body.v[1]
    body.n = 5
    body["v"][2] = 4


@pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])
def test_a_record_is_an_argument_which_the_kernel_may_change(checked):
    for body in (bodies(2)[1], bodies(2)[1].copy(), np.rec.array(bodies(2))[1]):
        y = np.zeros(1)
        takes_record[1, 1](body, y).interpret(checked)
        assert y[0] == 1.5 + 4
        assert body["n"] == 5
        assert list(body["v"]) == [3, 4, 4]


# What is refused


@kernel
def beyond(a, y):
    y[0] = a[cuda.threadIdx.x].x  # fault


def test_a_record_outside_its_array_is_refused():
    refused(beyond[1, 5](bodies(4), np.zeros(1)), OutOfBounds, block=(0, 0, 0), thread=(4, 0, 0), array="a", index=4)


@kernel
def beyond_nested(a, y):
    y[0] = a[1].v[3]  # fault


def test_an_index_outside_a_nested_array_is_refused():
    launch = beyond_nested[1, 1](bodies(4), np.zeros(1))
    refused(launch, OutOfBounds, block=(0, 0, 0), thread=(0, 0, 0), array="a[1].v", index=3)


@kernel
def half_written(y):
    tile = cuda.shared.array(2, Body)
    tile[1].x = 3
    y[0] = tile[1].x
    y[1] = tile[1].n  # fault


def test_a_field_that_nobody_wrote_is_refused():
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": "tile", "index": 1}
    refused(half_written[1, 1](np.zeros(2)), Uninitialised, **where)


@kernel
def races(a):
    a[0].n = a[0].n + cuda.threadIdx.x  # fault


@kernel
def shares_record(a):
    if cuda.threadIdx.x == 0:
        a[0].x = 1
    else:
        a[0].n = 2


def test_fields_of_one_record_are_cells_of_their_own():
    refused(races[1, 2](bodies(2)), DataRace, block=(0, 0, 0), thread=(1, 0, 0), array="a", index=0)
    shares_record[1, 2](bodies(2)).interpret()


@kernel
def writes_sealed(a):
    a[1].x = 3  # fault


def test_a_record_of_what_is_read_only_is_read_only():
    a = bodies(2)
    a.flags.writeable = False
    refused(writes_sealed[1, 1](a), ReadOnly, block=(0, 0, 0), thread=(0, 0, 0), array="a", index=1)
    with pytest.raises(ReadOnly):
        writes_sealed[1, 1](a).interpret(checked=False)


@kernel
def misspells(a, y):
    y[0] = a[0].speed


@kernel
def counts_record(a, y):
    y[0] = a[0] + 1


@kernel
def stores_array(a, y):
    a[0].v = y


@kernel
def stores_columns(a, y):
    a[0]["m"] = a[1].m.T


@kernel
def stores_number(a, y):
    a[0] = 3


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (misspells, r"a\[0\] has no field speed: its fields are x, n, v, m"),
        (counts_record, "is a record where a number is needed"),
        (stores_array, r"a\[0\].v is an array of a record, which takes a contiguous 1-D array of float32, and no 1-D"),
        (stores_columns, "takes a contiguous 2-D array of int16"),
        (stores_number, r"a\[0\] is a record, which int64 is not stored into"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_no_field_or_no_record_is_refused(kernel, text):
    for checked in (True, False):
        with pytest.raises(Unsupported, match=text):
            kernel[1, 1](bodies(2), np.zeros(1)).interpret(checked)


@kernel
def stores_longer(a, x):
    a[0]["v"] = x


def test_an_array_of_another_shape_is_not_stored():
    for checked in (True, False):
        with pytest.raises(Undefined, match=r"an array of shape \(4,\) is stored into one of shape \(3,\)"):
            stores_longer[1, 1](bodies(2), np.zeros(4, np.float32)).interpret(checked)
    a, _ = assert_alike(stores_longer, bodies(2), np.full(3, 4, np.float32))
    assert (a["v"][0] == 4).all()


def test_a_trace_shows_whole_records(tmp_path):
    assert trace(through_shared[1, 8](bodies(8), np.zeros(8))).fault is None
    recording = trace(shares_record[1, 2](bodies(2)))
    stores = [access for step in recording.steps for access in step.accesses if access.kind == "store"]
    assert [(access.cell, access.value["x"], access.value["n"]) for access in stores] == [(0, 1, 0), (0, 1, 2)]
    recording.write(tmp_path / "records.html")
    assert str(bodies(2)[1]) in (tmp_path / "records.html").read_text()


Odd = np.dtype([("x", np.float32), ("name", "S5"), ("when", "M8[D]")])


@kernel
def reads_beside(a, y):
    y[0] = a[1].x
    a[0] = a[1]


@kernel
def reads_name(a, y):
    y[0] = a[1].name == 3


@kernel
def reads_moment(a, y):
    y[0] = a.when[1] == a.when[0]


def test_fields_of_other_types_may_be_there_but_are_not_read():
    odd = np.zeros(2, Odd)
    odd[1] = 2, b"abc", "2024-02-29"
    a, y = assert_alike(reads_beside, odd, np.zeros(1))
    assert y[0] == 2
    assert a[0] == odd[1]
    for each, field in ((reads_name, "name: fields of"), (reads_moment, "when: fields of datetime64")):
        for checked in (True, False):
            with pytest.raises(Unsupported, match=field):
                each[1, 1](odd, np.zeros(1)).interpret(checked)


@kernel
def reads_packed(a, y):
    y[0] = a[1].n


@kernel
def writes_packed(a, y):
    a[1].w[0] = 3


@kernel
def takes_packed_apart(a, y):
    y[0], y[1] = a[1].x + a.n[1], a.w[1, 1] + a[1].r.i
    a.n[0] = 7


def test_a_field_that_lies_where_no_number_may_is_refused_as_by_numba():
    packed = np.zeros(2, Packed)
    packed["x"], packed["n"], packed["w"] = 1, 2, 3
    for each in (reads_packed, writes_packed):
        for checked in (True, False):
            with pytest.raises(Unsupported, match=r"a\[1\].[nw] lies \d+ bytes behind .*: give the dtype align=True"):
                each[1, 1](packed, np.zeros(2)).interpret(checked)
        with pytest.raises(CompileError, match=r"is not aligned|give the dtype align=True"):
            each[1, 1](packed, np.zeros(2)).ptx("sm_90")
    assert_alike(takes_packed_apart, packed, np.zeros(2), ways=("interpret", "checked"))


# Random numbers, which Numba draws in device functions on an array of records


@kernel
def draws(states, y):
    i = cuda.grid(1)
    for j in range(y.shape[1] // 2):
        y[i, 2 * j] = xoroshiro128p_uniform_float32(states, i)
        y[i, 2 * j + 1] = xoroshiro128p_uniform_float64(states, i)


@kernel
def jumps(states, y):
    i = cuda.grid(1)
    xoroshiro128p_jump(states, i)
    y[i, 0] = xoroshiro128p_next(states, i) >> 40


@kernel
def draws_normal(states, y):
    i = cuda.grid(1)
    for j in range(y.shape[1] // 2):
        y[i, 2 * j] = xoroshiro128p_normal_float32(states, i)
        y[i, 2 * j + 1] = xoroshiro128p_normal_float64(states, i)


def states_of(count, seed):
    states = np.empty(count, xoroshiro128p_dtype)
    numba_random.init_xoroshiro128p_states_cpu(states, np.uint64(seed), 0)
    return states


def test_random_numbers_are_those_of_the_compiled_kernel():
    assert_alike(draws, states_of(8, 1), np.zeros((8, 6)), grid=2, block=4)
    assert_alike(jumps, states_of(2, 3), np.zeros((2, 1)), block=2)


def test_normal_numbers_are_nearly_those_of_the_compiled_kernel():
    """Its logarithm and cosine are NVIDIA's."""
    states, y = assert_alike(draws_normal, states_of(4, 5), np.zeros((4, 6)), block=4, ways=("interpret", "checked"))
    found, compiled = assert_alike(draws_normal, states_of(4, 5), np.zeros((4, 6)), block=4, ways=("emulate",))
    assert np.array_equal(found, states)
    assert np.allclose(compiled, y, rtol=1e-6)
