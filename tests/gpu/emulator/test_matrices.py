"""Matrices of a warp: fragments lie as the PTX ISA says, products are NumPy's, rows come from where lanes say."""

import numpy as np
import pytest

from kernels.gpu.emulator import EmulatorError, PtxError, load
from tests.gpu.emulator.written import kernel, own

LANE = np.arange(32)
GROUP, QUAD = LANE // 4, LANE % 4

# What a fragment's element is made of: a NumPy type that holds its bits, and how many of them are in a register.
IN_REGISTER = {"f16": 2, "bf16": 2, "tf32": 1, "f64": 1, "s8": 4, "u8": 4, "s4": 8, "u4": 8, "e4m3": 4, "e5m2": 4}
KIND = {"f32": "<f4", "s32": "<i4", "f64": "<f8", "f16": "<f2"}


def places_of_a(kind, m, k):
    """(row, column) of each lane's elements of A, (32, elements), by the manual's tables ("ai for 0 <= i < ...")."""
    each = IN_REGISTER[kind]
    i = np.arange(m * k // 32)
    if m == 8:
        return np.broadcast_to(GROUP[:, None], (32, i.size)), each * QUAD[:, None] + i
    register, part = i // each, i % each
    row = GROUP[:, None] + np.where(register % 2 == 0, 0, 8)
    column = each * QUAD[:, None] + part + 4 * each * (register // 2)
    return row, column


def places_of_b(kind, k):
    each = IN_REGISTER[kind]
    i = np.arange(k * 8 // 32)
    row = each * QUAD[:, None] + i % each + 4 * each * (i // each)
    return row, np.broadcast_to(GROUP[:, None], row.shape)


def places_of_c(m):
    i = np.arange(m * 8 // 32)
    return GROUP[:, None] + np.where(i < 2, 0, 8), 2 * QUAD[:, None] + i % 2


def values(kind, shape, generator):
    """(values in float64, their bits in an unsigned type as wide as an element; of 4 bits in bytes)."""
    if kind in ("s8", "u8", "s4", "u4"):
        bits = int(kind[1:])
        low = -(1 << bits - 1) if kind[0] == "s" else 0
        found = generator.integers(low, low + (1 << bits), shape)
        return found.astype(float), (found & (1 << bits) - 1).astype(np.uint8)
    found = generator.standard_normal(shape)
    if kind == "f64":
        return found, found.view(np.uint64)
    if kind == "f16":
        halves = found.astype(np.float16)
        halves.flat[:4] = [0.0, 6e-8, -6.1e-5, 0.333]  # subnormals among them
        return halves.astype(float), halves.view(np.uint16)
    if kind in ("bf16", "tf32"):
        keep = 16 if kind == "bf16" else 13
        wide = found.astype(np.float32).view(np.uint32)
        cut = (wide >> keep << keep).view(np.float32).astype(float)
        return cut, (wide >> 16).astype(np.uint16) if kind == "bf16" else wide  # of tf32 the rest stays, unread
    bits = generator.integers(0, 256, shape).astype(np.uint8)
    exponent_bits, fraction_bits = (4, 3) if kind == "e4m3" else (5, 2)
    bits[(bits & 127) >= (0x7F if kind == "e4m3" else 0x7C)] = 3  # no NaN, no infinity
    exponent, fraction = (bits & 127) >> fraction_bits, (bits & (1 << fraction_bits) - 1) / (1 << fraction_bits)
    bias = (1 << exponent_bits - 1) - 1
    size = np.where(exponent > 0, (1 + fraction) * 2.0 ** (exponent - float(bias)), fraction * 2.0 ** (1 - bias))
    return np.where(bits >> 7, -size, size), bits


def packed(kind, bits):
    """Each lane's elements (32, n) as the words of its registers."""
    if kind in ("s4", "u4"):
        bits = bits[:, ::2] | bits[:, 1::2] << 4
    return np.ascontiguousarray(bits).view(np.uint32)


def product(shape, a, b, c, d, extra=""):
    """PTX that loads each lane's fragments of A, B and C from p0, p1, p2, multiplies, and stores that of D to p3."""
    m, k = int(shape[1 : shape.index("n")]), int(shape[shape.index("k") + 1 :])
    wide = a == "f64"
    of, size = ("b64", 8) if wide else ("b32", 4)
    counts = [m * k // 32 // IN_REGISTER[a], 8 * k // 32 // IN_REGISTER[b], m // 4 // (2 if c == "f16" else 1)]
    counts.append(m // 4 // (2 if d == "f16" else 1))
    body, groups, first = "", [], 0
    for pointer, count in enumerate(counts[:3]):
        body += own(pointer, 10, count * size) + "\n"
        names = [f"%{'q' if wide else 'w'}{first + n}" for n in range(count)]
        body += "".join(f"ld.global.{of} {name}, [%rd10+{size * n}];\n" for n, name in enumerate(names))
        groups.append("{" + ", ".join(names) + "}")
        first += count
    names = [f"%{'q' if wide else 'w'}{first + n}" for n in range(counts[3])]
    result = "{" + ", ".join(names) + "}"
    body += f"mma.sync.aligned.{shape}.row.col{extra}.{d}.{a}.{b}.{c} {result}, {', '.join(groups)};\n"
    body += own(3, 10, counts[3] * size) + "\n"
    body += "".join(f"st.global.{of} [%rd10+{size * n}], {name};\n" for n, name in enumerate(names))
    return kernel(body, 4, registers=".reg .b32 %w<40>; .reg .b64 %q<40>;")


def multiplied(shape, a, b, c, d, generator, extra="", large=1.0):
    """(D as the kernel left it, A, B, C in float64)."""
    m, k = int(shape[1 : shape.index("n")]), int(shape[shape.index("k") + 1 :])
    (A, of_a), (B, of_b) = values(a, (m, k), generator), values(b, (k, 8), generator)
    C = np.clip(generator.standard_normal((m, 8)) * 8 * large, -(2**31), 2**31 - 1).astype(KIND[c])
    fragments = [
        packed(a, of_a[places_of_a(a, m, k)]),
        packed(b, of_b[places_of_b(b, k)]),
        np.ascontiguousarray(C[places_of_c(m)]),
    ]
    D = np.zeros((32, m // 4), KIND[d])
    load(product(shape, a, b, c, d, extra)).run((1, 1, 1), (32, 1, 1), [*fragments, D])
    whole = np.zeros((m, 8), KIND[d])
    whole[places_of_c(m)] = D
    return whole, A, B, C.astype(float)


FLOATS = [
    *((shape, "f16", c, d) for shape in ("m16n8k8", "m16n8k16") for c in ("f16", "f32") for d in ("f16", "f32")),
    *((shape, "bf16", "f32", "f32") for shape in ("m16n8k8", "m16n8k16")),
    *((shape, "tf32", "f32", "f32") for shape in ("m16n8k4", "m16n8k8")),
    *((shape, "f64", "f64", "f64") for shape in ("m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16")),
    *((shape, kind, "f32", "f32") for shape in ("m16n8k16", "m16n8k32") for kind in ("e4m3", "e5m2")),
]


@pytest.mark.parametrize(("shape", "kind", "c", "d"), FLOATS)
def test_a_product_of_floats_is_numpys(shape, kind, c, d):
    D, A, B, C = multiplied(shape, kind, kind, c, d, np.random.default_rng(1))
    exact = A @ B + C
    size = np.abs(A) @ np.abs(B) + np.abs(C)
    step = {"f16": 2.0**-11, "f32": 2.0**-24, "f64": 18 * 2.0**-53}[d]
    assert np.all(np.abs(D - exact) <= np.abs(exact) * step * 1.0001 + size * 40 * 2.0**-53)


INTEGERS = [
    *((shape, a, b) for shape in ("m8n8k16", "m16n8k16", "m16n8k32") for a in ("s8", "u8") for b in ("s8", "u8")),
    *((shape, a, b) for shape in ("m8n8k32", "m16n8k32", "m16n8k64") for a in ("s4", "u4") for b in ("s4", "u4")),
]


@pytest.mark.parametrize(("shape", "a", "b"), INTEGERS)
def test_a_product_of_integers_is_exact_and_wraps(shape, a, b):
    D, A, B, C = multiplied(shape, a, b, "s32", "s32", np.random.default_rng(2), large=2.0**27)
    assert np.array_equal(D, (A @ B + C).astype(np.int64).astype(np.int32))


def test_with_satfinite_integers_stay_at_the_ends():
    D, A, B, C = multiplied("m16n8k32", "s8", "s8", "s32", "s32", np.random.default_rng(2), ".satfinite", 2.0**27.7)
    exact = A @ B + C
    assert np.any(np.abs(exact) >= 2.0**31)
    assert np.array_equal(D, np.clip(exact, -(2**31), 2**31 - 1).astype(np.int32))


ROWS = """
mov.u32 %r1, shared;
shl.b32 %r2, %r0, 4;
add.u32 %r3, %r1, %r2;
{own}
ld.global.v4.b32 {{%r4, %r5, %r6, %r7}}, [%rd10];
st.shared.v4.b32 [%r3], {{%r4, %r5, %r6, %r7}};
bar.sync 0;
xor.b32 %r2, %r0, {flip};
shl.b32 %r2, %r2, 4;
add.u32 %r3, %r1, %r2;
ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {{{targets}}}, [%r3];
{out}
{stores}
"""
SHARED = ".shared .align 16 .b8 shared[512];"


def rows(count, trans, flip=0):
    targets = [f"%r{20 + n}" for n in range(count)]
    stores = "\n".join(f"st.global.b32 [%rd11+{4 * n}], {target};" for n, target in enumerate(targets))
    body = ROWS.format(own=own(0, 10, 16), out=own(1, 11, 4 * count), stores=stores, count=count, flip=flip,
                       trans=".trans" if trans else "", targets=", ".join(targets))  # fmt: skip
    return kernel(body, 2, memory=SHARED)


@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize("flip", [0, 5])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix_gives_lanes_two_neighbours_of_rows_wherever_these_are(count, flip, trans):
    """Row r of matrix m begins where lane 8 m + r says, which with `flip` is another place."""
    matrices = np.arange(256, dtype=np.uint16).reshape(4, 8, 8)
    found = np.zeros((32, count, 2), np.uint16)
    load(rows(count, trans, flip)).run((1, 1, 1), (32, 1, 1), [matrices, found])
    for m in range(count):
        named = matrices.reshape(32, 8)[(8 * m + np.arange(8)) ^ flip]
        named = named.T if trans else named
        assert np.array_equal(found[:, m], np.stack([named[GROUP, 2 * QUAD], named[GROUP, 2 * QUAD + 1]], 1))


@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_stmatrix_stores_what_ldmatrix_would_load(count, trans):
    trans = ".trans" if trans else ""
    sources = ", ".join(f"%r{4 + n}" for n in range(count))
    body = f"""
{own(0, 10, 4 * count)}
{"".join(f"ld.global.b32 %r{4 + n}, [%rd10+{4 * n}];" for n in range(count))}
mov.u32 %r1, shared;
shl.b32 %r2, %r0, 4;
add.u32 %r3, %r1, %r2;
stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 [%r3], {{{sources}}};
bar.warp.sync -1;
ld.shared.v4.b32 {{%r20, %r21, %r22, %r23}}, [%r3];
{own(1, 11, 16)}
st.global.v4.b32 [%rd11], {{%r20, %r21, %r22, %r23}};
"""
    matrices = np.arange(count * 64, dtype=np.uint16).reshape(count, 8, 8)
    seen = matrices.transpose(0, 2, 1) if trans else matrices
    fragments = np.stack([seen[:, GROUP, 2 * QUAD], seen[:, GROUP, 2 * QUAD + 1]], -1).transpose(1, 0, 2)
    found = np.zeros((32, 8), np.uint16)
    values = [np.ascontiguousarray(fragments), found]
    load(kernel(body, 2, memory=SHARED)).run((1, 1, 1), (32, 1, 1), values)
    assert np.array_equal(found[: 8 * count].reshape(count, 8, 8), matrices)


def test_a_matrix_takes_a_whole_warp():
    matrices, found = np.zeros((4, 8, 8), np.uint16), np.zeros((32, 2), np.uint16)
    with pytest.raises(EmulatorError, match=r"k: block 0, thread 0: waits at ldmatrix.* for threads that never come"):
        load(rows(1, False)).run((1, 1, 1), (31, 1, 1), [matrices, found])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%r1}, {%r1}, {%r1}, {%r1};", "m8n8k4 of f16"),
        ("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1}, {%r1}, {%r1}, {%r1};", "number of registers"),
        ("mma.sync.aligned.m8n8k4.col.col.f64.f64.f64.f64 {%fd1}, {%fd1}, {%fd1}, {%fd1};", "B by columns"),
        ("mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r1}, {%r1}, {%r1}, {%r1};", ".sp is not executed"),
        ("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1}, [%r2];", "number of registers"),
        ("ldmatrix.sync.aligned.m16n16.x1.shared.b8 {%r1}, [%r2];", ".m16n16 is not executed"),
        ("wmma.load.a.sync.aligned.row.m16n16k16.f16 {%r1}, [%rd1], %r2;", "mma.sync is"),
    ],
)
def test_what_is_not_executed_is_refused_by_name(line, problem):
    with pytest.raises(PtxError, match=rf"PTX line \d+: {line.split('.')[0]}.*{problem}"):
        load(kernel(line, 0))
