"""Calls replaced by the bodies of what they call, so that a kernel is one function that can stop anywhere.

The convention of PTX: arguments and results lie in .param variables of the caller, which in the callee have other
names. So a body is copied with its names changed: parameters to those of the caller, all others to fresh ones.
"""

from dataclasses import replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.syntax import Function, Instruction, Label, Module, Register, Symbol, Vector, with_names
from kernels.gpu.emulator.types import BITS

# Instructions after inlining above which a program is taken for one that calls itself in disguise.
MOST = 2_000_000
# Functions of no text: what calls.py translates.
PROVIDED = ("vprintf", "__assertfail", "cudaCGGetIntrinsicHandle", "cudaCGSynchronize")


def inlined(function: Function, module: Module) -> Function:
    """The function without calls. Raises PtxError for recursion and for functions that are missing."""
    whole = replace(
        function,
        body=[],
        registers=dict(function.registers),
        variables=dict(function.variables),
        targets=dict(function.targets),
    )
    Inliner(module, whole).add(function, {}, None, ())
    return whole


class Inliner:
    def __init__(self, module, whole):
        self.module, self.whole, self.copies = module, whole, 0

    def add(self, function, names, end, callers, source=None):
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
                self.call(item, (*callers, function.name))
            elif item.opcode == "ret" and end is not None:
                self.whole.body.append(replace(item, opcode="bra", modifiers=(), operands=(Symbol(end),)))
            else:
                self.whole.body.append(item)

    def call(self, item, callers):
        results, name, arguments = parts(item)
        callee = self.module.functions.get(name)
        if name in PROVIDED and (callee is None or callee.body is None):
            self.whole.body.append(item)
            return
        if callee is None or callee.body is None:
            raise PtxError(f"call of {name}: a function that the text does not contain", item.line)
        if name in callers:
            raise PtxError(f"call of {name}: it calls itself, which is not executed", item.line)
        given, formal = (*results, *arguments), (*callee.results, *callee.parameters)
        if len(given) != len(formal):
            raise PtxError(f"call of {name}: {len(given)} arguments and results, it takes {len(formal)}", item.line)
        self.copies += 1
        fresh = {n: f"{n}@{self.copies}" for n in (*callee.registers, *callee.variables)}
        fresh |= {i.name: f"{i.name}@{self.copies}" for i in callee.body if isinstance(i, Label)}
        before: list[Instruction] = []
        after: list[Instruction] = []
        for actual, parameter in zip(given, formal, strict=True):
            if parameter.space == "reg":
                own = f"{parameter.name}@{self.copies}"
                fresh[parameter.name], self.whole.registers[own] = own, parameter.type
                move = (Register(own), actual) if parameter in callee.parameters else (actual, Register(own))
                moves = before if parameter in callee.parameters else after
                moves.append(Instruction("mov", (as_bits(parameter.type),), move, None, item.line, item.source))
            elif isinstance(actual, Symbol):
                fresh[parameter.name] = actual.name
            else:
                raise PtxError(f"call of {name}: {parameter.name} is given no .param variable", item.line)
        end = f"end@{self.copies}"
        self.whole.registers |= {fresh[n]: kind for n, kind in callee.registers.items()}
        self.whole.variables |= {fresh[n]: v for n, v in callee.variables.items()}
        self.whole.targets |= {
            f"{n}@{self.copies}": tuple(fresh[label] for label in labels) for n, labels in callee.targets.items()
        }
        fresh |= {n: f"{n}@{self.copies}" for n in callee.targets}
        skip = None
        if item.predicate:  # a call behind a predicate is a branch around it
            skip = f"skip@{self.copies}"
            unless = replace(item.predicate, negated=not item.predicate.negated)
            self.whole.body.append(
                Instruction("bra", (), (Symbol(skip),), unless, item.line, item.source),
            )
        self.whole.body += before
        self.add(callee, fresh, end, callers, item.source)
        self.whole.body += [Label(end), *after]
        if skip:
            self.whole.body.append(Label(skip))


def parts(item):
    """(results, name, arguments) of call (r), f, (a, b); of call f, (a); and of call f."""
    operands = list(item.operands)
    results = operands.pop(0).elements if operands and isinstance(operands[0], Vector) else ()
    if not operands or not isinstance(operands[0], Symbol):
        raise PtxError("call: of an address that is only known when it runs, which is not executed", item.line)
    name = operands.pop(0).name
    arguments = operands.pop(0).elements if operands and isinstance(operands[0], Vector) else ()
    if operands:
        raise PtxError("call: takes (results), function, (arguments)", item.line)
    return results, name, arguments


def as_bits(kind):
    return "pred" if kind == "pred" else f"b{BITS[kind]}"


def renamed(item, names):
    """The instruction with other names for registers, variables and labels."""
    return with_names(item, lambda each: replace(each, name=names.get(each.name, each.name)), lambda n: names.get(n, n))
