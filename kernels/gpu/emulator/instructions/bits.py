"""Logic, shifts and bit fields (PTX ISA 9.7.1, 9.7.8)."""

from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.syntax import Pair
from kernels.gpu.emulator.types import BITS, is_signed, llvm


@form("and or xor", ".pred|b16|b32|b64 d, a, b")
def logic(t, i):
    width = llvm(i.type)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    t.write(i.operands[0], t.emit(f"{i.opcode} {width} {a}, {b}"), i.type)


@form("not", ".pred|b16|b32|b64 d, a")
def invert(t, i):
    width = llvm(i.type)
    t.write(
        i.operands[0], t.emit(f"xor {width} {t.read(i.operands[1], i.type)}, {'true' if width == 'i1' else -1}"), i.type
    )


@form("cnot", ".bits d, a")
def is_zero(t, i):
    width = llvm(i.type)
    zero = t.emit(f"icmp eq {width} {t.read(i.operands[1], i.type)}, 0")
    t.write(i.operands[0], t.emit(f"zext i1 {zero} to {width}"), i.type)


def shifted(t, how, width, value, by, most=None):
    """A shift by an i32 that may be as large as it likes: beyond the width nothing, or the sign, is left."""
    bits = int(width[1:])
    if by.isdigit():
        if int(by) >= bits:
            return t.emit(f"ashr {width} {value}, {bits - 1}") if how == "ashr" else "0"
        return t.emit(f"{how} {width} {value}, {by}")
    beyond = t.emit(f"icmp uge i32 {by}, {bits}")
    clamped = t.emit(f"select i1 {beyond}, i32 {bits - 1}, i32 {by}")
    amount = clamped
    if bits != 32:
        amount = t.emit(f"{'zext' if bits > 32 else 'trunc'} i32 {clamped} to {width}")
    done = t.emit(f"{how} {width} {value}, {amount}")
    return done if how == "ashr" else t.emit(f"select i1 {beyond}, {width} 0, {width} {done}")


@form("shl", ".bits d, a, b:u32")
@form("shr", ".bits|int d, a, b:u32")
def shift(t, i):
    width = llvm(i.type)
    how = "shl" if i.opcode == "shl" else "ashr" if is_signed(i.type) else "lshr"
    value, by = t.read(i.operands[1], i.type), t.read(i.operands[2], "u32")
    t.write(i.operands[0], shifted(t, how, width, value, by), i.type)


@form("shf", ".l|r.clamp|wrap.b32 d, a, b, c:u32")
def funnel(t, i):
    """A shift of the 64 bits b:a; .l gives the high word, .r the low one."""
    a, b, c = (t.read(x, "b32") for x in i.operands[1:4])
    clamped = i.has("clamp")
    c = t.call("llvm.umin.i32", "i32", ("i32", c), ("i32", "32")) if clamped else t.emit(f"and i32 {c}, 31")
    low, high = t.emit(f"zext i32 {a} to i64"), t.emit(f"zext i32 {b} to i64")
    both = t.emit(f"or i64 {t.emit(f'shl i64 {high}, 32')}, {low}")
    by = t.emit(f"zext i32 {c} to i64")
    if i.has("l"):
        value = t.emit(f"lshr i64 {t.emit(f'shl i64 {both}, {by}')}, 32")
    else:
        value = t.emit(f"lshr i64 {both}, {by}")
    t.write(i.operands[0], t.emit(f"trunc i64 {value} to i32"), "b32")


@form("lop3", ".b32 d, a, b, c, n")
@form("lop3", ".or|and.b32 d|q, a, b, c, n, p:pred")
def logic_of_three(t, i):
    """Any function of three bits: bit 4a + 2b + c of the table is its value. d|q: q is (d != 0) .or or .and p."""
    operands = i.operands[1:]
    a, b, c = (t.read(x, "b32") for x in operands[:3])
    table, value = int(operands[3].value), "0"
    for n in range(8):
        if table >> n & 1:
            terms = [v if n >> k & 1 else t.emit(f"xor i32 {v}, -1") for v, k in ((a, 2), (b, 1), (c, 0))]
            both = t.emit(f"and i32 {terms[0]}, {terms[1]}")
            value = t.emit(f"or i32 {value}, {t.emit(f'and i32 {both}, {terms[2]}')}")
    target = i.operands[0]
    if isinstance(target, Pair):
        found = t.emit(f"icmp ne i32 {value}, 0")
        how = "or" if i.has("or") else "and"
        t.write(target.second, t.emit(f"{how} i1 {found}, {t.read(operands[4], 'pred')}"), "pred")
        target = target.first
    t.write(target, value, "b32")


