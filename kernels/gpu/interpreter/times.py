"""datetime64 and timedelta64 in a kernel: whole numbers of a unit, one of which, NaT, stands for none.

Their types are Numba's, and know the unit. Values are integers of 64 bits; so are the elements of arrays, of whose
memory the kernel sees the bytes. What would need a calendar, as the days of a month, is refused.
"""

import ast
import math
import operator

import numpy as np

from kernels.gpu.interpreter import arithmetic
from kernels.gpu.interpreter.conversions import Typed, call, number
from kernels.gpu.interpreter.elements import Elements
from kernels.gpu.interpreter.errors import Undefined, Unsupported
from kernels.gpu.interpreter.expressions import OPERATORS
from kernels.gpu.interpreter.known import Scalar, bounds, is_time, numba_type, scalar
from kernels.gpu.interpreter.typing_rules import get_best_unit, get_timedelta_conversion_factor, signature, types

LOW, HIGH = bounds(types.int64)
NAT = LOW


class Times(Elements):
    """Rewrites arithmetic of times, and leaves all other to its parents."""

    def literal(self, value):
        if isinstance(value, np.datetime64 | np.timedelta64):
            return Typed(number(int(value.astype(np.int64))), scalar(numba_type(value.dtype)))
        return super().literal(value)

    def convert(self, typed, type_):
        if not is_a_time(typed) and not is_time(type_):
            return super().convert(typed, type_)
        if typed.type == type_:
            return typed
        if type_ == types.int64:
            return Typed(typed.node, scalar(type_))
        raise Unsupported(f"{ast.unparse(typed.node)}: {typed.type} does not convert to {type_}")

    def binary(self, op, left, right):
        if not is_a_time(left) and not is_a_time(right):
            return super().binary(op, left, right)
        typing = signature(OPERATORS[type(op)], left.type, right.type)
        type_ = typing.return_type
        match op:
            case ast.Add() | ast.Sub():
                nodes = [self.in_unit(side, type_.unit) for side in (left, right)]
                return Typed(
                    call("$time_sum" if isinstance(op, ast.Add) else "$time_difference", *nodes), scalar(type_)
                )
            case ast.Mult():
                time, factor = (left, right) if is_a_time(left) else (right, left)
                wanted = typing.args[1 if time is left else 0]
                return Typed(call("$time_times", time.node, self.convert(factor, wanted).node), scalar(type_))
            case ast.Div() if is_a_time(right):
                unit = get_best_unit(left.type.unit, right.type.unit)
                nodes = [self.in_unit(side, unit) for side in (left, right)]
                return Typed(call("$time_ratio", *nodes), scalar(type_))
            case ast.Div() | ast.FloorDiv() if not is_a_time(right):
                return Typed(call("$time_over", left.node, self.convert(right, typing.args[1]).node), scalar(type_))
        raise Unsupported(f"{type(op).__name__} of {left.type} and {right.type} is not supported")

    def comparison(self, op, left, right):
        if not is_a_time(left) and not is_a_time(right):
            return super().comparison(op, left, right)
        if type(op) not in OPERATORS:
            raise Unsupported(f"{type(op).__name__} of {left.type} is not supported")
        signature(OPERATORS[type(op)], left.type, right.type)
        unit = get_best_unit(left.type.unit, right.type.unit)
        compared = self.program.constant(OPERATORS[type(op)])
        nodes = [self.in_unit(side, unit) for side in (left, right)]
        return Typed(call("$time_compared", ast.Name(compared, ast.Load()), *nodes), scalar(types.boolean))

    def unary(self, op, operand):
        if not is_a_time(operand):
            return super().unary(op, operand)
        type_ = signature(OPERATORS[type(op)], operand.type).return_type
        return operand if isinstance(op, ast.UAdd) else Typed(call("$time_negated", operand.node), scalar(type_))

    @staticmethod
    def known_truth(typed):
        if is_a_time(typed):
            raise Unsupported(f"{ast.unparse(typed.node)} is {typed.type}, which is neither true nor false")
        return Elements.known_truth(typed)

    def in_unit(self, typed, unit):
        """A time as a number of another unit."""
        factor = 1 if typed.type.unit == unit else get_timedelta_conversion_factor(typed.type.unit, unit)
        if factor is None:
            raise Unsupported(f"{typed.type} in units of {unit} goes by the calendar, which is not supported")
        return typed.node if factor == 1 else call("$time_scaled", typed.node, number(factor))

    def function_of_times(self, function, arguments):
        """abs, or np.isnat, of a time; None if it is no function of times. Raises Unsupported for other functions."""
        if function is int or not any(map(is_a_time, arguments)):
            return None
        if function is abs:
            type_ = signature(abs, arguments[0].type).return_type
            return Typed(call("$time_absolute", arguments[0].node), scalar(type_))
        if function is np.isnat:
            test = ast.Compare(arguments[0].node, [ast.Eq()], [number(NAT)])
            return Typed(test, scalar(types.boolean))
        raise Unsupported(f"{function.__name__} of a time is not supported")


def is_a_time(typed):
    return isinstance(typed.value, Scalar) and is_time(typed.value.type)


# Called by rewritten code


def wrapped(value):
    return arithmetic.wrap(value, LOW, HIGH)


def scaled(time, factor):
    return NAT if time == NAT else wrapped(time * factor)


def added(one, other):
    return NAT if NAT in (one, other) else wrapped(one + other)


def difference(one, other):
    return NAT if NAT in (one, other) else wrapped(one - other)


def negated(time):
    return wrapped(-time)


def absolute(time):
    return wrapped(-time) if time < 0 else time


def times(time, factor):
    """A time multiplied by an integer or a float."""
    if time == NAT:
        return NAT
    return wrapped(time * factor) if isinstance(factor, int) else whole(type(factor)(time) * factor)


def over(time, divisor):
    """A time divided by an integer or a float, without its fraction; NaT if that is 0."""
    if time == NAT or not divisor:
        return NAT
    if isinstance(divisor, int):
        return wrapped(abs(time) // abs(divisor) * (1 if (time < 0) == (divisor < 0) else -1))
    return whole(type(divisor)(time) / divisor)


def whole(value):
    """A float as a number of units, without its fraction. NaN is NaT; on a GPU what does not fit is undefined."""
    if math.isnan(value):
        return NAT
    if math.isinf(value):
        raise Undefined(f"{value} is no number of units of time")
    return arithmetic.to_integer(value, LOW, HIGH)


def ratio(one, other):
    return math.nan if NAT in (one, other) else arithmetic.divide(float(one), float(other))


def compared(operation, one, other):
    """A comparison; of NaT it is false, but for !=."""
    return operation is operator.ne if NAT in (one, other) else operation(one, other)


HELPERS = {
    "$time_scaled": scaled,
    "$time_sum": added,
    "$time_difference": difference,
    "$time_negated": negated,
    "$time_absolute": absolute,
    "$time_times": times,
    "$time_over": over,
    "$time_ratio": ratio,
    "$time_compared": compared,
}
