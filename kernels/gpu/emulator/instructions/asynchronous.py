"""Copies that are under way while a thread goes on (PTX ISA 9.7.9.25): cp.async.

A copy is done when the thread waits for it, so that a kernel that reads without waiting finds what was there before, as
it may on a GPU. Until then it stands in a queue in the thread's local memory: two words that count copies done and
begun and one that counts groups, then for each copy where to and where from, bytes to write and to read, its group, and
its number among the accesses. In a full queue the oldest copy is done early, as a GPU may do any. Checked mode refuses
who reads what a copy under way will write (checks.py).
"""

from dataclasses import replace

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions import mbarriers
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.syntax import Register, Variable
from kernels.gpu.emulator.translation import Access

QUEUE = "%copies"  # a name that no variable of PTX has
MOST = 64  # copies under way in a thread, a power of 2
HEAD, ENTRY = 16, 32  # bytes
REFUSED = "of copies only cp.async.ca, .cg, .commit_group, .wait_group, .wait_all and .mbarrier.arrive are executed"
SIZES = {"ca": (4, 8, 16), "cg": (16,)}


def queued(function) -> None:
    """Give a kernel that begins copies a queue of them."""
    if any(getattr(item, "opcode", "") == "cp" for item in function.body):
        function.variables[QUEUE] = Variable(QUEUE, "local", "b8", 16, HEAD + MOST * ENTRY)


def forms():
    """[to], [from], bytes {, bytes to read | predicate to read none} {, policy}."""
    begins, prefetch = ".async.ca|cg.shared|shared::cta.global", "{.L2::64B|L2::128B|L2::256B}"
    for more in ("", ", c:u32", ", c:pred"):
        yield f"{begins}{prefetch} [a], [b], n{more}"
        yield f"{begins}.L2::cache_hint{prefetch} [a], [b], n{more}, h:u64"
    yield ".async.commit_group"
    yield ".async.wait_group n"
    yield ".async.wait_all"
    yield ".async.mbarrier.arrive{.noinc}{.shared|shared::cta}.b64 [a]"