@form("bfe", ".word d, a, b:u32, c:u32")
def extract(t, i):
    """Field of len bits from pos; signed ones are extended with their highest bit, at most the highest of the word."""
    bits, width = BITS[i.type], llvm(i.type)
    value = t.read(i.operands[1], i.type)
    pos, size = (t.emit(f"and i32 {t.read(x, 'u32')}, 255") for x in i.operands[2:4])
    end = t.emit(f"add i32 {pos}, {size}")
    if is_signed(i.type):  # put the field at the top, then shift it down with its sign
        beyond = t.emit(f"icmp ugt i32 {end}, {bits}")
        end = t.emit(f"select i1 {beyond}, i32 {bits}, i32 {end}")
        up = t.emit(f"sub i32 {bits}, {end}")
        top = shifted(t, "shl", width, value, up)
        inside = t.emit(f"icmp ult i32 {pos}, {bits}")
        sign = t.emit(f"ashr {width} {value}, {bits - 1}")
        down = t.emit(f"add i32 {up}, {pos}")
        field = shifted(t, "ashr", width, top, down)
        field = t.emit(f"select i1 {inside}, {width} {field}, {width} {sign}")
        none = t.emit(f"icmp eq i32 {size}, 0")
        t.write(i.operands[0], t.emit(f"select i1 {none}, {width} 0, {width} {field}"), i.type)
        return
    field = shifted(t, "lshr", width, value, pos)
    kept = t.emit(f"xor {width} {shifted(t, 'shl', width, '-1', size)}, -1")
    t.write(i.operands[0], t.emit(f"and {width} {field}, {kept}"), i.type)


@form("bfi", ".b32|b64 d, a, b, c:u32, e:u32")
def insert(t, i):
    """b with len bits of a put in at pos."""
    width = llvm(i.type)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    pos, size = (t.emit(f"and i32 {t.read(x, 'u32')}, 255") for x in i.operands[3:5])
    ones = t.emit(f"xor {width} {shifted(t, 'shl', width, '-1', size)}, -1")
    mask = shifted(t, "shl", width, ones, pos)
    put = t.emit(f"and {width} {shifted(t, 'shl', width, a, pos)}, {mask}")
    rest = t.emit(f"and {width} {b}, {t.emit(f'xor {width} {mask}, -1')}")
    t.write(i.operands[0], t.emit(f"or {width} {put}, {rest}"), i.type)


@form("bmsk", ".clamp|wrap.b32 d:u32, a:u32, b:u32")
def mask(t, i):
    """len ones from pos; .wrap takes both modulo 32."""
    pos, size = (t.read(x, "u32") for x in i.operands[1:3])
    if i.has("wrap"):
        pos, size = t.emit(f"and i32 {pos}, 31"), t.emit(f"and i32 {size}, 31")
    ones = t.emit(f"xor i32 {shifted(t, 'shl', 'i32', '-1', size)}, -1")
    t.write(i.operands[0], shifted(t, "shl", "i32", ones, pos), "b32")


@form("szext", ".clamp|wrap.u32|s32 d, a, b:u32")
def extend(t, i):
    """The low n bits as a number; .wrap takes n modulo 32."""
    value, size = t.read(i.operands[1], i.type), t.read(i.operands[2], "u32")
    if i.has("wrap"):
        size = t.emit(f"and i32 {size}, 31")
    size = t.call("llvm.umin.i32", "i32", ("i32", size), ("i32", "32"))
    by = t.emit(f"sub i32 32, {size}")
    up = shifted(t, "shl", "i32", value, by)
    down = shifted(t, "ashr" if is_signed(i.type) else "lshr", "i32", up, by)
    none = t.emit(f"icmp eq i32 {size}, 0")
    t.write(i.operands[0], t.emit(f"select i1 {none}, i32 0, i32 {down}"), i.type)


@form("bfind", "{.shiftamt}.word d:u32, a")
def find(t, i):
    """Position of the highest bit that differs from the sign; with .shiftamt counted from above; -1 for none."""
    bits, width = BITS[i.type], llvm(i.type)
    value = t.read(i.operands[1], i.type)
    if is_signed(i.type):
        value = t.emit(f"xor {width} {value}, {t.emit(f'ashr {width} {value}, {bits - 1}')}")
    zeros = t.call(f"llvm.ctlz.{width}", width, (width, value), ("i1", "false"))
    zeros = t.emit(f"trunc {width} {zeros} to i32") if bits == 64 else zeros
    found = zeros if i.has("shiftamt") else t.emit(f"sub i32 {bits - 1}, {zeros}")
    none = t.emit(f"icmp eq {width} {value}, 0")
    t.write(i.operands[0], t.emit(f"select i1 {none}, i32 -1, i32 {found}"), "u32")


