"""Names, attributes and calls: where a kernel meets the world outside it.

A device function is rewritten anew for each call, for the types of its arguments there, as Numba inlines it:
two calls have two sets of shared arrays.
"""

import ast
import builtins
import math
from collections.abc import Hashable

import numpy as np

from kernels.gpu.compiler import cuda
from kernels.gpu.interpreter import (
    arithmetic,
    borrowed,
    builtin_calls,
    cache_hints,
    calls,
    complex_numbers,
    enumerations,
    half,
    hints,
    inner,
    intrinsics,
    short_vectors,
    tuples,
    whole_arrays,
)
from kernels.gpu.interpreter.conversions import Typed, call, has_effects, name, number
from kernels.gpu.interpreter.definitions import definition_of
from kernels.gpu.interpreter.device_calls import DeviceCalls
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.inner import Inner
from kernels.gpu.interpreter.intrinsics import CudaName
from kernels.gpu.interpreter.iterating import ITERABLES
from kernels.gpu.interpreter.known import (
    FLOATS,
    HALF,
    NUMPY,
    Array,
    Clash,
    Record,
    Scalar,
    Static,
    Tuple,
    computed,
    dtype_of,
    is_integer,
    join,
    numba_type,
    scalar,
    type_name,
)
from kernels.gpu.interpreter.typing_rules import is_typed, signature, types
from kernels.gpu.interpreter.views import Method
from kernels.gpu.source import DeviceFunction, Source

LARGEST_SIZE = 2**48


