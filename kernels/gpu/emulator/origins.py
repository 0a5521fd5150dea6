"""From which arrays an address can come: of each register, the parameters and variables that lead into its values.

What an instruction reads leads into what it writes, be it a sum, a difference or a choice; only predicates lead
nowhere, nor does an address into what is loaded from it. Memory is one register more: what is stored anywhere may be
loaded anywhere. Registers are written more than once, so these sets only grow, to a fixed point.

They may have too much in them, but nothing is missing. So where all that is left is one array, an address beyond its
end is wrong, wherever it lands: no number knows how far off another array lies.
"""

from collections import defaultdict

from kernels.gpu.emulator.flow import names, written
from kernels.gpu.emulator.places import HEAP
from kernels.gpu.emulator.syntax import Address, Function, Instruction, Module, Symbol

MEMORY = "%memory"  # a register that no one declares
WINDOWS = ("shared", "local", "param")  # spaces in which a number without a name is an address


class Origins:
    """`found` by register: names of parameters and variables, and of windows, which begin with a point."""

    def __init__(self, function: Function, module: Module):
        parameters = {parameter.name for parameter in function.parameters}
        passed = {name for name, variable in function.variables.items() if variable.space == "param"}
        self.types = function.registers
        self.cells = parameters | passed  # what is loaded and stored by its own name
        known = {*module.variables, *function.variables, *parameters} - passed
        self.found = defaultdict(set, {name: {name} for name in known})
        self.leads: dict[str, set[str]] = defaultdict(set)
        for variable in module.variables.values():
            self._lead([symbol.name for _, symbol in variable.pointers], [MEMORY])
        for item in function.body or ():
            if isinstance(item, Instruction):
                self._add(item)
        waiting = list(self.found)
        while waiting:
            source = waiting.pop()
            for target in self.leads[source]:
                if not self.found[source] <= self.found[target]:
                    self.found[target] |= self.found[source]
                    waiting.append(target)

    def of(self, item: Instruction) -> frozenset[str]:
        """Of the address in an instruction; of the two of a copy, the one that it reads from."""
        base = next((o.base for o in reversed(item.operands) if isinstance(o, Address)), None)
        return frozenset(self.found[base.name]) if base else frozenset()

    def _lead(self, sources, targets):
        for source in sources:
            self.leads[source].update(targets)

    def _add(self, item):
        results = written(item)
        given = item.operands[1:] if results else item.operands
        values = [name for operand in given for name in self._values(operand)]
        memory = [self._cell(operand) for operand in given if isinstance(operand, Address)]
        if item.opcode == "cvta" and not item.has("to"):
            for window in WINDOWS:
                if any(modifier.startswith(window) for modifier in item.modifiers):
                    self.found[f".{window}"] = {f".{window}"}
                    values.append(f".{window}")
        if item.opcode == "call":  # of what is left after inlining only malloc gives an address
            given_to = [each.name for each in getattr(item.operands[0], "elements", ())]
            self.found[HEAP] = {HEAP}
            self._lead([HEAP], given_to)
        self._lead((*values, *memory), [name for name in results if self.types.get(name, "pred") != "pred"])
        self._lead(values, memory)

    def _values(self, operand):
        """Names of what an operand stands for; of a cell whose address is taken, memory is another name."""
        if not isinstance(operand, Symbol):
            return [] if isinstance(operand, Address) else names(operand)
        if operand.name in self.cells:
            self._lead([operand.name], [MEMORY])
            self._lead([MEMORY], [operand.name])
        return [operand.name]

    def _cell(self, address):
        is_named = isinstance(address.base, Symbol) and address.base.name in self.cells
        return address.base.name if is_named else MEMORY
