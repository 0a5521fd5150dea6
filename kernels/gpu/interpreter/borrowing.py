"""Functions of Numba's own in the place of their calls, rewritten as those of the kernel are: see borrowed.py.

y[0] = x.sum()      Numba's loop over the elements of x, told of this line of the kernel
"""

import ast
import functools
import inspect
import types as python_types

from kernels.gpu.interpreter import borrowed
from kernels.gpu.interpreter.conversions import Typed
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.functions import Function
from kernels.gpu.interpreter.known import Array, Scalar, scalar
from kernels.gpu.interpreter.typing_rules import describe
from kernels.gpu.source import Source

ANYWHERE = (0, 0)  # where in the kernel a function of numbers is called: at many places


class Borrowed(Function):
    """A function of Numba's own. Its lines are none of the kernel's: what it does is told of the line of its call.

    caller    the function that calls it, at `call`; None for one of numbers, which stands for all its calls
    labels    what its arguments are called there
    kinds     types of its variables, of those that have one whatever is assigned to them
    types_    of its arguments, if it is one of numbers
    """

    def __init__(
        self, program, source, arguments, path, declared=None, *, caller=None, call=None, labels=(), kinds=(), types_=()
    ):
        self.caller, self.call, self.types = caller, call, types_
        self.labels, self.kinds = dict(zip(source.arguments, labels, strict=False)), dict(kinds)
        super().__init__(program, source, arguments, path, declared)

    def site(self, node, what, kind, nbytes=0):
        if self.caller is None:
            return super().site(node, what, kind, nbytes)
        return self.caller.site(self.call, what, kind, nbytes)

    def count_flops(self, statement):
        return ast.Pass()

    def come_by(self, statement, kind):
        return []

    def visit_Name(self, node):
        typed = super().visit_Name(node)
        return Typed(typed.node, typed.value, self.labels.get(node.id, typed.label))

    def assign(self, target, value):
        kind = self.kinds.get(getattr(target, "id", None))
        return super().assign(target, value if kind is None else self.convert(value, kind))

    def visit_Call(self, node):
        """Of an element that np.nditer gives, `.take(0)` is the element: Numba has it as an array without axes."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "take":
            element = self.expression(node.func.value)
            if isinstance(element.value, Scalar):
                return element
        return super().visit_Call(node)

    def call_function(self, function, arguments, node):
        if isinstance(function, python_types.FunctionType) and function.__module__.startswith("numba."):
            source = Source(function, {}, may_be_lambda=True)
            return self.call_rewritten(node, source, with_defaults(self, function, function, arguments, {}))
        return super().call_function(function, arguments, node)

    def call_rewritten(self, node, source, given, declared=None, is_apart=False, make=None):
        make = make or functools.partial(Borrowed, caller=self.caller, call=self.call, labels=labels_of(self, given))
        return super().call_rewritten(node, source, given, declared, is_apart, make)

    def elements(self, node):
        """np.nditer of an array: its elements, in the order in which they lie."""
        array = self.array(node.args[0])
        if array.value.layout == "F":
            array = self.transposed(array, node)
        return self.over(array, node, is_flat=True)


def of_numbers(program, function, types_):
    """A function of numbers that Numba has written in Python, for all its calls."""
    found = borrowed.implementation(function, types_)
    arguments = [scalar(type_) for type_ in found.types]
    return Borrowed(program, Source(found.function, {}), arguments, (ANYWHERE,), found.result, types_=found.types)


def at_call(caller, call, thing, arguments, keywords):
    """A call of a function that Numba has written in Python, of arrays and numbers. Raises Unsupported."""
    named = tuple((name, borrowed.type_of(each)) for name, each in keywords.items())
    types_ = tuple(map(borrowed.type_of, arguments))
    borrowed.refuse_unallocated(thing, types_)
    found = borrowed.implementation(thing, types_, named, tuple(map(borrowed.literal_type_of, arguments)))
    given = with_defaults(caller, thing, found.function, arguments, keywords)
    return called(caller, call, found.function, given, found.result, found.kinds)


def with_defaults(caller, thing, function, arguments, keywords):
    """What is given to a function: one for each of its arguments. Raises Unsupported."""
    try:
        bound = inspect.signature(function).bind(*arguments, **keywords)
    except TypeError as error:
        raise Unsupported(f"{describe(thing, ())} is not supported by Numba with these arguments: {error}") from None
    bound.apply_defaults()
    return [each if isinstance(each, Typed) else caller.literal(each) for each in bound.arguments.values()]


def called(caller, call, function, given, result=None, kinds=()):
    """A call of a Python function that is told of the line of its caller."""
    make = functools.partial(Borrowed, caller=caller, call=call, labels=labels_of(caller, given), kinds=kinds)
    source = Source(function, {}, may_be_lambda=True)
    return caller.call_rewritten(call, source, given, result, make=make)


def labels_of(caller, arguments):
    return [caller.array_name(each) if isinstance(each.value, Array) else "" for each in arguments]
