"""What lanes of a warp tell each other (PTX ISA 9.7.9.6, 9.7.13): they wait for each other, warp.py does the rest."""

from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.syntax import Pair
from kernels.gpu.emulator.types import BITS

SHUFFLES = {"up": 0, "down": 1, "bfly": 2, "idx": 3}
VOTES = {"all": 0, "any": 1, "uni": 2, "ballot": 3}
REDUCTIONS = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5}


def before_sync(i):
    return None if i.has("sync") else "without .sync it is of GPUs before 2017, and not executed"


@form("shfl", ".sync.up|down|bfly|idx.b32 d|q?, a, b:u32, c:u32, m:u32", otherwise=before_sync)
def shuffle(t, i):
    """The value of another lane, and whether there is such: deposits are value, lane, clamp with segments, members."""
    (how,) = (SHUFFLES[m] for m in i.modifiers if m in SHUFFLES)
    deposits = tuple(t.read(x, "b32") for x in i.operands[1:5])
    t.stop("shuffle", how, deposits)
    target = i.operands[0]
    if isinstance(target, Pair):
        t.write(target.second, t.emit(f"icmp ne i32 {t.result(1)}, 0"), "pred")
        target = target.first
    t.write(target, t.result(0), "b32")


@form("vote", ".sync.all|any|uni.pred d, a, m:u32", ".sync.ballot.b32 d, a:pred, m:u32", otherwise=before_sync)
def vote(t, i):
    (how,) = (VOTES[m] for m in i.modifiers if m in VOTES)
    own = t.emit(f"zext i1 {t.read(i.operands[1], 'pred')} to i32")
    t.stop("vote", how, (own, t.read(i.operands[2], "b32")))
    if i.has("ballot"):
        t.write(i.operands[0], t.result(), "b32")
    else:
        t.write(i.operands[0], t.emit(f"icmp ne i32 {t.result()}, 0"), "pred")


@form("match", ".any.sync.b32|b64 d:u32, a, m:u32", ".all.sync.b32|b64 d|q?:u32, a, m:u32")
def match(t, i):
    """Lanes with the same value; .all: all of them, or none."""
    bits = BITS[i.type]
    value = t.read(i.operands[1], f"b{bits}")
    wide = t.emit(f"zext i32 {value} to i64") if bits == 32 else value
    low = t.emit(f"trunc i64 {wide} to i32")
    high = t.emit(f"trunc i64 {t.emit(f'lshr i64 {wide}, 32')} to i32")
    t.stop("match", int(i.has("all")), (low, high, t.read(i.operands[2], "b32")))
    target = i.operands[0]
    if isinstance(target, Pair):
        t.write(target.second, t.emit(f"icmp ne i32 {t.result(1)}, 0"), "pred")
        target = target.first
    t.write(target, t.result(0), "b32")


@form("redux", ".sync.add|min|max.u32|s32 d, a, m:u32", ".sync.and|or|xor.b32 d:u32, a:u32, m:u32")
def reduce(t, i):
    (how,) = (REDUCTIONS[m] for m in i.modifiers if m in REDUCTIONS)
    deposits = (t.read(i.operands[1], i.type), t.read(i.operands[2], "b32"))
    t.stop("reduce", how + 8 * (i.type == "s32"), deposits)
    t.write(i.operands[0], t.result(), i.type)


@form("activemask", ".b32 d")
def active(t, i):
    """Lanes that stand here as well when every lane of the warp has come to wait somewhere."""
    t.stop("active")
    t.write(i.operands[0], t.result(), "b32")


@form("elect", ".sync d|q:u32, m:u32")
def elect(t, i):
    """The lowest lane of the members; true there alone."""
    target, members = i.operands
    t.stop("elect", 0, (t.read(members, "b32"),))
    t.write(target.second, t.emit(f"icmp ne i32 {t.result(1)}, 0"), "pred")
    t.write(target.first, t.result(0), "b32")
