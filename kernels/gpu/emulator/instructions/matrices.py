"""Matrices of a warp (PTX ISA 9.7.14): ldmatrix, stmatrix, mma. All 32 lanes meet, warp_matrices.py does the rest."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.memory import space_of
from kernels.gpu.emulator.instructions.registers import word
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.syntax import Vector
from kernels.gpu.emulator.warp_matrices import BITS, FORMATS, detail_of_product, detail_of_rows

FLOATS = (("f32", "f32"),)
# Shapes by the formats of A and B, and which formats C and D may have.
PRODUCTS = {
    **{(a, a): (("m16n8k8", "m16n8k16"), (*FLOATS, *more))
       for a, more in (("f16", (("f16", "f16"), ("f16", "f32"), ("f32", "f16"))), ("bf16", ()))},
    ("tf32", "tf32"): (("m16n8k4", "m16n8k8"), FLOATS),
    ("f64", "f64"): (("m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16"), (("f64", "f64"),)),
    **{(a, b): (("m8n8k16", "m16n8k16", "m16n8k32"), (("s32", "s32"),)) for a in ("s8", "u8") for b in ("s8", "u8")},
    **{(a, b): (("m8n8k32", "m16n8k32", "m16n8k64"), (("s32", "s32"),)) for a in ("s4", "u4") for b in ("s4", "u4")},
    **{(a, b): (("m16n8k16", "m16n8k32"), FLOATS) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2")},
}  # fmt: skip
COUNTS = {"x1": 1, "x2": 2, "x4": 4}
OF_ROWS = ("sync", "aligned", "m8n8", *COUNTS, "trans", "shared", "shared::cta", "b16")


def elements(operand):
    return operand.elements if isinstance(operand, Vector) else (operand,)


@form("mma", "* x, x, x, x")
def multiply(t, i):
    """D = A B + C; deposits are the registers of A, of B and of C, 64-bit ones as two words."""
    if not i.has("sync") or not i.has("row") or not i.has("col"):
        raise PtxError("only mma.sync with A by rows and B by columns is executed")
    shape = next((m for m in i.modifiers if m.startswith("m") and m[1:2].isdigit()), "")
    of_d, of_a, of_b, of_c = formats = i.modifiers[-4:]
    shapes, results = PRODUCTS.get((of_a, of_b), ((), ()))
    if shape not in shapes or (of_c, of_d) not in results:
        raise PtxError(f"{shape or 'a product'} of {of_a} and {of_b} to {of_d} is not executed")
    for modifier in i.modifiers:
        if modifier not in ("sync", "aligned", "row", "col", "satfinite", shape, *formats):
            raise PtxError(f".{modifier} is not executed")
    m, k = int(shape[1 : shape.index("n")]), int(shape[shape.index("k") + 1 :])
    deposits: list[str] = []
    for operand, kind in zip(i.operands[1:4], (of_a, of_b, of_c), strict=True):
        for register in elements(operand):
            deposits += words(t, register) if kind == "f64" else [t.read(register, "b32")]
    bits = {kind: int(BITS[FORMATS.index(kind)]) for kind in formats}
    taken = ((m * k + 8 * k) * bits[of_a] + 8 * m * bits[of_c]) // 1024
    given = 8 * m * bits[of_d] // 1024 // (2 if of_d == "f64" else 1)
    if len(deposits) != taken or len(elements(i.operands[0])) != given:
        raise PtxError(f"the number of registers is not that of {shape}")
    t.stop("matrix", detail_of_product(m, k, of_a, of_b, of_c, of_d, i.has("satfinite")), tuple(deposits))
    for n, register in enumerate(elements(i.operands[0])):
        if of_d == "f64":
            low, high = (t.emit(f"zext i32 {t.result(2 * n + half)} to i64") for half in range(2))
            t.write(register, t.emit(f"or i64 {low}, {t.emit(f'shl i64 {high}, 32')}"), "b64")
        else:
            t.write(register, t.result(n), "b32")


def words(t, register):
    """The low and the high half of a 64-bit register."""
    value = t.read(register, "b64")
    return [t.emit(f"trunc i64 {value} to i32"), t.emit(f"trunc i64 {t.emit(f'lshr i64 {value}, 32')} to i32")]


def count_of(i):
    for modifier in i.modifiers:
        if modifier not in OF_ROWS:
            raise PtxError(f".{modifier} is not executed")
    counts = [COUNTS[m] for m in i.modifiers if m in COUNTS]
    if not i.has("sync") or not i.has("m8n8") or not i.has("b16") or len(counts) != 1:
        raise PtxError("only .sync with .m8n8, .b16 and one of .x1, .x2 and .x4 is executed")
    return counts[0]


def row_address(t, i, address):
    """Where in shared memory the row of this lane begins: an i32."""
    pointer = t.emit(f"ptrtoint ptr {t.pointer(address, space_of(i))} to i64")
    start = t.emit("ptrtoint ptr %shared to i64")
    return t.emit(f"trunc i64 {t.emit(f'sub i64 {pointer}, {start}')} to i32")


def places(t, i, m, what):
    """Where in shared memory this lane's two elements of matrix m lie: one pointer to both, or, transposed, two."""
    lane = word(t, "%thread", layout.LANE)
    group, quad = t.emit(f"udiv i32 {lane}, 4"), t.emit(f"urem i32 {lane}, 4")
    if i.has("trans"):
        found, column, size = [t.result(2 * m), t.result(2 * m + 1)], t.emit(f"mul i32 {group}, 2"), 2
    else:
        found, column, size = [t.result(m)], t.emit(f"mul i32 {quad}, 4"), 4
    pointers = []
    for row in found:
        offset = t.emit(f"zext i32 {t.emit(f'add i32 {row}, {column}')} to i64")
        pointers.append(t.emit(f"getelementptr i8, ptr %shared, i64 {offset}"))
        t.access(what, "shared", pointers[-1], size)
    return pointers


