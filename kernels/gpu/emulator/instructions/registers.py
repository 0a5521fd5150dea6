"""Special registers (PTX ISA 10)."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.instructions.table import special

AXES = {"x": 0, "y": 1, "z": 2}
VECTORS = {"%tid": ("%thread", layout.TID), "%ntid": ("%block", layout.NTID), "%ctaid": ("%block", layout.CTAID),
           "%nctaid": ("%block", layout.NCTAID)}  # fmt: skip


def word(t, record, offset):
    at = t.emit(f"getelementptr i8, ptr {record}, i64 {offset}")
    return t.emit(f"load i32, ptr {at}, !invariant.load !0")


@special(*(f"{name}.{axis}" for name in VECTORS for axis in AXES))
def index(t, name):
    name, axis = name.split(".")
    record, offset = VECTORS[name]
    return word(t, record, offset + 4 * AXES[axis]), 32


@special("%laneid", "%warpid", "%nwarpid")
def in_warp(t, name):
    if name == "%laneid":
        return word(t, "%thread", layout.LANE), 32
    if name == "%warpid":
        return word(t, "%thread", layout.WARP), 32
    count = "1"
    for axis in range(3):
        count = t.emit(f"mul i32 {count}, {word(t, '%block', layout.NTID + 4 * axis)}")
    return t.emit(f"udiv i32 {t.emit(f'add i32 {count}, 31')}, 32"), 32


@special(*(f"%lanemask_{how}" for how in ("eq", "lt", "le", "gt", "ge")))
def lanes(t, name):
    """A bit for each lane that is equal, less ... than this one."""
    own = t.emit(f"shl i32 1, {word(t, '%thread', layout.LANE)}")
    below = t.emit(f"sub i32 {own}, 1")
    match name[-2:]:
        case "eq":
            return own, 32
        case "lt":
            return below, 32
        case "le":
            return t.emit(f"or i32 {own}, {below}"), 32
        case "ge":
            return t.emit(f"xor i32 {below}, -1"), 32
    both = t.emit(f"or i32 {own}, {below}")
    return t.emit(f"xor i32 {both}, -1"), 32


@special("%clock", "%clock_hi", "%clock64", "%globaltimer", "%globaltimer_lo", "%globaltimer_hi")
def clock(t, name):
    """A count that grows each time it is read: of time there is none here."""
    at = t.emit(f"getelementptr i8, ptr %block, i64 {layout.CLOCK}")
    before = t.emit(f"load volatile i64, ptr {at}")
    now = t.emit(f"add i64 {before}, 1")
    t.emit_void(f"store volatile i64 {now}, ptr {at}")
    if name in ("%clock64", "%globaltimer"):
        return now, 64
    if name.endswith("_hi"):
        now = t.emit(f"lshr i64 {now}, 32")
    return t.emit(f"trunc i64 {now} to i32"), 32


@special("%smid", "%gridid", "%nsmid", "%cluster_ctarank", "%cluster_nctarank")
def alone(t, name):
    """One multiprocessor, one grid, clusters of one block."""
    if name == "%gridid":
        return "0", 64
    return ("1" if name in ("%nsmid", "%cluster_nctarank") else "0"), 32


@special("%dynamic_smem_size", "%total_smem_size")
def shared_size(t, name):
    return word(t, "%block", layout.DYNAMIC if "dynamic" in name else layout.TOTAL), 32


@special("%envreg0", "%envreg1", "%envreg2")
def environment(t, name):
    return "0", 32