@form("brev", ".b32|b64 d, a")
@form("popc clz", ".b32|b64 d:u32, a")
def count(t, i):
    width, value = llvm(i.type), t.read(i.operands[1], i.type)
    name = {"brev": "bitreverse", "popc": "ctpop", "clz": "ctlz"}[i.opcode]
    more = [("i1", "false")] if i.opcode == "clz" else []
    found = t.call(f"llvm.{name}.{width}", width, (width, value), *more)
    if i.opcode == "brev":
        t.write(i.operands[0], found, i.type)
    else:
        found = t.emit(f"trunc i64 {found} to i32") if width == "i64" else found
        t.write(i.operands[0], found, "u32")


@form("fns", ".b32 d, a, b, c:s32")
def nth(t, i):
    """Position of the n-th set bit from base, upwards for n > 0, downwards for n < 0, base itself for n = 0."""
    t.define("fns", FNS)
    mask, base, n = (t.read(x, "b32") for x in i.operands[1:4])
    t.write(i.operands[0], t.emit(f"call i32 @fns(i32 {mask}, i32 {base}, i32 {n})"), "b32")


FNS = """define internal i32 @fns(i32 %mask, i32 %base, i32 %n) {
entry:
  %none = icmp eq i32 %n, 0
  %at = and i32 %base, 31
  %here = lshr i32 %mask, %at
  %set = trunc i32 %here to i1
  %itself = select i1 %set, i32 %base, i32 -1
  br i1 %none, label %zero, label %search
zero:
  ret i32 %itself
search:
  %up = icmp sgt i32 %n, 0
  %by = select i1 %up, i32 1, i32 -1
  %minus = sub i32 0, %n
  %count = select i1 %up, i32 %n, i32 %minus
  br label %loop
loop:
  %i = phi i32 [ %base, %search ], [ %next, %on ]
  %left = phi i32 [ %count, %search ], [ %rest, %on ]
  %inside = icmp ult i32 %i, 32
  br i1 %inside, label %look, label %out
look:
  %bits = lshr i32 %mask, %i
  %bit = and i32 %bits, 1
  %rest = sub i32 %left, %bit
  %done = icmp eq i32 %rest, 0
  br i1 %done, label %found, label %on
on:
  %next = add i32 %i, %by
  br label %loop
found:
  ret i32 %i
out:
  ret i32 -1
}"""


def byte_of_mode(t, mode, s, n):
    """Which byte becomes byte n of the result in a mode of prmt with selector s."""
    match mode:
        case "f4e":
            return t.emit(f"and i32 {t.emit(f'add i32 {s}, {n}')}, 7")
        case "b4e":
            return t.emit(f"and i32 {t.emit(f'sub i32 {s}, {n}')}, 7")
        case "rc8":
            return s
        case "ecl":
            return t.call("llvm.umax.i32", "i32", ("i32", s), ("i32", str(n)))
        case "ecr":
            return t.call("llvm.umin.i32", "i32", ("i32", s), ("i32", str(n)))
    odd = t.emit(f"and i32 {s}, 1")  # rc16: one half twice, 0 1 0 1 or 2 3 2 3
    return t.emit(f"or i32 {t.emit(f'shl i32 {odd}, 1')}, {n & 1}")


@form("prmt", ".b32{.f4e|b4e|rc8|ecl|ecr|rc16} d, a, b, c")
def permute(t, i):
    """Four of the eight bytes of b:a, chosen by the nibbles of c; a nibble's highest bit spreads the byte's sign."""
    modes = ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16")
    a, b, c = (t.read(x, "b32") for x in i.operands[1:4])
    low, high = t.emit(f"zext i32 {a} to i64"), t.emit(f"zext i32 {b} to i64")
    both = t.emit(f"or i64 {t.emit(f'shl i64 {high}, 32')}, {low}")
    mode = next((m for m in i.modifiers if m in modes), None)
    value = "0"
    for n in range(4):
        if mode is None:
            nibble = t.emit(f"and i32 {t.emit(f'lshr i32 {c}, {4 * n}')}, 15")
            which = t.emit(f"and i32 {nibble}, 7")
        else:
            which = byte_of_mode(t, mode, t.emit(f"and i32 {c}, 3"), n)
        by = t.emit(f"zext i32 {t.emit(f'shl i32 {which}, 3')} to i64")
        byte = t.emit(f"trunc i64 {t.emit(f'lshr i64 {both}, {by}')} to i8")
        if mode is None:
            spread = t.emit(f"icmp ugt i32 {nibble}, 7")
            sign = t.emit(f"ashr i8 {byte}, 7")
            byte = t.emit(f"select i1 {spread}, i8 {sign}, i8 {byte}")
        wide = t.emit(f"zext i8 {byte} to i32")
        value = t.emit(f"or i32 {value}, {t.emit(f'shl i32 {wide}, {8 * n}')}")
    t.write(i.operands[0], value, "b32")
