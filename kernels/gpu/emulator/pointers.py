"""Addresses of functions: numbers that no memory has, and calls of them.

A call of an address becomes a comparison with that of each function whose address the text takes anywhere and which
takes as many arguments and results of the same sizes; behind them all stands a trap.
"""

from dataclasses import replace

from kernels.gpu.emulator.syntax import Constant, Function, Instruction, Label, Module, Register, Symbol

FIRST, STEP = 2**40, 16


def addresses(module: Module) -> dict[str, int]:
    """Of all functions of a module, by name."""
    return {name: FIRST + STEP * n for n, name in enumerate(module.functions)}


def taken(module: Module) -> list[Function]:
    """Functions with a body whose address stands in an instruction or in an initial value."""
    names = {symbol.name for variable in module.variables.values() for _, symbol in variable.pointers}
    for function in module.functions.values():
        for item in function.body or ():
            if isinstance(item, Instruction) and item.opcode not in ("call", "bra"):
                names.update(each.name for each in item.operands if isinstance(each, Symbol))
    return [each for name, each in module.functions.items() if name in names and each.body is not None]


def candidates(functions: list[Function], results, arguments, sizes: dict[str, int | None]) -> list[Function]:
    """Those of some functions that a call with such operands may call; sizes of variables in bytes."""

    def fits(actual, formal):
        if len(actual) != len(formal):
            return False
        known = ((sizes.get(a.name), f.size) for a, f in zip(actual, formal, strict=True) if isinstance(a, Symbol))
        return all(have is None or have == wanted for have, wanted in known)

    return [each for each in functions if fits(results, each.results) and fits(arguments, each.parameters)]


def choices(item: Instruction, address, results, arguments, functions, numbers, number: int):
    """Instructions and labels that call the function at an address by its name."""
    like = replace(item, predicate=None)
    predicate, done = Register(f"%at@{number}"), f"called@{number}"
    for n, function in enumerate(functions):
        behind = f"not@{number}.{n}"
        given = Constant(numbers[function.name])
        yield replace(like, opcode="setp", modifiers=("ne", "b64"), operands=(predicate, address, given))
        yield replace(like, opcode="bra", modifiers=(), operands=(Symbol(behind),), predicate=predicate)
        yield replace(like, operands=(results, Symbol(function.name), arguments))
        yield replace(like, opcode="bra", modifiers=(), operands=(Symbol(done),))
        yield Label(behind)
    yield replace(like, opcode="trap", modifiers=(), operands=())
    yield Label(done)