@form("ldmatrix", "* x, [a]")
def load(t, i):
    """Each lane leaves the address of a row, gets those of the rows of its elements, and loads them."""
    count, targets = count_of(i), elements(i.operands[0])
    if len(targets) != count:
        raise PtxError("the number of registers is not that of the matrices")
    deposit = row_address(t, i, i.operands[1])
    t.stop("matrix", detail_of_rows(count, i.has("trans"), False), (deposit,))
    values = []
    for m in range(count):
        pointers = places(t, i, m, "load")
        if i.has("trans"):
            low, high = (t.emit(f"zext i16 {t.emit(f'load i16, ptr {p}, align 2')} to i32") for p in pointers)
            values.append(t.emit(f"or i32 {low}, {t.emit(f'shl i32 {high}, 16')}"))
        else:
            values.append(t.emit(f"load i32, ptr {pointers[0]}, align 4"))
    for target, value in zip(targets, values, strict=True):
        t.write(target, value, "b32")


@form("stmatrix", "* [a], x")
def store(t, i):
    """As ldmatrix; what a lane has to store waits among its deposits, where no one else looks."""
    count, sources = count_of(i), elements(i.operands[1])
    if len(sources) != count:
        raise PtxError("the number of registers is not that of the matrices")
    deposits = (row_address(t, i, i.operands[0]), *(t.read(source, "b32") for source in sources))
    t.stop("matrix", detail_of_rows(count, i.has("trans"), True), deposits)
    for m in range(count):
        pointers = places(t, i, m, "store")
        value = t.emit(f"load i32, ptr {t.emit(f'getelementptr i8, ptr %thread, i64 {layout.DEPOSIT + 4 + 4 * m}')}")
        if i.has("trans"):
            for p, shift in zip(pointers, (0, 16), strict=True):
                part = t.emit(f"trunc i32 {t.emit(f'lshr i32 {value}, {shift}')} to i16")
                t.emit_void(f"store i16 {part}, ptr {p}, align 2")
        else:
            t.emit_void(f"store i32 {value}, ptr {pointers[0]}, align 4")


@opcode("wmma", "wgmma", "tcgen05", "movmatrix")
def refused(t, i):
    raise PtxError("this instruction of matrices is not executed; mma.sync is")
