"""Scopes in braces taken apart: a name that is declared in an inner one gets a name of its own."""

from kernels.gpu.emulator.syntax import Instruction, Label, Register, Symbol, Variable, with_names


def flatten(items, outer, function, taken):
    """Add a scope's items to the function; names that were in use get a number."""
    names = dict(outer)

    def own(name):
        unique = name
        while unique in taken:
            unique = f"{name}#{len(taken)}"
        taken.add(unique)
        names[name] = unique
        return unique

    for item in items:
        if isinstance(item, Label):
            own(item.name)
        elif isinstance(item, Variable):
            function.variables[own(item.name)] = item
        elif isinstance(item, tuple) and item[0] == "registers":
            function.registers |= {own(name): kind for name, kind in item[1].items()}
    for item in items:
        if isinstance(item, list):
            flatten(item, names, function, taken)
        elif isinstance(item, Label):
            function.body.append(Label(names[item.name]))
        elif isinstance(item, Instruction):
            function.body.append(renamed(item, names, function))
        elif isinstance(item, tuple) and item[0] == "targets":
            function.targets[item[1]] = tuple(names.get(label, label) for label in item[2])


def renamed(instruction, names, function):
    """The instruction with the names of its scope; what no register has been declared as is a Symbol."""

    def register(each):
        name = names.get(each.name, each.name)
        is_register = name in function.registers or name.startswith("%") or name in ("_", "WARP_SZ")
        return Register(name, each.negated) if is_register else Symbol(name)

    return with_names(instruction, register, lambda name: names.get(name, name))
