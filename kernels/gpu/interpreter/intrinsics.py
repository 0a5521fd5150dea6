"""The cuda namespace: registers, memory, barriers, warp intrinsics and atomics, and how each is rewritten.

What waits for other threads becomes a `yield`: of a tuple (name, place, operands...), where a barrier's first operand
says on which turns of the loops around it the thread is; unchecked, the plain barrier is the number of its place alone.
lockstep.py collects what the threads yield and answers.
"""

import ast
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    NUMPY,
    Array,
    Scalar,
    Static,
    Tuple,
    bounds,
    is_integer,
    literal_integers,
    numba_type,
    scalar,
    type_name,
)
from kernels.gpu.interpreter.lockstep import GRID_BARRIER
from kernels.gpu.interpreter.typing_rules import signature, types

LARGEST_BLOCK = 1024
LARGEST_GRID = 2**31 - 1

# Each register is an attribute of the thread, or of its block.
REGISTERS = {
    **{f"threadIdx.{a}": (f"thread_{a}", 0, LARGEST_BLOCK - 1) for a in "xyz"},
    **{f"blockIdx.{a}": (f"block.{a}", 0, LARGEST_GRID) for a in "xyz"},
    **{f"blockDim.{a}": (f"block.dim_{a}", 1, LARGEST_BLOCK) for a in "xyz"},
    **{f"gridDim.{a}": (f"block.grid_{a}", 1, LARGEST_GRID) for a in "xyz"},
    "laneid": ("lane", 0, 31),
    "warpsize": ("block.warp_size", 32, 32),
}
NAMESPACES = {"threadIdx", "blockIdx", "blockDim", "gridDim", "shared", "local", "const", "atomic"}
NAMESPACES |= {"cg", "cg.grid_group", "fp16"}
CALLS: dict[str, Callable] = {}


def register_value(path, largest):
    """What is known of a register in a launch in which nothing is larger than `largest`."""
    _, low, high = REGISTERS[path]
    return Scalar(types.int32, low, min(high, largest))


def read_register(path):
    """The statement that reads a register into a variable, once at the start of a function."""
    node = name("$thread")
    for attribute in REGISTERS[path][0].split("."):
        node = ast.Attribute(node, attribute, ast.Load())
    return ast.Assign([ast.Name(f"${path}", ast.Store())], node)


@dataclass(frozen=True)
class CudaName:
    """Something in the cuda namespace, by its dotted name."""

    path: str

    @property
    def __name__(self):
        return f"cuda.{self.path}"


def intrinsic(*paths):
    """Decorator: rewrite calls of cuda.<path> with this function (function being rewritten, call, arguments...)."""

    def register(rewrite):
        for path in paths:
            CALLS[path] = rewrite if len(paths) == 1 else _with_path(rewrite, path)
        return rewrite

    return register


def _with_path(rewrite, path):
    return lambda *args, **kwargs: rewrite(path, *args, **kwargs)


# Where a thread is


@intrinsic("grid")
def grid(function, node, ndim):
    return _per_axis(function, ndim, lambda at: at("blockIdx") * at("blockDim") + at("threadIdx"))


@intrinsic("gridsize")
def gridsize(function, node, ndim):
    return _per_axis(function, ndim, lambda at: at("gridDim") * at("blockDim"))


class _Formula:
    """An expression under construction, so that the formulas above read as such."""

    def __init__(self, function, typed):
        self.function, self.typed = function, typed

    def __mul__(self, other):
        return _Formula(self.function, self.function.binary(ast.Mult(), self.typed, other.typed))

    def __add__(self, other):
        return _Formula(self.function, self.function.binary(ast.Add(), self.typed, other.typed))


def _per_axis(function, ndim, formula):
    if ndim.constant not in (1, 2, 3) or not ndim.value.is_literal:
        raise Unsupported("the number of dimensions must be 1, 2 or 3, written or named")
    items = []
    for axis in "xyz"[: ndim.constant]:
        items.append(formula(lambda path, axis=axis: _Formula(function, function.cuda_name(f"{path}.{axis}"))).typed)
    if len(items) == 1:
        return items[0]
    return Typed(function.tuple_node(items), Tuple(tuple(item.value for item in items)))


# Memory


# Numba reads the extents of an array while it compiles, and computes nothing for that.
NAMED = "make it a compile-time parameter, after the * of the kernel's arguments"


def _shape(node, shape):
    source = _argument(node, 0, "shape")
    extents, text = literal_integers(shape.value), ast.unparse(source)
    if extents is None:
        values = shape.value.items if isinstance(shape.value, Tuple) else (shape.value,)
        if all(isinstance(value, Scalar) and isinstance(value.constant, int) for value in values):
            is_attribute = any(isinstance(part, ast.Attribute) for part in ast.walk(source))
            how = "looked up" if is_attribute else "computed"
            how += " nor a number of NumPy" if isinstance(source, ast.Name) else ""
            raise Unsupported(f"the shape of an array is written or named, and not {how}, as {text} is: {NAMED}")
        raise Unsupported(f"the shape of an array must be known before the run, {text} is not: {NAMED}")
    if min(extents, default=0) < 0:
        raise Unsupported(f"the shape of an array has no negative extents, as {text} has")
    return tuple(extents)


