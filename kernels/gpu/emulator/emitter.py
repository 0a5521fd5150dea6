"""What instructions/ writes LLVM with: operands read, results written, memory reached, a thread stopped."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.endings import uncertain
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.flow import CARRY, Block, Liveness, blocks, names, read, written
from kernels.gpu.emulator.origins import Origins
from kernels.gpu.emulator.places import HEAP, HEAP_BYTES, OF_HEAP, Places, aligned, mentioned
from kernels.gpu.emulator.routines import FRAME, STACK
from kernels.gpu.emulator.spins import spins
from kernels.gpu.emulator.syntax import (
    Address,
    Constant,
    Function,
    Instruction,
    Module,
    Register,
    Symbol,
    Variable,
    constant_bits,
)
from kernels.gpu.emulator.translation import Access, Stop
from kernels.gpu.emulator.types import BITS, is_signed, llvm
from kernels.gpu.emulator.values import literal, width


class Emitter:
    """LLVM text that grows. `item` is the instruction that is translated, `at` its block and index there."""

    def __init__(self, function: Function, module: Module, watched: bool, checked: bool = False):
        # They import this module's users, and are only needed once all is loaded.
        from kernels.gpu.emulator.instructions import OPCODES, SPECIAL, asynchronous

        asynchronous.queued(function)
        self.opcodes, self.special = OPCODES, SPECIAL
        self.function, self.module, self.watched, self.checked = function, module, watched or checked, checked
        self.blocks = blocks(function)
        self.origins = Origins(function, module) if checked else None
        self.liveness = Liveness(self.blocks, function.registers)
        instructions = [item for block in self.blocks for item in block.instructions]
        if any(item.opcode == "call" and not mentioned(item).isdisjoint(OF_HEAP) for item in instructions):
            function.variables[HEAP] = Variable(HEAP, "global", "b8", 256, HEAP_BYTES)
        self.places = Places(function, module, instructions, checked)
        used = {name for item in instructions for name in (*read(item), *written(item))}
        # Registers by number, and the LLVM type that each is kept in.
        self.index = {name: i for i, name in enumerate((*function.registers, CARRY)) if name in used}
        self.home = home_types(function) | {CARRY: "i1"}
        self.lines: list[str] = []
        self.fresh = 0
        self.declared: dict[str, str] = {}  # LLVM's and our own functions that are called, by name
        self.begins: dict[str, tuple[str, ...]] = {}  # LLVM instructions that a thread begins with, by what for
        self.stops: list[Stop] = []
        self.accesses: list[Access] = []
        self.slots: dict[str, int] = {}  # where registers are saved in a thread's record
        self.slot_bytes = 0
        self.spins = spins(self.blocks)
        self.uncertain = {} if checked else uncertain(self.blocks)
        self.is_ordered = False
        self.item: Instruction
        self.at: tuple[Block, int]

    def emit(self, text: str) -> str:
        """Add an LLVM instruction; returns the name of its result."""
        self.fresh += 1
        self.lines.append(f"  %v{self.fresh} = {text}")
        return f"%v{self.fresh}"

    def emit_void(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, hint: str = "l") -> str:
        self.fresh += 1
        return f"{hint}.{self.fresh}"

    def begin(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def call(self, name: str, result: str, *arguments: tuple[str, str], attributes: str = "") -> str:
        """A call of an LLVM intrinsic or of a function of the C library; arguments as (type, value)."""
        kinds = ", ".join(kind for kind, _ in arguments)
        self.declared.setdefault(name, f"declare {result} @{name}({kinds}) {attributes}")
        given = ", ".join(f"{kind} {value}" for kind, value in arguments)
        return self.emit(f"call {result} @{name}({given})")

    def define(self, name: str, text: str) -> None:
        """Have a function of this name, written in LLVM, in the module once."""
        self.declared.setdefault(name, text)

    def only(self, item: Instruction, *allowed: str) -> None:
        """Refuse modifiers that are neither types nor allowed."""
        for modifier in item.modifiers:
            if modifier not in allowed and modifier not in BITS:
                raise PtxError(f".{modifier} is not executed", None)

    # operands

    def read(self, operand, kind: str) -> str:
        """The value of an operand as a PTX type, in the LLVM type of that name."""
        want = llvm(kind)
        match operand:
            case Constant():
                return literal(constant_bits(operand, kind), want)
            case Register(name) if name in self.index:
                home = self.home[name]
                value = self.emit(f"load {home}, ptr %r{self.index[name]}")
                if (kind == "pred") != (home == "i1"):
                    raise PtxError(f"{name} is {'a predicate' if home == 'i1' else 'no predicate'}")
                if operand.negated and kind != "pred":
                    raise PtxError(f"!{name}: only a predicate can be negated")
                value = self.cast(value, home, want, name)
                return self.emit(f"xor i1 {value}, true") if operand.negated else value
            case Register(name) if name in self.special and kind != "pred":
                value, width = self.special[name](self)
                return self.cast(value, f"i{width}", want, name)
            case Register("WARP_SZ"):
                return "32"
            case Register(name):
                raise PtxError(f"{name}: a register that is declared nowhere, and none of the special ones")
            case Symbol():
                return self.cast(self.address_in_space(operand)[0], "i64", want, operand.name)
        raise PtxError("an operand of this form does not stand here")

    def cast(self, value: str, have: str, want: str, name: str) -> str:
        """Bits of one LLVM type as another of at most as many."""
        if have == want:
            return value
        bits, wanted = width(have), width(want)
        if wanted > bits:
            raise PtxError(f"{name} has {bits} bits, {wanted} are needed")
        if have in ("float", "double"):
            value, have = self.emit(f"bitcast {have} {value} to i{bits}"), f"i{bits}"
        if wanted < bits:
            value = self.emit(f"trunc {have} {value} to i{wanted}")
        return self.emit(f"bitcast i{wanted} {value} to {want}") if want in ("float", "double") else value

    def write(self, operand, value: str, kind: str) -> None:
        """Store a value of a PTX type in a register, which may be wider: it is extended as the type's sign says."""
        if not isinstance(operand, Register):
            raise PtxError("the destination is no register")
        if operand.name == "_":
            return
        if operand.name not in self.index:
            raise PtxError(f"{operand.name}: a register that is declared nowhere")
        home, have = self.home[operand.name], llvm(kind)
        if (kind == "pred") != (home == "i1"):
            raise PtxError(f"{operand.name} is {'a predicate' if home == 'i1' else 'no predicate'}")
        if have != home:
            bits, room = width(have), width(home)
            if bits > room:
                raise PtxError(f"{operand.name} has {room} bits, the result has {bits}")
            if have in ("float", "double"):
                value, have = self.emit(f"bitcast {have} {value} to i{bits}"), f"i{bits}"
            if bits < room:
                value = self.emit(f"{'sext' if is_signed(kind) else 'zext'} {have} {value} to i{room}")
            if home in ("float", "double"):
                value = self.emit(f"bitcast i{room} {value} to {home}")
        self.emit_void(f"store {home} {value}, ptr %r{self.index[operand.name]}")

    # memory

    def address_in_space(self, symbol: Symbol) -> tuple[str, str]:
        """(address as i64 in the variable's own space, space) of a variable."""
        name, offset = symbol.name, symbol.offset
        if name in self.places.parameters:
            return str(self.places.parameters[name][0] + offset), "param"
        if name in self.function.frames:
            frame = self.read(Register(FRAME), "u64")
            stack, _ = self.places.locals[STACK]
            return self.emit(f"add i64 {frame}, {stack + self.function.frames[name] + offset}"), "local"
        if name in self.places.locals:
            return str(self.places.locals[name][0] + offset), "local"
        if name in self.places.shared:
            return str(self.places.shared[name][0] + offset), "shared"
        if name in self.places.statics:
            base = self.emit("ptrtoint ptr %statics to i64")
            return self.emit(f"add i64 {base}, {self.places.statics[name][0] + offset}"), self.places.statics[name][
                1
            ].space
        if name in self.places.functions:
            return str(self.places.functions[name] + offset), "global"
        raise PtxError(f"{name}: declared nowhere")

    def check_inside(self, name: str, offset: int) -> None:
        """Refuse an address outside of the variable that it names."""
        for known in (self.places.parameters, self.places.locals, self.places.shared, self.places.statics):
            size = known[name][1].size if name in known else None
            if size is not None and not 0 <= offset < max(size, 1):
                raise PtxError(f"{name}{offset:+}: {name} has {size} bytes")

    def pointer(self, operand: Address, space: str | None) -> str:
        """Where in the memory of this process an address is. space: "global" ... or None, generic."""
        if not isinstance(operand, Address):
            raise PtxError("an address in brackets is needed")
        base, offset = operand.base, operand.offset
        if isinstance(base, Symbol):
            self.check_inside(base.name, base.offset + offset)
            address, found = self.address_in_space(Symbol(base.name, base.offset + offset))
            if space == "param" and found == "local":  # a parameter of a call
                space = "local"
            elif space == "param" and found != "param":
                raise PtxError(f"{base.name} is no parameter")
            elif space is None and found in ("shared", "local"):
                space = found
            elif space and found != space and {found, space} != {"global", "const"}:
                raise PtxError(f"{base.name} is in {found} memory")
        elif base is None:
            address = str(offset)
        else:
            if self.function.registers.get(base.name, "u64") not in ("b32", "u32", "s32", "b64", "u64", "s64"):
                raise PtxError(f"{base.name} holds no address")
            bits = width(self.home.get(base.name, "i64"))
            address = self.read(base, f"u{bits}" if bits in (32, 64) else "u64")
            if bits == 32:
                address = self.emit(f"zext i32 {address} to i64")
            if offset:
                address = self.emit(f"add i64 {address}, {offset}")
        window = {"shared": "%shared", "local": "%local", "param": "%params"}.get(space or "")
        if window:
            return self.emit(f"getelementptr i8, ptr {window}, i64 {address}")
        return self.emit(f"inttoptr i64 {address} to ptr")

    def access(self, what: str, space: str | None, pointer: str, size: int, touched: str = "") -> None:
        """Announce an access to memory to whoever watches. touched: bytes, if only an i32 knows how many of `size`."""
        if not self.watched or space == "param":
            return
        origins = frozenset[str]()
        if self.origins and space in ("global", None):
            origins = self.origins.of(self.item)
        self.accesses.append(Access(what, space or "generic", size, self.item, self.at[0].number, origins))
        at = self.emit(f"getelementptr i8, ptr %block, i64 {layout.TOUCH}")
        function = self.emit(f"load ptr, ptr {at}, !invariant.load !0")
        address = self.emit(f"ptrtoint ptr {pointer} to i64")
        about = f"i64 {address}, i32 {touched or size}, i32 {len(self.accesses) - 1}"
        refused = self.emit(f"call i32 {function}(ptr %thread, ptr %block, {about})")
        wrong = self.emit(f"icmp ne i32 {refused}, 0")
        bad, good = self.label("bad"), self.label("good")
        self.emit_void(f"br i1 {wrong}, label %{bad}, label %{good}")
        self.begin(bad)
        self.emit_void(f"ret i32 {layout.FAULT}")
        self.begin(good)

    def announce(self, what: str) -> None:
        """Tell checked mode of what is no access but matters to it: a "fence", or the "turn" of a loop."""
        if self.checked:
            self.access(what, None, "null", 0)

    def turn(self, block: Block) -> None:
        """A turn of a loop ends here: checked mode is told, else a loop that nobody knows to end is counted."""
        self.announce("turn")
        if block.number in self.spins or block.number not in self.uncertain:
            return
        left = self.emit("load i64, ptr %turns")
        left = self.emit(f"sub i64 {left}, {self.uncertain[block.number]}")
        self.emit_void(f"store i64 {left}, ptr %turns")
        lost, on = self.label("lost"), self.label("on")
        self.emit_void(f"br i1 {self.emit(f'icmp slt i64 {left}, 0')}, label %{lost}, label %{on}")
        self.begin(lost)
        self.give_up(layout.LOST)
        self.begin(on)

    def give_up(self, code: int) -> None:
        """End the run here, with a code of layout.py."""
        self.stops.append(Stop("lost", 0, self.item))
        self.emit_void(f"store i32 {len(self.stops)}, ptr %thread")
        self.emit_void(f"ret i32 {code}")

    # stopping

    def stop(self, kind: str, detail: int = 0, deposits: tuple[str, ...] = (), at: Instruction | None = None) -> None:
        """Wait here for others; deposits are i32 values that the scheduler finds in the thread's record.

        at    the instruction that is said to wait, if that is another one
        """
        for n, value in enumerate(deposits):
            cell = self.emit(f"getelementptr i8, ptr %thread, i64 {layout.DEPOSIT + 4 * n}")
            self.emit_void(f"store i32 {value}, ptr {cell}")
        live = [name for name in self.liveness.behind(*self.at) if name in self.index]
        live += [FRAME] if FRAME in self.index and FRAME not in live else []
        for name in live:
            cell, home = self._slot(name)
            value = self.emit(f"load {home}, ptr %r{self.index[name]}")
            self.emit_void(f"store {home} {value}, ptr {cell}")
        self.stops.append(Stop(kind, detail, at or self.item))
        number = len(self.stops)
        self.emit_void(f"store i32 {number}, ptr %thread")
        self.emit_void(f"ret i32 {number}")
        self.begin(f"go{number}")
        for name in live:
            cell, home = self._slot(name)
            value = self.emit(f"load {home}, ptr {cell}")
            self.emit_void(f"store {home} {value}, ptr %r{self.index[name]}")

    def result(self, number: int = 0) -> str:
        """Word `number` of what the scheduler has left for this thread while it waited: an i32."""
        at = self.emit(f"getelementptr i8, ptr %thread, i64 {layout.RESULT + 4 * number}")
        return self.emit(f"load i32, ptr {at}")

    def _slot(self, name):
        """(pointer to where a register is saved, its LLVM type)."""
        home = self.home[name]
        if name not in self.slots:
            size = max(width(home) // 8, 1)
            self.slot_bytes = aligned(self.slot_bytes, size)
            self.slots[name] = layout.SLOTS + self.slot_bytes
            self.slot_bytes += size
        return self.emit(f"getelementptr i8, ptr %thread, i64 {self.slots[name]}"), home


def home_types(function):
    """The LLVM type each register is kept in: of those declared as mere bits, the one that most instructions use."""
    votes: dict[str, int] = dict.fromkeys(function.registers, 0)
    for item in function.body:
        if isinstance(item, Instruction) and item.types:
            weight = 1 if item.types[-1] in ("f32", "f64") else -1
            for operand in item.operands:
                for name in names(operand) if not isinstance(operand, Address) else ():
                    if name in votes:
                        votes[name] += weight
    homes = {}
    for name, kind in function.registers.items():
        if kind in ("b32", "b64"):
            homes[name] = llvm(f"f{BITS[kind]}") if votes[name] > 0 else llvm(kind)
        else:
            homes[name] = llvm(kind)
    return homes
