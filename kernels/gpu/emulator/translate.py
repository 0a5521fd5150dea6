"""PTX to LLVM: a kernel as one function that runs a thread until it ends or has to wait for others.

    i32 step(ptr thread, ptr block)

It returns 0 when the thread has ended, and the number of a stop where it waits: at a barrier, a shuffle, a vote. Before
it returns it saves the registers that are live there (flow.py) in the thread's record (layout.py); called again, it
loads them and goes on. In between the scheduler (schedule.py) does what the threads wait for.

What one instruction means stands in instructions/, a function for each opcode, which gets this Translator to read its
operands, emit LLVM and write its result.
"""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.emitter import Emitter
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.inline import inlined
from kernels.gpu.emulator.loops import loops
from kernels.gpu.emulator.places import aligned
from kernels.gpu.emulator.syntax import Function, Module
from kernels.gpu.emulator.translation import Translation
from kernels.gpu.emulator.values import zero

STEP = "step"


def translate(
    function: Function, module: Module, watched: bool = False, counted: bool = False, checked: bool = False
) -> Translation:
    """Translate a kernel. Raises PtxError, which names instruction and line, for all that cannot be executed.

    watched    whether each access to memory is announced to the function at layout.TOUCH, which may refuse it
    counted    whether executions of each basic block are counted, and the turns of each loop
    checked    whether it is made for checked mode: watched, told of fences and turns of loops, variables lie apart
    """
    return Translator(function, module, watched, counted, checked).run()


class Translator(Emitter):
    def __init__(self, function, module, watched, counted, checked):
        super().__init__(inlined(function, module), module, watched, checked)
        self.counted = counted
        self.loops = loops(self.blocks) if counted else {}

    def run(self) -> Translation:
        body = []
        for block in self.blocks:
            self.lines = []
            self._block(block)
            body += self.lines
        align = self.places.local_align
        thread_bytes = aligned(layout.SLOTS + self.slot_bytes, align)
        text = "\n".join((*self._head(thread_bytes), *body, "}", *self.declared.values(), ""))
        return Translation(
            name=self.function.name,
            text=text,
            stops=self.stops,
            accesses=self.accesses,
            counted=[block.instructions for block in self.blocks],
            places=self.places,
            thread_bytes=aligned(thread_bytes + self.places.local_bytes, max(align, 64)),
            local_offset=thread_bytes,
            loops=self.loops,
            is_ordered=self.is_ordered,
        )

    def _head(self, local):
        """The function up to its first block: a cell for each register, and where to go on."""
        lines = [f"define i32 @{STEP}(ptr %thread, ptr %block) {{", "entry:"]
        for name, number in self.index.items():
            home = self.home[name]
            lines += [f"  %r{number} = alloca {home}", f"  store {home} {zero(home)}, ptr %r{number}"]
        for name, offset in (("shared", layout.SHARED), ("params", layout.PARAMS), ("statics", layout.STATICS)):
            lines.append(f"  %{name}.at = getelementptr i8, ptr %block, i64 {offset}")
            lines.append(f"  %{name} = load ptr, ptr %{name}.at, !invariant.load !0")
        lines.append(f"  %local = getelementptr i8, ptr %thread, i64 {local}")
        lines.append("  %resume = load i32, ptr %thread")
        if self.uncertain:
            lines += ["  %turns = alloca i64", f"  %turns.at = getelementptr i8, ptr %block, i64 {layout.TURNS}"]
            lines += ["  %turns.most = load i64, ptr %turns.at", "  store i64 %turns.most, ptr %turns"]
        goes_on = [n for n, stop in enumerate(self.stops, 1) if stop.kind != "lost"]
        cases = " ".join(f"i32 {n}, label %go{n}" for n in goes_on)
        lines += [f"  switch i32 %resume, label %begin [{cases}]", "begin:"]
        lines += [f"  {line}" for begin in self.begins.values() for line in begin]
        lines.append("  br label %b0")
        self.declared["!0"] = "!0 = !{}"
        return lines

    def _block(self, block):
        self.lines.append(f"b{block.number}:")
        if self.counted:
            self._count(block.number)
        for i, item in enumerate(block.instructions):
            self.item, self.at = item, (block, i)
            self._instruction(item, block, i)
        if block.falls_through:
            if block.number + 1 < len(self.blocks):
                self.emit_void(f"br label %b{block.number + 1}")
            else:
                self.emit_void("ret i32 0")

    def _count(self, number):
        """One more execution; behind the counters of blocks stand those of the turn that a loop is in."""
        at = self.emit(f"getelementptr i8, ptr %thread, i64 {layout.COUNTS}")
        counts = self.emit(f"load ptr, ptr {at}, !invariant.load !0")
        turns = len(self.blocks)
        for cell in (number, turns + number) if number in self.loops else (number,):
            at = self.emit(f"getelementptr i32, ptr {counts}, i64 {cell}")
            before = self.emit(f"load i32, ptr {at}")
            self.emit_void(f"store i32 {self.emit(f'add i32 {before}, 1')}, ptr {at}")
        for begins in self.blocks[number].next:
            if number not in self.loops.get(begins, {number}):  # the loop is entered from here, if at all
                at = self.emit(f"getelementptr i32, ptr {counts}, i64 {turns + begins}")
                self.emit_void(f"store i32 0, ptr {at}")

    def _instruction(self, item, block, i):
        handler = self.opcodes.get(item.opcode)
        if handler is None:
            raise PtxError(f"{item}: this instruction is not executed", item.line)
        skip = None
        try:
            if item.predicate is not None and item.opcode not in ("bra", "brx"):
                condition = self.read(item.predicate, "pred")
                do, skip = self.label("do"), self.label("skip")
                self.emit_void(f"br i1 {condition}, label %{do}, label %{skip}")
                self.lines.append(f"{do}:")
            handler(self, item)
        except PtxError as error:
            if error.line is None:
                raise PtxError(f"{item}: {error.problem}", item.line) from None
            raise
        except (IndexError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise PtxError(f"{item}: its operands do not fit it", item.line) from error
        if skip:
            if item.opcode not in ("ret", "exit", "trap"):
                self.emit_void(f"br label %{skip}")
            self.lines.append(f"{skip}:")