@form("cp", *forms(), otherwise=lambda i: REFUSED)
def copy(t, i):
    for name, function in COPY_TO_THE_QUEUE.items():
        t.define(name, function(t.watched))
    start = t.places.locals[QUEUE][0]
    t.begins[QUEUE] = (
        f"%queue = getelementptr i8, ptr %local, i64 {start}",
        f"call void @llvm.memset.p0.i64(ptr %queue, i8 0, i64 {HEAD}, i1 false)",
    )
    t.define("llvm.memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    queue = t.emit(f"getelementptr i8, ptr %local, i64 {start}")
    if i.has("ca", "cg"):
        begin(t, i, queue)
        return
    groups = t.emit(f"getelementptr i8, ptr {queue}, i64 8")
    group = t.emit(f"load i32, ptr {groups}")
    following = t.emit(f"add i32 {group}, 1")
    if i.has("commit_group"):
        t.emit_void(f"store i32 {following}, ptr {groups}")
    elif i.has("wait_group"):
        wait(t, queue, t.emit(f"sub i32 {group}, {t.read(i.operands[0], 'u32')}"))
    elif i.has("wait_all"):
        wait(t, queue, following)
    else:
        wait(t, queue, following)  # now, as a GPU may: the barrier cannot be passed before
        if i.has("noinc"):  # otherwise an arrival is added to what is pending first, and nothing changes
            mbarriers.arrive(t, i, i.operands[0], "1")


def begin(t, i, queue):
    to, source, size, *more = i.operands
    how = "ca" if i.has("ca") else "cg"
    if size.value not in SIZES[how]:
        raise PtxError(f".{how} copies {', '.join(map(str, SIZES[how]))} bytes")
    if i.has("L2::cache_hint"):
        more.pop()
    bytes = int(size.value)
    given = str(bytes)
    if more and isinstance(more[0], Register) and t.home.get(more[0].name) == "i1":
        given = t.emit(f"select i1 {t.read(more[0], 'pred')}, i32 0, i32 {bytes}")
    elif more:
        given = t.call("llvm.umin.i32", "i32", ("i32", t.read(more[0], "u32")), ("i32", str(bytes)))
    target, origin = t.pointer(to, "shared"), t.pointer(source, "global")
    if t.watched and more:  # of nothing no address is read, whatever it is
        reads, done = t.label("reads"), t.label("done")
        t.emit_void(f"br i1 {t.emit(f'icmp ne i32 {given}, 0')}, label %{reads}, label %{done}")
        t.begin(reads)
        t.access("load", "global", origin, bytes, given)
        t.emit_void(f"br label %{done}")
        t.begin(done)
    else:
        t.access("load", "global", origin, bytes)
    t.access("store", "shared", target, bytes)  # from now on it may be written, and when it is waited for it is
    if t.watched:
        t.accesses[-1] = replace(t.accesses[-1], is_under_way=True)
    t.accesses.append(Access("store", "shared", bytes, i, t.at[0].number))
    arguments = f"ptr {target}, ptr {origin}, i32 {bytes}, i32 {given}, i32 {len(t.accesses) - 1}"
    checked(t, t.emit(f"call i32 @copies.begin(ptr %thread, ptr %block, ptr {queue}, {arguments})"))


def wait(t, queue, until):
    """Do the copies of all groups before one."""
    checked(t, t.emit(f"call i32 @copies.wait(ptr %thread, ptr %block, ptr {queue}, i32 {until})"))


def checked(t, refused):
    """End where whoever watches has refused an access."""
    if not t.watched:
        return
    bad, good = t.label("bad"), t.label("good")
    t.emit_void(f"br i1 {t.emit(f'icmp ne i32 {refused}, 0')}, label %{bad}, label %{good}")
    t.begin(bad)
    t.emit_void(f"ret i32 {layout.FAULT}")
    t.begin(good)


def entry(count):
    """LLVM for %entry: where in the queue copy number `count` stands."""
    return f"""  %slot = and i32 {count}, {MOST - 1}
  %wide = zext i32 %slot to i64
  %bytes.before = mul i64 %wide, {ENTRY}
  %offset = add i64 %bytes.before, {HEAD}
  %entry = getelementptr i8, ptr %queue, i64 %offset"""


FIELDS = {"to": ("ptr", 0), "from": ("ptr", 8), "bytes": ("i32", 16), "given": ("i32", 20), "group": ("i32", 24),
          "number": ("i32", 28)}  # fmt: skip


def fields(what):
    """LLVM that loads an entry's fields as %to, %from ..., or stores them."""
    for name, (kind, offset) in FIELDS.items():
        yield f"  %{name}.at = getelementptr i8, ptr %entry, i64 {offset}"
        if what == "load":
            yield f"  %{name} = load {kind}, ptr %{name}.at"
        else:
            yield f"  store {kind} %{name}, ptr %{name}.at"


def ask(is_watched):
    """LLVM that asks whoever watches about the bytes that are now written."""
    if not is_watched:
        return "  br label %good"
    return f"""  %touch.at = getelementptr i8, ptr %block, i64 {layout.TOUCH}
  %touch = load ptr, ptr %touch.at
  %address = ptrtoint ptr %to to i64
  %refused = call i32 %touch(ptr %thread, ptr %block, i64 %address, i32 %bytes, i32 %number)
  %is.refused = icmp ne i32 %refused, 0
  br i1 %is.refused, label %bad, label %good
bad:
  ret i32 1"""


def next_copied(is_watched):
    """Do the oldest copy: what is not read is written as zeros."""
    return f"""define internal i32 @copies.next(ptr %thread, ptr %block, ptr %queue) noinline {{
  %done = load i32, ptr %queue
{entry("%done")}
{chr(10).join(fields("load"))}
{ask(is_watched)}
good:
  %after = add i32 %done, 1
  store i32 %after, ptr %queue
  %all = icmp eq i32 %given, 16
  br i1 %all, label %whole, label %loop
whole:
  %value = load i128, ptr %from, align 1
  store i128 %value, ptr %to, align 1
  ret i32 0
loop:
  %n = phi i32 [0, %good], [%m, %put]
  %n.wide = zext i32 %n to i64
  %is.read = icmp ult i32 %n, %given
  br i1 %is.read, label %get, label %put
get:
  %from.n = getelementptr i8, ptr %from, i64 %n.wide
  %got = load i8, ptr %from.n
  br label %put
put:
  %byte = phi i8 [0, %loop], [%got, %get]
  %to.n = getelementptr i8, ptr %to, i64 %n.wide
  store i8 %byte, ptr %to.n
  %m = add i32 %n, 1
  %more = icmp ult i32 %m, %bytes
  br i1 %more, label %loop, label %end
end:
  ret i32 0
}}"""


def begun(_):
    """Put a copy in the queue; in a full one do the oldest first."""
    return f"""define internal i32 @copies.begin(ptr %thread, ptr %block, ptr %queue, ptr %to, ptr %from, i32 %bytes,
    i32 %given, i32 %number) noinline {{
  %begun.at = getelementptr i8, ptr %queue, i64 4
  %begun = load i32, ptr %begun.at
  %done = load i32, ptr %queue
  %count = sub i32 %begun, %done
  %full = icmp eq i32 %count, {MOST}
  br i1 %full, label %early, label %room
early:
  %refused = call i32 @copies.next(ptr %thread, ptr %block, ptr %queue)
  %is.refused = icmp ne i32 %refused, 0
  br i1 %is.refused, label %bad, label %room
bad:
  ret i32 1
room:
  %groups = getelementptr i8, ptr %queue, i64 8
  %group = load i32, ptr %groups
{entry("%begun")}
{chr(10).join(fields("store"))}
  %after = add i32 %begun, 1
  store i32 %after, ptr %begun.at
  ret i32 0
}}"""


def waited(_):
    """Do the copies of all groups before %until; counts may wrap."""
    return f"""define internal i32 @copies.wait(ptr %thread, ptr %block, ptr %queue, i32 %until) noinline {{
start:
  %begun.at = getelementptr i8, ptr %queue, i64 4
  %begun = load i32, ptr %begun.at
  br label %loop
loop:
  %done = load i32, ptr %queue
  %none = icmp eq i32 %done, %begun
  br i1 %none, label %end, label %look
look:
{entry("%done")}
  %group.at = getelementptr i8, ptr %entry, i64 {FIELDS["group"][1]}
  %group = load i32, ptr %group.at
  %ahead = sub i32 %group, %until
  %is.before = icmp slt i32 %ahead, 0
  br i1 %is.before, label %do, label %end
do:
  %refused = call i32 @copies.next(ptr %thread, ptr %block, ptr %queue)
  %is.refused = icmp ne i32 %refused, 0
  br i1 %is.refused, label %bad, label %loop
bad:
  ret i32 1
end:
  ret i32 0
}}"""


COPY_TO_THE_QUEUE = {"copies.next": next_copied, "copies.begin": begun, "copies.wait": waited}
