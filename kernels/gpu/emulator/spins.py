"""Loops in which a thread waits for memory that others write: there it lets them go first, lest it wait for ever.

A loop is taken for such when a branch in it depends on what an atomic, a barrier in memory or a volatile load in it has
read, or a load that acquires; beside a fence any load counts. That is said of a natural loop, the blocks from which its
back edge is reached without passing where it leads to (Aho, Lam, Sethi and Ullman, Compilers, section 9.6.6). What
code without optimisation keeps on its stack is one more register.
"""

from kernels.gpu.emulator.flow import read, written
from kernels.gpu.emulator.syntax import Address, Register

ORDERED = ("volatile", "relaxed", "acquire", "mmio", "cv")
CONSTANT = ("param", "const", "nc", "local")
STACK, STACK_POINTERS = "%stack", ("%SP", "%SPL")  # the first is declared nowhere


def spins(blocks) -> dict:
    """By number of a block that ends with a back edge of such a loop: the instruction that reads what it waits for."""
    before: dict[int, list[int]] = {block.number: [] for block in blocks}
    for block in blocks:
        for after in block.next:
            before[after].append(block.number)
    found = {}
    for block in blocks:
        for head in block.next:
            if head <= block.number:
                access = waits(natural_loop(head, block.number, before), blocks)
                if access is not None:
                    found[block.number] = access
    return found


def natural_loop(head, tail, before):
    """Numbers of the blocks of the loop with a back edge from tail to head."""
    found, waiting = {head}, [tail]
    while waiting:
        n = waiting.pop()
        if n not in found:
            found.add(n)
            waiting += before[n]
    return found


def waits(loop, blocks):
    """The instruction whose result decides where a loop goes on, if it reads what others may write; else None."""
    items = [item for number in sorted(loop) for item in blocks[number].instructions]
    is_fenced = any(item.opcode in ("membar", "fence") for item in items)
    source = next((item for item in items if reads_others(item, is_fenced)), None)
    if source is None:
        return None
    dependent: set[str] = set()
    while True:
        count = len(dependent)
        for item in items:
            on_stack = [STACK] if uses_stack(item) else []
            loads, stores = (on_stack if item.opcode == each else [] for each in ("ld", "st"))
            if reads_others(item, is_fenced) or not dependent.isdisjoint([*read(item), *loads]):
                dependent.update([*written(item), *stores])
        if len(dependent) == count:
            break
    branches = [item for item in items if item.opcode in ("bra", "brx")]
    return source if any(not dependent.isdisjoint(read(item)) for item in branches) else None


def uses_stack(item):
    """Whether an address is one of those that NVVM calls so."""
    bases = [each.base for each in item.operands if isinstance(each, Address)]
    return any(isinstance(base, Register) and base.name.partition("@")[0] in STACK_POINTERS for base in bases)


def reads_others(item, is_fenced):
    """Whether an instruction reads memory that others may write meanwhile, in an order that they can rely on."""
    if item.opcode == "atom" or (item.opcode == "mbarrier" and item.has("test_wait", "try_wait")):
        return True
    return item.opcode == "ld" and (item.has(*ORDERED) or (is_fenced and not item.has(*CONSTANT)))
