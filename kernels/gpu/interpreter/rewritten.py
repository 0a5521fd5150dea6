"""A kernel rewritten for the types of its arguments and compiled by Python: what the interpreter executes."""

import ast
import itertools
import math
import weakref
from dataclasses import dataclass

import numpy as np

from kernels.gpu.interpreter import (
    arithmetic,
    arrays,
    borrowing,
    complex_arithmetic,
    lockstep,
    memory,
    order,
    printing,
    stops,
    times,
    trace,
    tuples,
    viewable,
)
from kernels.gpu.interpreter.borrowing import Borrowed
from kernels.gpu.interpreter.errors import Site, Unsupported
from kernels.gpu.interpreter.functions import Function
from kernels.gpu.interpreter.known import (
    Array,
    Record,
    Scalar,
    Static,
    Tuple,
    bounds,
    dtype_of,
    is_integer,
    numba_type,
    scalar,
)
from kernels.gpu.interpreter.typing_rules import map_layout, types

# Sizes up to SMALL cannot overflow 64 bits in the products of three that index arithmetic is made of.
SMALL, LARGE = 2**16, 2**48


@dataclass(frozen=True)
class Declaration:
    """A shared or local array declared in a kernel. An extent of 0 is dynamic shared memory."""

    name: str
    space: str
    shape: tuple[int, ...]
    dtype: np.dtype
    site: Site

    @property
    def nbytes(self):
        return math.prod(self.shape) * self.dtype.itemsize


class Rewritten:
    """One kernel for one tuple of argument values. `run(thread, *arguments)` executes a thread.

    If `is_generator`, it is a generator that yields wherever the thread must wait for others.
    """

    def __init__(self, kernel, arguments, largest, is_checked, is_counted=False, is_traced=False):
        self.largest, self.checked, self.counted, self.traced = largest, is_checked, is_counted, is_traced
        self.functions: list[Function] = []
        self.borrowed: dict[tuple, Borrowed] = {}  # by function and types
        self.recursive: dict[tuple, tuple] = {}  # by function and arguments: what it returns, and whether it waits
        self.sites: list[Site] = []
        self.has_fences = self.has_views = self.stops = False
        self.looks = self.locks = (
            0  # places rewritten that load from memory or change it atomically; that may take a lock
        )
        self.declarations: list[Declaration] = []
        self.recast: set[np.dtype] = set()  # types that memory is seen as through views
        self._site_numbers, self._declaration_numbers, self._loop_numbers = {}, {}, {}
        self.namespace = dict(HELPERS, **{"$local": memory.local, "$shared": memory.shared})
        if kernel.source.tree().args.vararg:
            raise Unsupported(f"a kernel takes no *{kernel.source.arguments[-1]}: give each argument a name")
        main = Function(self, kernel.source, arguments)
        self.result = main.result
        self.is_generator = main.is_generator
        self.arguments_used = [kernel.source.arguments.index(p) for p in main.run_time_parameters]
        self.files = {function.source.file for function in self.functions if not isinstance(function, Borrowed)}
        for function in self.functions:
            module = ast.fix_missing_locations(ast.Module([function.tree], []))
            exec(compile(module, function.source.file, "exec"), self.namespace)
        self.run = self.namespace[main.name]

    def constant(self, value):
        """The name under which a value stands in the rewritten code."""
        identifier = f"$c{len(self.namespace)}"
        self.namespace[identifier] = value
        return identifier

    def constant_array(self, array, identifier):
        array = np.array(array)
        array = in_memory(array) if array.ndim else array
        array.flags.writeable = False
        self.largest = max((self.largest, *array.shape))
        name = f"${identifier}.{len(self.namespace)}"  # functions of two modules may call two arrays the same
        self.namespace[name] = arrays.ConstantArray(array, self.sites, identifier) if self.checked else array
        return name

    def site_number(self, site):
        """The number by which the rewritten code names a place in the source."""
        if site not in self._site_numbers:
            self._site_numbers[site] = len(self.sites)
            self.sites.append(site)
        return self._site_numbers[site]

    def loop_number(self, key):
        """The number by which the rewritten code names a loop, if it counts turns."""
        return self._loop_numbers.setdefault(key, len(self._loop_numbers))

    @property
    def dtypes(self):
        """Of the elements of shared and local arrays, and of views."""
        return {*self.recast, *(declaration.dtype for declaration in self.declarations)}

    borrow_at = staticmethod(borrowing.at_call)
    call_at = staticmethod(borrowing.called)

    def borrow(self, function, types_):
        """A function of numbers that Numba has written in Python, rewritten once. Raises Unsupported."""
        key = function, types_
        if key not in self.borrowed:
            self.borrowed[key] = borrowing.of_numbers(self, *key)
        return self.borrowed[key]

    def declare(self, key, space, shape, dtype, name, site):
        """The number of a shared or local array, declared at the place `key`."""
        if key not in self._declaration_numbers:
            self._declaration_numbers[key] = len(self.declarations)
            self.declarations.append(Declaration(name, space, shape, dtype_of(dtype), site))
        return self._declaration_numbers[key]


_programs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def rewritten_for(launch, is_checked, is_counted=False, is_traced=False):
    """The kernel of a launch rewritten for the types of its arguments; rewritten once."""
    known = _programs.setdefault(launch.kernel, {})
    largest = largest_in(launch)
    names = launch.kernel.source.arguments
    arguments = tuple(describe(n, argument, largest) for n, argument in zip(names, launch.args, strict=True))
    key = arguments, largest, is_checked, is_counted, is_traced
    if key not in known:
        program = Rewritten(launch.kernel, *key)
        refuse_result(program)
        known[key] = program
    return known[key]