def _argument(node, position, keyword):
    """An argument of a call, as it stands in the source."""
    named = {k.arg: k.value for k in node.keywords}
    return named[keyword] if keyword in named else node.args[position]


DTYPES = "a type of Numba or of NumPy, as float32 or np.float32"


def _dtype(dtype):
    thing = dtype.value.object if isinstance(dtype.value, Static) else None
    if isinstance(thing, types.Record) or (isinstance(thing, types.Type) and thing in NUMPY):
        return thing
    if isinstance(thing, np.dtype | str) or (isinstance(thing, type) and issubclass(thing, np.generic)):
        try:
            return numba_type(thing)
        except TypeError:
            raise Unsupported(f"{thing!r} is no dtype for an array: give {DTYPES}") from None
    raise Unsupported(f"{type_name(dtype.value)} is no dtype for an array: give {DTYPES}")


def _check_alignment(node, alignment):
    """Raises Unsupported for what Numba takes for no alignment."""
    if alignment is None or alignment.value == Static(None):
        return
    text = ast.unparse(_argument(node, 2, "alignment"))
    found = literal_integers(alignment.value)
    if found is None or isinstance(alignment.value, Tuple):
        raise Unsupported(f"the alignment of an array is an integer, written or named, which {text} is not: {NAMED}")
    if found[0] < POINTER or found[0] & found[0] - 1:
        raise Unsupported(f"the alignment of an array is a power of two of at least {POINTER} bytes, not {text}")


POINTER = 8  # bytes


@intrinsic("shared.array", "local.array")
def array(path, function, node, shape, dtype, alignment=None):
    _check_alignment(node, alignment)
    return _declare(function, node, path.removesuffix(".array"), _shape(node, shape), _dtype(dtype))


def _declare(function, node, space, shape, dtype):
    key = (*function.path, (node.lineno, node.col_offset))
    site = function.site(node, f"cuda.{space}.array", "sync")
    declared = function.program.declare(key, space, shape, dtype, function.assigned_name, site)
    return Typed(call(f"${space}", name("$thread"), number(declared)), Array(dtype, len(shape)))


@intrinsic("const.array_like")
def const_array_like(function, node, array):
    """The array itself: what comes from outside the kernel is constant anyway."""
    return function.as_array(array, node.args[0])


# Barriers


def _place(function, node, what):
    site = dataclasses.replace(function.site(node, f"cuda.{what}", "sync"), path=function.path)
    return number(function.program.site_number(site))


def _meet(function, node, what, operands, value):
    return Typed(ast.Yield(ast.Tuple([number(what), _place(function, node, what), *operands], ast.Load())), value)


@intrinsic("syncthreads")
def syncthreads(function, node):
    if function.program.checked:
        return _meet(function, node, "syncthreads", [function.at()], Static(None))
    return Typed(ast.Yield(_place(function, node, "syncthreads")), Static(None))


@intrinsic("syncthreads_count", "syncthreads_and", "syncthreads_or")
def syncthreads_predicate(path, function, node, predicate):
    if not is_integer(predicate.type):
        raise Unsupported(f"cuda.{path} takes an integer, not {predicate.type}")
    value = Scalar(types.int32, 0, LARGEST_BLOCK)
    return _meet(function, node, path, [function.at(), predicate.node], value)


@intrinsic("cg.this_grid")
def this_grid(function, node):
    """The group of all threads of all blocks: all that it has is a barrier."""
    return function.cuda_name("cg.grid_group")


@intrinsic("cg.grid_group.sync")
def sync_grid(function, node):
    return _meet(function, node, GRID_BARRIER, [function.at()], Static(None))


@intrinsic("threadfence", "threadfence_block", "threadfence_system")
def threadfence(path, function, node):
    """Memory is one here, and what a thread writes is seen at once. A fence matters to what is a race."""
    if not function.program.checked:
        return Typed(number(None), Static(None))
    function.program.has_fences = True
    return Typed(call("$fence", name("$thread"), number(path != "threadfence_block")), Static(None))


@intrinsic("nanosleep")
def nanosleep(function, node, nanoseconds):
    """Nobody's time: who waits for another thread does so in a loop, which lets the others run."""
    return Typed(function.convert(nanoseconds, types.uint32).node, Static(None))


# Warp intrinsics. Masks are bits, whatever their sign.

FULL_MASK = 0xFFFFFFFF


def _mask(function, mask):
    if not is_integer(mask.type):
        raise Unsupported(f"the mask is {mask.type}, it must be an integer")
    return function.convert(mask, types.uint32).node


@intrinsic("syncwarp")
def syncwarp(function, node, mask=None):
    mask_node = number(FULL_MASK) if mask is None else _mask(function, mask)
    return _meet(function, node, "syncwarp", [mask_node], Static(None))