class Function(DeviceCalls):
    """A kernel, or a device function at one place that calls it; `declared`: the type it was declared to return."""

    def __init__(self, program, source, arguments, path=(), declared=None):
        super().__init__(program, source, path)
        self.declared, self.given = declared, tuple(arguments)
        self.taken = program.recursive.get((source.function, self.given))  # what it returns, where it calls itself
        self.names = source.names()
        self.definition, self.local_names = definition_of(source)
        parameters = [argument.arg for argument in self.definition.args.args]
        self.variables = dict(zip(parameters, arguments, strict=True))
        self.run_time_parameters = [p for p in parameters if not isinstance(self.variables[p], Static)]
        self.name = f"${source.name}.{len(program.functions)}"
        self.registers, self.calls, self.inners = set(), {}, {}
        self.result = Static(None)
        program.functions.append(self)
        self.tree = self.rewritten()

    def rewritten(self):
        """The function in Python that executes one thread."""
        body = self.body(self.definition.body)
        if self.returns:
            self.result = self.returns[0][1].value
            for _, value in self.returns[1:]:
                self.result = join(self.result, value.value)
            if self.declared in NUMPY and all(isinstance(value.value, Scalar) for _, value in self.returns):
                self.result = scalar(self.declared)
            if self.variables is not None:
                self.result = join(self.result, Static(None))
            for node, value in self.returns:
                if node.value is not None and not isinstance(self.result, Clash):
                    node.value = self.represent(value, self.result).node
        registers = [intrinsics.read_register(path) for path in sorted(self.registers)]
        self.is_generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for s in body for n in ast.walk(s))
        self.is_constant = len(body) == 1 and isinstance(body[0], ast.Return) and not has_effects(body[0])
        waits = ["$at0"] if self.is_generator and self.program.checked else []
        if waits and not self.path:  # a kernel begins in no loop
            registers.append(ast.Assign([ast.Name("$at0", ast.Store())], ast.Tuple([], ast.Load())))
        parameters = [ast.arg(p) for p in ("$thread", *(waits if self.path else ()), *self.run_time_parameters)]
        arguments = ast.arguments([], parameters, None, [], [], None, [])
        tree = ast.FunctionDef(self.name, arguments, registers + self.until_stopped(body), [])
        return ast.copy_location(tree, self.definition)

    def returns_a_view(self):
        """Whether it returns an array that is none of its arguments."""
        parameters = self.run_time_parameters
        returned = [value.node for _, value in self.returns if isinstance(value.value, Array)]
        return not all(isinstance(node, ast.Name) and node.id in parameters for node in returned)

    # Functions within the function

    def visit_Lambda(self, node):
        return Typed(number(None), Static(inner.defined(self, node)))

    def statement_FunctionDef(self, statement):
        self.variables[statement.name] = Static(inner.defined(self, statement))
        return []

    # Names and attributes

    def visit_Name(self, node):
        if node.id in self.local_names:
            value = self.variables.get(node.id)
            if value is None:
                raise Unsupported(f"{node.id} is used before it is assigned")
            if isinstance(value, Clash):
                raise Unsupported(f"{node.id} is {type_name(value)}, depending on the path taken")
            if isinstance(value, Scalar) and value.constant is not None and is_integer(value.type):
                return Typed(number(value.constant), value)
            return Typed(number(None) if isinstance(value, Static) else name(node.id), value)
        if node.id in self.names:
            return self.outside(self.names[node.id], node.id)
        if hasattr(builtins, node.id):
            return Typed(number(None), Static(getattr(builtins, node.id)))
        hint = hints.meant(node.id, (*self.local_names, *self.source.function.__globals__))
        raise Unsupported(f"the name {node.id} is unknown{hint}")

    def outside(self, thing, identifier):
        """A value from outside the kernel. Arrays are constant there, as Numba compiles them in."""
        if isinstance(thing, np.ndarray):
            node = name(self.program.constant_array(thing, identifier))
            return Typed(node, Array(numba_type(thing.dtype), thing.ndim))
        if isinstance(thing, tuple) and any(isinstance(item, np.ndarray) for item in thing):
            items = [self.outside(item, f"{identifier}[{i}]") for i, item in enumerate(thing)]
            return Typed(self.tuple_node(items), Tuple(tuple(item.value for item in items)))
        return self.literal(thing)

    def statement_Expr(self, statement):
        if isinstance(statement.value, ast.Name | ast.Attribute):
            self.refuse_uncalled(statement.value)
        return super().statement_Expr(statement)

    def refuse_uncalled(self, node):
        """Raises Unsupported where a function's name stands alone, as cuda.syncthreads does without its parentheses."""
        value = self.expression(node).value
        thing = value.object if isinstance(value, Static) else None
        is_intrinsic = isinstance(thing, CudaName) and thing.path in intrinsics.CALLS
        if is_intrinsic or isinstance(thing, DeviceFunction) or hasattr(thing, "py_func"):
            text = ast.unparse(node)
            raise Unsupported(
                f"{text} without parentheses does nothing: write {text}{'()' if is_intrinsic else '(...)'}"
            )

    def visit_Attribute(self, node):
        base = self.expression(node.value)
        match base.value:
            case Scalar() if node.attr == "item":
                return Typed(number(None), Static(Method(base, node.attr)))
            case Scalar() if node.attr in ("real", "imag"):
                return complex_numbers.part(self, base, node.attr)
            case Static(thing) if thing is cuda:
                return self.cuda_name(node.attr)
            case Static(thing) if getattr(thing, "__name__", "") == "numba.cuda.cg":
                return self.cuda_name(f"cg.{node.attr}")
            case Static(CudaName(path)):
                return self.cuda_name(f"{path}.{node.attr}")
            case Static(thing):
                if not hasattr(thing, node.attr):
                    hint = hints.meant(node.attr, dir(thing))
                    raise Unsupported(f"{type_name(base.value)} has no attribute {node.attr}{hint}")
                return self.attribute(thing, node)
            case Array(_, ndim):
                extent = Scalar(types.int64, 0, self.program.largest)
                if node.attr == "shape":
                    return Typed(ast.Attribute(base.node, "shape", ast.Load()), Tuple((extent,) * ndim))
                if node.attr == "size":
                    size = Scalar(types.int64, 0, min(self.program.largest**ndim, LARGEST_SIZE))
                    return Typed(ast.Attribute(base.node, "size", ast.Load()), size)
                if node.attr == "ndim":
                    return self.literal(ndim)
                if node.attr == "dtype":
                    return self.literal(dtype_of(base.value.dtype))
                if (found := self.array_attribute(base, node.attr, node)) is not None:
                    return found
            case Record():
                return self.field(base, node.attr, node)
            case Tuple():
                return tuples.field(self, base, node.attr)
            case Scalar() if node.attr == "value" and (member := enumerations.member(self, node.value)) is not None:
                return self.literal(member.value)
        raise Unsupported(hints.of_attribute(ast.unparse(node.value), node.attr, isinstance(base.value, Array)))

    def attribute(self, thing, node):
        """What Numba reads of a Python object while it compiles: of a module all, of another only if it has a type."""
        if not is_typed(thing):
            text, kind = ast.unparse(node), getattr(type(thing), "__name__", "object")
            what = "class" if isinstance(thing, type) else f"{kind}"
            raise Unsupported(
                f"{text}: a kernel sees modules, and not what belongs to a {what}: "
                f"write {node.attr.upper()} = {text} above the kernel, or make it a compile-time parameter"
            )
        found = self.outside(getattr(thing, node.attr), node.attr)
        return Typed(found.node, computed(found.value))

    def cuda_name(self, path):
        if path in intrinsics.REGISTERS:
            self.registers.add(path)
            return Typed(name(f"${path}"), intrinsics.register_value(path, self.program.largest))
        if path in intrinsics.CALLS or path in intrinsics.NAMESPACES:
            return Typed(number(None), Static(CudaName(path)))
        found = getattr(cuda, path, None)
        if short_vectors.is_one(found) or (isinstance(found, types.Type) and found in NUMPY):
            return self.literal(found)
        hint = hints.meant(path, (*intrinsics.REGISTERS, *intrinsics.CALLS))
        raise Unsupported(f"cuda.{path} is not supported{hint and hint.replace('mean ', 'mean cuda.')}")

    # Calls

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "conjugate" and not node.args:
            return complex_numbers.conjugate(self.expression(node.func.value))
        function = self.expression(node.func).value
        if not isinstance(function, Static):
            raise Unsupported(f"{ast.unparse(node.func)} is {type_name(function)}, which cannot be called")
        if isinstance(function.object, Hashable) and function.object in ITERABLES:
            return self.iterable(function.object, node)
        arguments = self.spread(node.args)
        keywords = {keyword.arg: self.expression(keyword.value) for keyword in node.keywords}
        thing = cache_hints.named(function.object)
        if isinstance(thing, CudaName):
            if thing.path not in intrinsics.CALLS:
                raise Unsupported(f"cuda.{thing.path} cannot be called")
            try:
                return intrinsics.CALLS[thing.path](self, node, *arguments, **keywords)
            except TypeError as error:
                raise Unsupported(f"cuda.{thing.path} with {len(arguments)} arguments: {error}") from error
        if isinstance(thing, Method):
            return self.call_method(thing, arguments, node, keywords)
        if isinstance(thing, DeviceFunction):
            return self.call_device_function(node, thing.source, arguments, keywords)
        if hasattr(thing, "py_func"):
            source = Source(thing.py_func, {}, may_be_lambda=True)
            return self.call_device_function(node, source, arguments, keywords, thing)
        if isinstance(thing, Inner):
            return inner.called(self, node, thing, arguments, keywords)
        if short_vectors.is_one(thing) and not keywords:
            return short_vectors.made(self, thing, arguments)
        if tuples.is_named(thing):
            return tuples.named(self, thing, arguments, keywords)
        if borrowed.is_known(thing, arguments):
            return self.program.borrow_at(self, node, thing, arguments, keywords)
        if keywords:
            raise Unsupported(f"{type_name(function)} takes no keyword arguments here")
        is_numpy_type = isinstance(thing, type) and issubclass(thing, np.generic)
        if is_numpy_type or isinstance(thing, types.Number | types.Boolean):
            if len(arguments) != 1:
                raise Unsupported(f"{ast.unparse(node.func)} converts one number, given {len(arguments)}")
            converted = self.convert(arguments[0], numba_type(thing) if is_numpy_type else thing)
            return Typed(converted.node, computed(converted.value))
        if isinstance(getattr(thing, "source", None), Source):
            raise Unsupported(
                f"{type_name(function)} is a kernel, which another cannot call: @device makes it callable"
            )
        return self.call_function(thing, arguments, node)

    def call_function(self, function, arguments, node):
        """A function of math, of NumPy or a builtin."""
        text = ast.unparse(node.func)
        if whole_arrays.takes(function, arguments):
            return whole_arrays.called(self, node, function, arguments)
        if (found := self.function_of_times(function, arguments)) is not None:
            return found
        rewrite = calls.known_call(function)
        if rewrite is not None:
            try:
                return rewrite(self, *arguments)
            except TypeError as error:
                raise Unsupported(f"{text} with {len(arguments)} arguments: {error}") from error
        if function is float and arguments and isinstance(arguments[0].value, Static):
            return builtin_calls.float_of_text(self, arguments[0])
        if complex_numbers.is_function(function, arguments):
            return complex_numbers.called(self, function, arguments)
        if function is pow and len(arguments) == 2:
            return self.binary(ast.Pow(), *arguments)
        if function not in arithmetic.MATH and function not in (abs, int, float, bool, round):
            raise Unsupported(hints.of_function(function, text))
        typing = signature(function, *(argument.type for argument in arguments))
        type_ = typing.return_type
        arguments = [self.convert(argument, t) for argument, t in zip(arguments, typing.args, strict=True)]
        if function in (int, float, bool):
            converted = self.convert(arguments[0], type_)
            return Typed(converted.node, computed(converted.value))
        if function is abs:
            node, value = call("$abs", arguments[0].node), arguments[0].value
            if not is_integer(type_):
                return Typed(node, scalar(type_))
            low = 0 if value.low <= 0 <= value.high else min(abs(value.low), abs(value.high))
            return self.integer(node, low, max(abs(value.low), abs(value.high)), type_)
        if function is round:
            if len(arguments) > 1:
                return self.borrow(round, arguments)
            return self.convert(Typed(call("$rint", arguments[0].node), arguments[0].value), type_)
        if type_ == HALF:
            return half.of_math(self, function, arguments[0])
        if type_ in FLOATS or function in (math.isnan, math.isinf, math.isfinite):
            if all(is_integer(a.type) for a in arguments):
                arguments = [self.convert(argument, types.float64) for argument in arguments]
            return self.function_of_floats(function, [self.convert(a, arguments[0].type) for a in arguments], type_)
        raise Unsupported(f"math.{function.__name__} is not supported")

    def callee(self, *arguments):
        return Function(*arguments)