def refuse_result(program):
    """Raises Unsupported for a kernel that returns something."""
    main = program.functions[0]
    for node, value in main.returns:
        if value.value != Static(None):
            error = Unsupported("a kernel returns nothing: let it write its results into an array")
            raise main.located(error, node)


def describe(name, argument, largest):
    """What is known of an argument before the run. Raises Unsupported for what no kernel takes here."""
    if isinstance(argument, tuple):
        items = (describe(f"{name}[{i}]", item, largest) for i, item in enumerate(argument))
        return Tuple(tuple(items), type(argument) if hasattr(argument, "_fields") else None)
    if hasattr(argument, "dtype") and not isinstance(argument, np.generic | np.ndarray):
        kind = f"{type(argument).__module__}.{type(argument).__name__}"
        raise Unsupported(f"{name} is a {kind}: the interpreter takes arrays of NumPy")
    is_record = hasattr(argument, "dtype") and argument.dtype.names is not None
    if hasattr(argument, "dtype") and argument.dtype.kind not in "fiubcmM" and not is_record:
        raise Unsupported(f"{name} holds {argument.dtype}: kernels take numbers and booleans")
    if hasattr(argument, "dtype") and not argument.dtype.isnative:
        raise Unsupported(f"{name} holds {argument.dtype.str}, bytes in the other order: give {name}.astype(...)")
    if is_array(argument):
        return Array(numba_type(argument.dtype), argument.ndim, map_layout(argument))
    if is_record:
        return Record(numba_type(argument.dtype))
    if isinstance(argument, bool):
        return scalar(types.boolean)
    if isinstance(argument, np.generic | np.ndarray):
        type_ = numba_type(argument.dtype)
    elif isinstance(argument, float | complex):
        type_ = types.float64 if isinstance(argument, float) else types.complex128
    else:
        type_ = types.int64 if argument < 2**63 else types.uint64
    if not is_integer(type_):
        return scalar(type_)
    low, high = bounds(type_)
    return Scalar(type_, max(low, -largest), min(high, largest)) if largest == SMALL else scalar(type_)


def is_array(argument):
    return isinstance(argument, np.ndarray) and argument.ndim > 0


def in_memory(argument):
    """The memory of an argument that a kernel sees: an array, of a record one without axes; None for a number."""
    is_record = isinstance(argument, np.void | np.ndarray) and argument.dtype.names is not None
    if is_array(argument) and argument.dtype.kind in "mM":
        return argument.view(np.int64)
    return np.asarray(argument) if is_array(argument) or is_record else None


def flat(arguments):
    """Arguments, and what tuples among them hold."""
    return [leaf for a in arguments for leaf in (flat(a) if isinstance(a, tuple) else (a,))]


def plain(argument):
    """A number given as an argument as the rewritten code represents its type."""
    if is_array(argument) or not isinstance(argument, np.generic | np.ndarray):
        return argument
    if argument.dtype.kind in "mM":
        return int(argument.astype(np.int64))
    return np.asarray(argument)[()] if argument.dtype in (np.float16, np.float32, np.complex64) else argument.item()


def largest_in(launch):
    """SMALL if no extent, no integer argument and no number of blocks is larger, else LARGE."""
    sizes = list(launch.grid)
    for argument in flat(launch.args):
        if is_array(argument):
            sizes += argument.shape
        elif isinstance(argument, int | np.integer) and not isinstance(argument, np.timedelta64):
            sizes.append(abs(int(argument)))
    return SMALL if max(sizes) <= SMALL else LARGE


HELPERS = {
    **times.HELPERS,
    "$range": range,
    "$int": int,
    "$float": float,
    "$bool": bool,
    "$abs": abs,
    "$len": len,
    "$min": min,
    "$max": max,
    "$rint": lambda x: float(np.rint(x)),
    "$float16": np.float16,
    "$float32": np.float32,
    "$int64": np.int64,
    "$uint64": np.uint64,
    "$slice": slice,
    "$same": lambda value: value,
    "$iter": iter,
    "$next": stops.following,
    "$reshaped": viewable.reshaped,
    "$recast": viewable.recast,
    "$fill": viewable.fill,
    "$assign": viewable.assign,
    "$unpackable": viewable.unpackable,
    "$iterate": viewable.iterate,
    "$iterate_checked": viewable.iterate_checked,
    "$iterate_flat": viewable.iterate_flat,
    "$iterate_flat_checked": viewable.iterate_flat_checked,
    "$flat_index": viewable.flat_index,
    # Numba goes along an axis of negative extent once.
    "$ndindex": lambda shape: itertools.product(*(range(n if n >= 0 else 1) for n in shape)),
    "$nextafter_float32": np.nextafter,
    "$atomic": memory.atomic,
    "$enumerate": enumerate,
    "$endless": lockstep.endless,
    "$fence": order.fence,
    "$show": printing.show,
    "$zip": zip,
    "$items": lambda *items: items,
    "$contains": tuples.contains_item,
    "$same_items": tuples.same_items,
    "$ordered": tuples.ordered,
    "$stop": stops.stop,
    "$Stop": stops.Stop,
    "$turns": trace.turns,
    "$on_turn": trace.on_turn,
    "$count_flops": trace.count_flops,
    "$come_by": trace.come_by,
    "$select": lambda test, if_true, if_false: if_true if test else if_false,
    "$complex64": np.complex64,
    "$complex128": complex,
    **{
        f"${name}": value
        for module in (arithmetic, complex_arithmetic)
        for name, value in vars(module).items()
        if callable(value) and name[0] != "_"
    },
}
