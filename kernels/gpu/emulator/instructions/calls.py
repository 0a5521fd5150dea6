"""Calls that inlining has left over: of the few functions that CUDA itself provides (CUDA C++, 10.35 and 10.38).

Those of cooperative groups are in libcudadevrt, which a kernel is linked with: a handle of all threads of the grid, and
the barrier at which they wait for each other. There is one grid, so the handle says nothing.
"""

from dataclasses import replace

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.inline import parts
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.syntax import Address, Symbol

# By name: where in the record of a block the address of what does it stands, types of arguments and of the result, and
# how many arguments there are: of an assertion also the size of a character, which is not passed on.
KNOWN = {
    "vprintf": (layout.PRINT, ("i64", "i64"), "i32", 2),
    "__assertfail": (layout.PRINT + 8, ("i64", "i64", "i32", "i64"), "void", 5),
    "malloc": (layout.HEAP, ("i64",), "i64", 1),
    "free": (layout.HEAP + 8, ("i64",), "i32", 1),
}
GRID = {"cudaCGGetIntrinsicHandle": 1, "cudaCGSynchronize": 2}  # how many arguments each takes


@opcode("call")
def call(t, i):
    results, name, arguments = parts(i)
    if name not in KNOWN and name not in GRID:
        raise PtxError(f"call of {name} is not executed")
    count = GRID[name] if name in GRID else KNOWN[name][3]
    if len(arguments) != count:
        raise PtxError(f"call of {name}: {len(arguments)} arguments, it takes {count}")
    t.is_ordered = (
        True  # what is printed comes in the order of the blocks, and those that wait for each other take turns
    )
    if name == "cudaCGGetIntrinsicHandle":
        give(t, results, "1", "i64")
    elif name == "cudaCGSynchronize":
        t.stop("grid", at=replace(i, opcode=name, modifiers=()))
        give(t, results, "0", "i32")
    else:
        of_c(t, results, name, arguments)


def of_c(t, results, name, arguments):
    """Call a function of this process."""
    offset, kinds, kind, _ = KNOWN[name]
    given = []
    for argument, each in zip(arguments, kinds, strict=False):
        if isinstance(argument, Symbol):
            pointer = t.pointer(Address(argument, 0), "param")
            given.append(f"{each} {t.emit(f'load {each}, ptr {pointer}')}")
        else:
            given.append(f"{each} {t.read(argument, each.replace('i', 'b'))}")
    at = t.emit(f"getelementptr i8, ptr %block, i64 {offset}")
    function = t.emit(f"load ptr, ptr {at}")
    if kind == "void":
        t.emit_void(f"call void {function}({', '.join(given)})")
        t.emit_void(f"ret i32 {layout.TRAP}")
        t.begin(t.label("behind"))  # which nobody reaches
        return
    value = t.emit(f"call {kind} {function}({', '.join(given)})")
    if name == "free":  # it tells whether something went wrong
        bad, good = t.label("bad"), t.label("good")
        t.emit_void(f"br i1 {t.emit(f'icmp ne i32 {value}, 0')}, label %{bad}, label %{good}")
        t.begin(bad)
        t.emit_void(f"ret i32 {layout.TRAP}")
        t.begin(good)
    give(t, results, value, kind)


def give(t, results, value, kind):
    """What a call gives, to a variable or to a register."""
    for result in results:
        if isinstance(result, Symbol):
            t.emit_void(f"store {kind} {value}, ptr {t.pointer(Address(result, 0), 'param')}")
        else:
            t.write(result, value, kind.replace("i", "b"))
