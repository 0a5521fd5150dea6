"""Calls replaced by the bodies of what they call, so that a kernel is one function that can stop anywhere.

The convention of PTX: arguments and results lie in .param variables of the caller, which in the callee have other
names. So a body is copied with its names changed: parameters to those of the caller, all others to fresh ones. What
calls itself is called: routines.py.
"""

from dataclasses import replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.pointers import addresses, candidates, choices, taken
from kernels.gpu.emulator.routines import FRAME, STACK, STACK_BYTES, Carrier, Routine, as_bits, recursive, settled
from kernels.gpu.emulator.syntax import (
    Constant,
    Function,
    Instruction,
    Label,
    Module,
    Register,
    Symbol,
    Variable,
    Vector,
    with_names,
)

SAVE = ("push", "pop")  # around the call of a routine: instructions that no text has
# Instructions after inlining above which a program is refused.
MOST = 2_000_000
# Functions of no text: what calls.py translates.
PROVIDED = ("vprintf", "__assertfail", "malloc", "free", "cudaCGGetIntrinsicHandle", "cudaCGSynchronize")


def inlined(function: Function, module: Module) -> Function:
    """The function without calls, but for those of routines.py. Raises PtxError for functions that are missing."""
    whole = replace(
        function,
        body=[],
        registers=dict(function.registers),
        variables=dict(function.variables),
        targets=dict(function.targets),
    )
    inliner = Inliner(module, whole, recursive(function, module))
    inliner.add(function, {}, None, None)
    inliner.add_routines()
    return whole