@intrinsic("shfl_sync", "shfl_up_sync", "shfl_down_sync", "shfl_xor_sync")
def shuffle(path, function, node, mask, value, lane):
    if value.type not in (types.int32, types.int64, types.float32, types.float64):
        raise Unsupported(f"cuda.{path} takes int32, int64, float32 or float64, not {value.type}")
    for what, operand in (("mask", mask), ("distance" if path != "shfl_sync" else "lane", lane)):
        if not is_integer(operand.type) or operand.type.bitwidth < 32:
            raise Unsupported(f"the {what} of cuda.{path} is an integer of 32 or 64 bits, not {operand.type}")
    operands = [_mask(function, mask), value.node, function.convert(lane, types.int32).node]
    return _meet(function, node, path, operands, scalar(value.type))


@intrinsic("any_sync", "all_sync", "eq_sync", "ballot_sync")
def vote(path, function, node, mask, predicate):
    if not (is_integer(predicate.type) or predicate.type == types.boolean):
        raise Unsupported(f"cuda.{path} takes an integer or a boolean, not {predicate.type}")
    result = types.int32 if path == "ballot_sync" else types.boolean
    return _meet(function, node, path, [_mask(function, mask), predicate.node], scalar(result))


@intrinsic("match_any_sync")
def match_any_sync(function, node, mask, value):
    return _meet(function, node, "match_any_sync", [_mask(function, mask), value.node], scalar(types.int32))


@intrinsic("match_all_sync")
def match_all_sync(function, node, mask, value):
    result = Tuple((scalar(types.int32), scalar(types.boolean)))
    return _meet(function, node, "match_all_sync", [_mask(function, mask), value.node], result)


@intrinsic("activemask")
def activemask(function, node):
    return _meet(function, node, "activemask", [], scalar(types.uint32))


@intrinsic("lanemask_lt")
def lanemask_lt(function, node):
    lane = function.cuda_name("laneid")
    below = ast.BinOp(ast.BinOp(number(1), ast.LShift(), lane.node), ast.Sub(), number(1))
    return Typed(below, scalar(types.uint32))


# Arithmetic


@intrinsic("popc", "ffs", "clz", "brev")
def bits(path, function, node, value):
    typing = signature(f"cuda.{path}", value.type)
    value = function.convert(value, typing.args[0])
    most = bounds(typing.return_type)[1] if path == "brev" else value.type.bitwidth
    return Typed(call(f"${path}", value.node, number(value.type.bitwidth)), Scalar(typing.return_type, 0, most))


@intrinsic("fma", "cbrt")
def arithmetic_function(path, function, node, *operands):
    typing = signature(f"cuda.{path}", *(operand.type for operand in operands))
    function.flops += 2 if path == "fma" else 1
    nodes = [function.convert(operand, type_).node for operand, type_ in zip(operands, typing.args, strict=True)]
    return Typed(call(f"${path}", *nodes), scalar(typing.return_type))


@intrinsic("selp")
def selp(function, node, test, if_true, if_false):
    typing = signature("cuda.selp", test.type, if_true.type, if_false.type)
    # Both are computed before one is chosen: selp is no branch.
    node = call("$select", test.node, if_true.node, if_false.node)
    return Typed(node, scalar(typing.return_type))


# Atomics. All return the value that was there before.

INTEGERS = (types.int32, types.uint32, types.int64, types.uint64)
UNSIGNED = (types.uint32, types.uint64)
NUMBERS = (*INTEGERS, types.float32, types.float64)
ATOMICS = {
    **dict.fromkeys(("add", "sub", "max", "min", "nanmax", "nanmin"), NUMBERS),
    **dict.fromkeys(("and_", "or_", "xor", "exch", "cas"), INTEGERS),
    **dict.fromkeys(("inc", "dec"), UNSIGNED),
}


@intrinsic(*(f"atomic.{operation}" for operation in ATOMICS))
def atomic(path, function, node, array, index, *operands):
    operation = path.removeprefix("atomic.")
    dtype = function.as_array(array, node.args[0]).value.dtype
    if dtype not in ATOMICS[operation]:
        raise Unsupported(f"cuda.{path} does not take an array of {dtype}")
    function.program.looks += 1
    function.program.locks += operation in ("cas", "exch")
    nodes = [function.convert(operand, dtype).node for operand in operands]
    key = function.index(array, node.args[1])
    if function.program.checked:
        change = ast.Attribute(array.node, "atomic", ast.Load())
        result = ast.Call(change, [key, number(operation), function.access(array, node, "atomic"), *nodes], [])
    else:
        result = call("$atomic", array.node, key, number(operation), *nodes)
    return Typed(call("$int", result) if is_integer(dtype) else result, scalar(dtype))


@intrinsic("atomic.compare_and_swap")
def compare_and_swap(function, node, array, old, new):
    at_zero = ast.copy_location(ast.Call(node.func, [node.args[0], number(0), *node.args[1:]], []), node)
    ast.fix_missing_locations(at_zero)
    return atomic("atomic.cas", function, at_zero, array, function.literal(0), old, new)
