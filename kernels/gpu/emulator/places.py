"""Where the variables of a kernel lie: offsets in shared and local memory, in its statics and its parameters."""

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.pointers import addresses
from kernels.gpu.emulator.syntax import Address, Symbol, Variable, Vector

GAP = 256  # bytes between variables in checked mode, so that what leaves one by a little meets no other


def aligned(offset: int, align: int) -> int:
    """The next multiple of `align`."""
    return -(-offset // max(align, 1)) * max(align, 1)


MOST = {"shared": 227 * 2**10, "local": 512 * 2**10, "param": 32764, "global": 2**31}  # bytes


# What malloc gives parts of (heap.py): a variable of kernels that call one of these.
HEAP, HEAP_BYTES, OF_HEAP = "%heap", 2**25, ("malloc", "free")


class Places:
    """shared, statics, locals, parameters: (offset in bytes, variable) by name; and how many bytes each takes."""

    def __init__(self, function, module, instructions, apart=False):
        """Only what the instructions mention gets a place. Raises PtxError for variables of other modules.

        apart    whether shared and static variables lie GAP bytes apart, each at a multiple of that
        """
        gap = GAP if apart else 0
        self.shared: dict[str, tuple[int, Variable]] = {}
        self.statics: dict[str, tuple[int, Variable]] = {}
        self.locals: dict[str, tuple[int, Variable]] = {}
        self.parameters: dict[str, tuple[int, Variable]] = {}
        self.functions = addresses(module)
        shared = statics = 0
        variables = [*module.variables.items(), *function.variables.items()]
        used = {n for item in instructions for n in mentioned(item)}
        used |= {HEAP} | {s.name for v in module.variables.values() for _, s in v.pointers}
        dynamic = []
        for name, variable in variables:
            if variable.space == "shared" and name in used:
                if variable.size is None:
                    dynamic.append((name, variable))
                else:
                    shared = aligned(shared + gap, max(variable.align, gap))
                    self.shared[name] = (shared, variable)
                    shared += variable.size
            elif variable.space in ("global", "const") and name in used:
                if variable.size is None or (variable.linkage == "extern" and not variable.initial):
                    raise PtxError(f"{name}: a variable that the text declares as that of another module")
                statics = aligned(statics + gap, max(variable.align, 16, gap))
                self.statics[name] = (statics, variable)
                statics += variable.size
        shared = aligned(shared + gap, max(16, gap))
        for name, variable in dynamic:  # all begin where the static ones end
            self.shared[name] = (shared, variable)
        self.shared_bytes, self.statics_bytes = shared, statics
        limited("shared", shared)
        limited("global", statics)
        offset = 0
        for name, variable in function.variables.items():
            if variable.space in ("local", "param") and name not in function.frames:
                offset = aligned(offset, max(variable.align, 8))
                self.locals[name] = (offset, variable)
                offset += variable.size or 0
        self.local_bytes = offset
        self.local_align = max([16, *(variable.align for _, variable in self.locals.values())])
        limited("local", offset)
        offset = 0
        for variable in function.parameters:
            offset = aligned(offset, variable.align)
            self.parameters[variable.name] = (offset, variable)
            offset += variable.size or 0
        self.parameter_bytes = offset
        limited("param", offset)


def limited(space, size):
    """Refuse more memory than any GPU has for a block, a thread, a kernel, or this emulator for a module."""
    if size > MOST[space]:
        raise PtxError(f"{size} bytes of {space} memory: at most {MOST[space]} are executed")


def mentioned(item):
    """Names of symbols in an instruction."""

    def of(operand):
        match operand:
            case Symbol(name):
                yield name
            case Address(base) if base is not None:
                yield from of(base)
            case Vector(elements):
                for element in elements:
                    yield from of(element)

    return {name for operand in item.operands for name in of(operand)}