class Inliner:
    """A function that grows. `routine`, where methods take one, is that in which they add, or None in the kernel."""

    def __init__(self, module, whole, called):
        self.module, self.whole, self.called, self.copies = module, whole, called, 0
        self.routines: dict[str, Routine] = {}

    def add(self, function, names, end, routine, source=None):
        """Add a body under new names; `ret` becomes a branch to the label `end`, in a kernel (None) it stays.

        source    of the call, which instructions get that have none
        """
        for item in function.body:
            if len(self.whole.body) > MOST:
                raise PtxError(
                    f"{function.name}: more than {MOST} instructions when its calls are inlined", function.line
                )
            if isinstance(item, Label):
                self.whole.body.append(Label(names.get(item.name, item.name)))
                continue
            item = renamed(item, names)
            if source and not item.source:
                item = replace(item, source=source)
            if item.opcode == "call":
                self.call(item, routine)
            elif item.opcode == "ret" and end is not None:
                self.whole.body.append(replace(item, opcode="bra", modifiers=(), operands=(Symbol(end),)))
            else:
                self.whole.body.append(item)

    def call_address(self, item, routine):
        """A call of an address, by the name of the function there."""
        results, address, arguments = parts(item)
        sizes = {name: variable.size for name, variable in self.whole.variables.items()}
        functions = candidates(taken(self.module), results, arguments, sizes)
        self.copies += 1
        self.declare(routine, {f"%at@{self.copies}": "pred"}, {})
        if item.predicate:
            skip = self.skipped(item)
        numbers, operands = addresses(self.module), (Vector(tuple(results)), Vector(tuple(arguments)))
        for each in choices(item, address, *operands, functions, numbers, self.copies):
            if isinstance(each, Instruction) and each.opcode == "call":
                self.call(each, routine)
            else:
                self.whole.body.append(each)
        if item.predicate:
            self.whole.body.append(Label(skip))

    def skipped(self, item):
        """A branch around a call behind a predicate: the label that it needs."""
        skip = f"skip@{self.copies}"
        unless = replace(item.predicate, negated=not item.predicate.negated)
        self.whole.body.append(Instruction("bra", (), (Symbol(skip),), unless, item.line, item.source))
        return skip

    def call(self, item, routine):
        results, name, arguments = parts(item)
        if not isinstance(name, str):
            self.call_address(item, routine)
            return
        callee = self.module.functions.get(name)
        if name in PROVIDED and (callee is None or callee.body is None):
            self.whole.body.append(item)
            return
        if callee is None or callee.body is None:
            raise PtxError(f"call of {name}: a function that the text does not contain", item.line)
        results = results if callee.results else ()  # declared elsewhere with one that nobody sets: as Numba does void
        given, formal = (*results, *arguments), (*callee.results, *callee.parameters)
        if len(given) != len(formal):
            raise PtxError(f"call of {name}: {len(given)} arguments and results, it takes {len(formal)}", item.line)
        self.copies += 1
        skip = self.skipped(item) if item.predicate else None
        put = self.jump if name in self.called else self.put_in_place
        put(item, callee, list(zip(given, formal, strict=True)), routine)
        if skip:
            self.whole.body.append(Label(skip))

    def put_in_place(self, item, callee, values, routine):
        """The body of a function instead of its call."""
        fresh = self.fresh(callee, routine)
        before: list[Instruction] = []
        after: list[Instruction] = []
        for actual, parameter in values:
            if parameter.space == "reg":
                own = f"{parameter.name}@{self.copies}"
                fresh[parameter.name] = own
                self.declare(routine, {own: parameter.type}, {})
                move = (Register(own), actual) if parameter in callee.parameters else (actual, Register(own))
                moves = before if parameter in callee.parameters else after
                moves.append(Instruction("mov", (as_bits(parameter.type),), move, None, item.line, item.source))
            elif isinstance(actual, Symbol):
                fresh[parameter.name] = actual.name
            else:
                raise PtxError(f"call of {callee.name}: {parameter.name} is given no .param variable", item.line)
        end = f"end@{self.copies}"
        self.whole.body += before
        self.add(callee, fresh, end, routine, item.source)
        self.whole.body += [Label(end), *after]

    def fresh(self, callee, routine) -> dict[str, str]:
        """Names of its own for all that a function declares, which are declared."""
        fresh = {n: f"{n}@{self.copies}" for n in (*callee.registers, *callee.variables)}
        fresh |= {i.name: f"{i.name}@{self.copies}" for i in callee.body if isinstance(i, Label)}
        self.whole.targets |= {
            f"{n}@{self.copies}": tuple(fresh[label] for label in labels) for n, labels in callee.targets.items()
        }
        self.declare(
            routine,
            {fresh[n]: kind for n, kind in callee.registers.items()},
            {fresh[n]: v for n, v in callee.variables.items()},
        )
        return fresh | {n: f"{n}@{self.copies}" for n in callee.targets}

    def declare(self, routine, registers, variables):
        self.whole.registers |= registers
        self.whole.variables |= variables
        if routine:
            routine.registers |= registers
            routine.variables |= {n: v for n, v in variables.items() if v.space in ("local", "param")}

    def jump(self, item, callee, values, routine):
        """A call of a routine, whose body stands elsewhere."""
        called, number, back = self.routine(callee), self.copies, f"back@{self.copies}"
        carrier = Carrier(self.whole, item)
        arguments = [(each, p, f"in@{called.number}.{p.name}") for each, p in values if p in callee.parameters]
        results = [(each, p, f"out@{called.number}.{p.name}") for each, p in values if p not in callee.parameters]
        push, pop = (Instruction(o, (str(number),), (routine, called), None, item.line, item.source) for o in SAVE)
        add = self.whole.body.extend
        for actual, parameter, hint in arguments:
            add(carrier.take(parameter, actual, hint))
        add([push])
        for _, parameter, hint in arguments:
            add(carrier.give(parameter, formal(parameter, called), hint))
        to_be_back = carrier.instruction("mov", ("u32",), Register(called.back), Constant(len(called.returns)))
        add([to_be_back, carrier.instruction("bra", (), Symbol(called.begin)), Label(back), pop])
        for actual, parameter, hint in results:
            add(carrier.give(parameter, actual, hint))
        called.returns.append(back)

    def routine(self, callee):
        """The routine of a function; at its first call its names are declared."""
        if callee.name not in self.routines:
            new = Routine(callee, {}, self.copies)
            self.routines[callee.name] = new
            new.names |= self.fresh(callee, new)
            for parameter in (*callee.results, *callee.parameters):
                own = f"{parameter.name}@{self.copies}"
                new.names[parameter.name] = own
                is_register = parameter.space == "reg"
                self.declare(new, *(({own: parameter.type}, {}) if is_register else ({}, {own: parameter})))
            self.declare(new, {new.back: "b32"}, {})
        return self.routines[callee.name]

    def add_routines(self):
        """The bodies of all routines, which may call others, behind the kernel; then what calls save is known."""
        added: set[str] = set()
        while waiting := [name for name in self.routines if name not in added]:
            if not added:
                self.whole.body.append(Instruction("ret", (), (), None, self.whole.line))
            for name in waiting:
                added.add(name)
                self.add_routine(self.routines[name])
        for routine in self.routines.values():
            self.whole.targets[routine.back] = tuple(routine.returns)
            self.whole.frames |= routine.arrange()[0]
        if self.routines:
            self.whole.registers[FRAME] = "b64"
            self.whole.variables[STACK] = Variable(STACK, "local", "b8", 16, STACK_BYTES)
            self.whole.body = [settled(i) if getattr(i, "opcode", "") in SAVE else i for i in self.whole.body]

    def add_routine(self, routine):
        function = routine.function
        self.whole.body.append(Label(routine.begin))
        self.add(function, routine.names, routine.end, routine)
        last = Instruction("brx", ("idx",), (Register(routine.back), Symbol(routine.back)), None, function.line)
        carrier = Carrier(self.whole, last)
        self.whole.body.append(Label(routine.end))
        for result in function.results:
            self.whole.body += carrier.take(result, formal(result, routine), f"out@{routine.number}.{result.name}")
        self.whole.body.append(last)


def formal(parameter, routine):
    """Where a routine has a parameter."""
    name = routine.names[parameter.name]
    return Register(name) if parameter.space == "reg" else Symbol(name)


def parts(item):
    """(results, name, arguments) of call (r), f, (a, b); of call f, (a); and of call f.

    For an address the name is the Register that it is in, and a prototype stands behind.
    """
    operands = list(item.operands)
    results = operands.pop(0).elements if operands and isinstance(operands[0], Vector) else ()
    if not operands or not isinstance(operands[0], Symbol | Register):
        raise PtxError("call: takes (results), function, (arguments)", item.line)
    called = operands.pop(0)
    name = called.name if isinstance(called, Symbol) else called
    arguments = operands.pop(0).elements if operands and isinstance(operands[0], Vector) else ()
    if len(operands) > isinstance(called, Register):
        raise PtxError("call: takes (results), function, (arguments)", item.line)
    return results, name, arguments


def renamed(item, names):
    """The instruction with other names for registers, variables and labels."""
    return with_names(item, lambda each: replace(each, name=names.get(each.name, each.name)), lambda n: names.get(n, n))
