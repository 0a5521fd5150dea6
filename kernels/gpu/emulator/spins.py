"""Loops in which a thread waits for memory that others write: there it lets them go first, lest it wait for ever.

A loop is taken for such when a branch in it depends on what an atomic, a barrier in memory or a volatile load in it has
read, or a load that acquires; beside a fence any load counts. That is said of a natural loop, the blocks from which its
back edge is reached without passing where it leads to (Aho, Lam, Sethi and Ullman, Compilers, section 9.6.6).
"""

from kernels.gpu.emulator.flow import read, written

ORDERED = ("volatile", "relaxed", "acquire", "mmio", "cv")
CONSTANT = ("param", "const", "nc", "local")


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
            if reads_others(item, is_fenced) or not dependent.isdisjoint(read(item)):
                dependent.update(written(item))
        if len(dependent) == count:
            break
    branches = [item for item in items if item.opcode in ("bra", "brx")]
    return source if any(not dependent.isdisjoint(read(item)) for item in branches) else None


def reads_others(item, is_fenced):
    """Whether an instruction reads memory that others may write meanwhile, in an order that they can rely on."""
    if item.opcode == "atom" or (item.opcode == "mbarrier" and item.has("test_wait", "try_wait")):
        return True
    return item.opcode == "ld" and (item.has(*ORDERED) or (is_fenced and not item.has(*CONSTANT)))
