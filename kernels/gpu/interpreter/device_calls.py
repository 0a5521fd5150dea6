"""Calls of device functions: each is rewritten anew for each call, for what its arguments are there.

A function that calls itself is rewritten once for any numbers of the types it is given. What it returns is taken to be
what its lines before that call return, as Numba infers it, and it is rewritten again if that was not all.
"""

import ast
import functools
import inspect
from typing import Any

from kernels.gpu.interpreter import inner
from kernels.gpu.interpreter.conversions import Typed, call, name
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    Array,
    Clash,
    Record,
    Scalar,
    Static,
    Tuple,
    join,
    same_type,
    scalar,
    type_name,
    type_to_numba,
    unknown,
)
from kernels.gpu.interpreter.stops import Stops
from kernels.gpu.interpreter.typing_rules import signature, types
from kernels.gpu.source import RECURSION

MOST_GUESSES = 5  # of what a function returns


def is_compiled_apart(dispatcher):
    """Whether Numba compiles a function by itself, and does not put its lines in the place of a call."""
    return dispatcher is not None and getattr(dispatcher, "targetoptions", {}).get("inline", "never") == "never"


def declaring(dispatcher):
    """A function that Numba has compiled for types which its author declared: what it is to Numba, else None.

    One that Numba inlines is none: what is declared of it does not reach the kernel it is inlined into.
    """
    is_declared = is_compiled_apart(dispatcher) and not getattr(dispatcher, "_can_compile", True)
    return types.Dispatcher(dispatcher) if is_declared else None


def calls_itself(source):
    """Whether a function that Numba compiles names itself."""
    return any(getattr(thing, "py_func", None) is source.function for thing in source.names().values())


def any_of(value):
    """Any value of that type."""
    if isinstance(value, Tuple):
        return Tuple(tuple(map(any_of, value.items)), value.kind)
    return scalar(value.type) if isinstance(value, Scalar) else value


class DeviceCalls(Stops):
    """Rewrites calls of device functions."""

    definition: ast.FunctionDef
    given: tuple  # what is known of the arguments
    calls: dict  # what was rewritten for each of its calls
    taken: tuple | None  # what the function was taken to return where it calls itself, and whether to wait
    callee: Any  # makes a function that is called

    def call_device_function(self, node, source, arguments, keywords, dispatcher=None):
        parameters = inspect.signature(source.function).parameters
        run_time = inspect.Signature([parameters[name] for name in source.arguments])
        try:
            bound = run_time.bind(*arguments, **keywords)
        except TypeError as error:
            raise Unsupported(f"{source.name}: {error}") from error
        bound.apply_defaults()
        if not is_compiled_apart(dispatcher):
            inner.refuse_stars(source.name, node)
        given = []
        for parameter, value in bound.arguments.items():
            if parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL:
                if not is_compiled_apart(dispatcher):
                    raise Unsupported(f"{source.name} takes *{parameter}: give each argument a name")
                value = Typed(self.tuple_node(value), Tuple(tuple(item.value for item in value)))
            given.append(value if isinstance(value, Typed) else self.literal(value))
        declared = None
        if declaring(dispatcher) and all(isinstance(argument.value, Scalar | Array | Record) for argument in given):
            declared = signature(declaring(dispatcher), *(type_to_numba(argument.value) for argument in given))
            given = [
                self.convert(argument, type_) if isinstance(argument.value, Scalar) else argument
                for argument, type_ in zip(given, declared.args, strict=True)
            ]
        result = declared and declared.return_type
        is_apart = is_compiled_apart(dispatcher)
        if is_apart and calls_itself(source):
            given = [Typed(argument.node, any_of(argument.value), argument.label) for argument in given]
            if source.function is self.source.function and self.is_given_the_same(given):
                return self.call_again(source, given)
        return self.call_rewritten(node, source, given, result, is_apart)

    def call_rewritten(self, node, source, given, declared=None, is_apart=False, make=None):
        """A call of a function that is rewritten for it, by `make`; `is_apart`: Numba compiles it by itself."""
        if len(self.path) > 50:
            raise Unsupported(f"{source.name} calls itself: {RECURSION}")
        key = (node, tuple(argument.value for argument in given))
        if key not in self.calls:
            path = (*self.path, (node.lineno, node.col_offset))
            self.calls[key] = self.settled(lambda: (make or self.callee)(self.program, source, key[1], path, declared))
        callee = self.calls[key]
        if is_apart and callee.returns_a_view():
            problem = "which Numba compiles by itself and lets return none but the arrays given to it"
            raise Unsupported(f"{source.name} returns a view, {problem}")
        value = callee.result if callee.is_constant else unknown(callee.result)
        return self.called(callee, given, value, callee.is_generator)

    def called(self, callee, given, value, is_generator):
        """A call of a rewritten function, which returns such a value."""
        arguments = zip(callee.source.arguments, given, strict=True)
        passed = [argument.node for p, argument in arguments if p in callee.run_time_parameters]
        if is_generator and self.program.checked:
            passed.insert(0, self.at())
        result = call(callee.name, name("$thread"), *passed)
        return Typed(ast.YieldFrom(result) if is_generator else result, value)

    # Functions that call themselves

    def is_given_the_same(self, given):
        """Whether arguments are of the types that this function was called with."""
        return all(same_type(argument.value, value) for argument, value in zip(given, self.given, strict=True))

    def call_again(self, source, given):
        """A call of the function that is being rewritten."""
        if self.taken is None:
            if not self.returns and self.definition_returns():
                problem = "before a line that returns something without: let the case that ends it stand first"
                raise Unsupported(f"{source.name} calls itself {problem}")
            found = functools.reduce(join, (any_of(value.value) for _, value in self.returns)) if self.returns else None
            self.program.recursive[source.function, self.given] = self.taken = found or Static(None), False
        return self.called(self, given, *self.taken)

    def definition_returns(self):
        return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(self.definition))

    def settled(self, make):
        """A rewritten function, of which is true what was taken to be true where it calls itself."""
        for _ in range(MOST_GUESSES):
            callee = make()
            found = any_of(callee.result), callee.is_generator
            if callee.taken in (None, found):
                return callee
            if isinstance(callee.result, Clash):
                break
            self.program.recursive[callee.source.function, callee.given] = found
        raise Unsupported(f"{callee.source.name} calls itself, and returns {type_name(callee.result)}")

    def borrow(self, function, arguments, given=None) -> Typed:
        """A call of a function of numbers that Numba has written in Python; `given`: what is passed to it."""
        callee = self.program.borrow(function, tuple(argument.type for argument in arguments))
        passed = zip(given or arguments, callee.types, strict=True)
        given = [self.convert(argument, type_).node for argument, type_ in passed]
        return Typed(call(callee.name, name("$thread"), *given), callee.result)
