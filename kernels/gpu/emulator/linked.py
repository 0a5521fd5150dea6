"""Several PTX texts made one module, as a linker does: Numba gives one for each function that it does not inline.

What a text declares .extern another defines; of several .weak or .common definitions one is taken, and a definition
without either beats them. What a text calls neither .visible nor so is its own: it gets another name where others have
the same. Lines are counted through all texts, one behind the other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.syntax import Function, Instruction, Label, Module, Variable, with_names

YIELDS = ("weak", "common")  # a definition to another of the same name


def linked(texts: Sequence[str]) -> Module:
    """The module that texts are together. Raises PtxError for what is no PTX, and for what two of them define."""
    modules, first = [], 1
    for text in texts:
        modules.append(parse(text, first))
        first += text.count("\n") + 1
    if not modules:
        raise PtxError("no PTX: there is no text")
    count = Counter(name for module in modules for name in (*module.functions, *module.variables))
    whole = Module(modules[0].version, modules[0].target)
    for number, module in enumerate(modules):
        symbols: dict[str, Function | Variable] = {**module.functions, **module.variables}
        own = {name: f"{name}#{number}" for name, each in symbols.items() if not each.linkage and count[name] > 1}
        for function in module.functions.values():
            take(whole.functions, renamed(function, own), function.body is not None, function.line)
        for variable in module.variables.values():
            pointers = tuple((at, replace(s, name=own.get(s.name, s.name))) for at, s in variable.pointers)
            variable = replace(variable, name=own.get(variable.name, variable.name), pointers=pointers)
            take(whole.variables, variable, variable.linkage != "extern", None)
    return whole


def take(known, new: Function | Variable, is_defined: bool, line: int | None) -> None:
    """Add a definition or declaration to those of the same name. Raises PtxError for a second definition."""
    old = known.get(new.name)
    if old is None:
        known[new.name] = new
        return
    was_defined = old.body is not None if isinstance(old, Function) else old.linkage != "extern"
    if not is_defined or (was_defined and new.linkage in YIELDS):
        return
    if was_defined and old.linkage not in YIELDS:
        raise PtxError(f"{new.name}: two texts define it", line)
    known[new.name] = new


def renamed(function: Function, own: dict[str, str]) -> Function:
    """A function with other names for symbols of its text; what it declares itself keeps its name."""
    inside = {*function.variables, *function.registers, *(i.name for i in function.body or () if isinstance(i, Label))}
    names = {name: new for name, new in own.items() if name not in inside}
    if not own:
        return function

    def item(each: Instruction | Label):
        return (
            with_names(each, lambda r: r, lambda name: names.get(name, name)) if isinstance(each, Instruction) else each
        )

    body = None if function.body is None else [item(each) for each in function.body]
    return replace(function, name=own.get(function.name, function.name), body=body)
