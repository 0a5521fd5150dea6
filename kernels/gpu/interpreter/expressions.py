"""Expressions of a kernel, rewritten into Python that computes what Numba's types would.

    acc * 0.5 + i          (acc float32, i int32)
    float(acc) * 0.5 + float(i)

Types and bounds are worked out before the run, so the rewritten code carries a conversion only where the
type changes and a wrap-around only where an integer could leave its 64 bits.
"""

import ast
import math
import operator
from collections.abc import Callable

from kernels.gpu.interpreter import arithmetic, complex_numbers, hints, tuples
from kernels.gpu.interpreter.conversions import Conversions, Typed, call, name, number
from kernels.gpu.interpreter.errors import KernelError, Site, Unsupported
from kernels.gpu.interpreter.known import (
    COMPLEX,
    FLOATS,
    HALF,
    Array,
    Scalar,
    Static,
    Tuple,
    bounds,
    computed,
    constant,
    is_integer,
    join,
    scalar,
    type_name,
    type_to_numba,
)
from kernels.gpu.interpreter.typing_rules import signature, types, unified

OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


class FoldLiterals(ast.NodeTransformer):
    """Computes operations on literals, as Python's compiler does before Numba sees them: 2 ** -1 is 0.5."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return self.folded(node, node.left, node.right)

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        return self.folded(node, node.operand)

    @staticmethod
    def folded(node, *operands):
        is_literal = all(isinstance(o, ast.Constant) and isinstance(o.value, int | float | complex) for o in operands)
        if not is_literal or type(node.op) not in OPERATORS:
            return node
        try:
            value = OPERATORS[type(node.op)](*(operand.value for operand in operands))
        except (ArithmeticError, TypeError, ValueError):
            return node
        return ast.copy_location(ast.Constant(value), node)


class Expressions(Conversions):
    """Rewrites expressions. What is a name, a call or an element of an array is left to its heirs."""

    flops = 0  # floating-point operations of the statement that is being rewritten, see Statements.body

    def expression(self, node) -> Typed:
        """The rewritten expression, with its place in the source."""
        try:
            typed = getattr(self, f"visit_{type(node).__name__}", self.unsupported)(node)
        except KernelError as error:
            raise self.located(error, node) from error.__cause__
        ast.copy_location(typed.node, node)
        return typed

    def unsupported(self, node):
        raise Unsupported(hints.unsupported(node))

    def located(self, error, node):
        """The error with the source line, where it has none yet."""
        error.site = error.site or self.site(node, "", "")
        return error

    def site(self, node, what, kind, nbytes=0):
        return Site(self.source.file, node.lineno, what, kind, nbytes, node.col_offset)

    # Operators

    def visit_Constant(self, node):
        return self.literal(node.value)

    def visit_Tuple(self, node):
        items = self.spread(node.elts)
        return Typed(self.tuple_node(items), Tuple(tuple(item.value for item in items)))

    def spread(self, nodes):
        """The expressions at some nodes, where *t stands for all items of a tuple."""
        found = []
        for node in nodes:
            typed = self.expression(node.value if isinstance(node, ast.Starred) else node)
            if isinstance(node, ast.Starred) and not isinstance(typed.value, Tuple):
                raise Unsupported(f"*{ast.unparse(node.value)}: {type_name(typed.value)} is no tuple")
            found += self.items(typed) if isinstance(node, ast.Starred) else [typed]
        return found

    def visit_BinOp(self, node):
        return self.binary(node.op, self.expression(node.left), self.expression(node.right))

    def binary(self, op, left, right) -> Typed:
        if isinstance(left.value, Tuple) and isinstance(right.value, Tuple) and isinstance(op, ast.Add):
            if left.value.kind or right.value.kind:
                signature(operator.add, type_to_numba(left.value), type_to_numba(right.value))
            return Typed(ast.BinOp(left.node, op, right.node), computed(Tuple(left.value.items + right.value.items)))
        if type(op) not in OPERATORS:
            raise Unsupported(hints.unsupported(op))
        if left.type in COMPLEX or right.type in COMPLEX:
            return complex_numbers.binary(self, op, OPERATORS[type(op)], left, right)
        typing = signature(OPERATORS[type(op)], left.type, right.type)
        type_ = typing.return_type
        if isinstance(op, ast.Pow):
            return self.power(self.convert(left, typing.args[0]), self.convert(right, typing.args[1]), type_)
        left, right = self.convert(left, type_), self.convert(right, type_)
        if type_ in (HALF, *FLOATS):
            self.flops += 1
            return Typed(self.binary_of_floats(op, left, right), scalar(type_))
        if type_ == types.boolean:
            return Typed(ast.BinOp(left.node, op, right.node), scalar(type_))
        return self.binary_of_integers(op, left, right, type_)

    def binary_of_floats(self, op, left, right):
        if isinstance(op, ast.FloorDiv):
            return call("$floor_divide_float", left.node, right.node)
        if isinstance(op, ast.Mod):
            return call("$modulo_float", left.node, right.node)
        if isinstance(op, ast.Div) and right.type == types.float64 and not right.constant:
            return call("$divide", left.node, right.node)
        return ast.BinOp(left.node, op, right.node)

    def binary_of_integers(self, op, left, right, type_):
        a, b = left.value, right.value
        plain = ast.BinOp(left.node, op, right.node)
        match op:
            case ast.Add():
                return self.integer(plain, a.low + b.low, a.high + b.high, type_)
            case ast.Sub():
                return self.integer(plain, a.low - b.high, a.high - b.low, type_)
            case ast.Mult():
                low, high = corners(operator.mul, a, b)
                return self.integer(plain, low, high, type_)
            case ast.FloorDiv():
                if b.low > 0:
                    low, high = corners(operator.floordiv, a, b)
                    return self.integer(plain, low, high, type_)
                return Typed(call("$floor_divide_integer", left.node, right.node), scalar(type_))
            case ast.Mod():
                if b.low > 0:
                    return self.integer(plain, 0, min(b.high - 1, a.high) if a.low >= 0 else b.high - 1, type_)
                return Typed(call("$modulo_integer", left.node, right.node), scalar(type_))
            case ast.LShift() | ast.RShift():
                if b.low >= 0 and b.high < type_.bitwidth:
                    low, high = corners(OPERATORS[type(op)], a, b)
                    return self.integer(plain, low, high, type_)
                is_left = isinstance(op, ast.LShift)
                shifted = call("$shift", left.node, right.node, number(is_left), number(type_.bitwidth))
                smallest, largest = bounds(type_)
                grown = type_.bitwidth if is_left else 0
                return self.integer(shifted, smallest << grown, largest << grown, type_)
            case ast.BitAnd() if a.low >= 0 or b.low >= 0:
                return Typed(plain, Scalar(type_, 0, min(v.high for v in (a, b) if v.low >= 0)))
            case ast.BitOr() | ast.BitXor() if a.low >= 0 and b.low >= 0:
                return Typed(plain, Scalar(type_, 0, (1 << max(a.high, b.high).bit_length()) - 1))
        return Typed(plain, scalar(type_))

    def power(self, base, exponent, type_):
        if is_integer(type_):
            base = self.convert(base, type_)
            node = call("$power_of_integers", base.node, exponent.node, *map(number, bounds(type_)))
            return Typed(node, scalar(type_))
        base = self.convert(base, type_)
        if is_integer(exponent.type):
            self.flops += 1
            return Typed(call("$power_of_float", base.node, exponent.node), scalar(type_))
        return self.function_of_floats(math.pow, (base, self.convert(exponent, type_)), type_)

    def visit_UnaryOp(self, node):
        operand = self.expression(node.operand)
        return self.negated(operand) if isinstance(node.op, ast.Not) else self.unary(node.op, operand)

    def unary(self, op, operand) -> Typed:
        """A sign or a complement."""
        source, type_ = operand.type, signature(OPERATORS[type(op)], operand.type).return_type
        if type_ == types.boolean:  # ~ of a boolean
            return Typed(ast.UnaryOp(ast.Not(), operand.node), scalar(type_))
        operand = self.convert(operand, type_)
        plain = ast.UnaryOp(op, operand.node)
        if type_ in (HALF, *FLOATS, *COMPLEX):
            known = operand.constant
            value = scalar(type_) if known is None else constant(type_, OPERATORS[type(op)](known))
            return Typed(plain, value)
        low, high = sorted(OPERATORS[type(op)](bound) for bound in (operand.value.low, operand.value.high))
        if is_integer(source):  # computed in its own width, in which -(-128) of an int8 is -128
            return self.convert(self.integer(plain, low, high, source), type_)
        return self.integer(plain, low, high, type_)

    def negated(self, operand) -> Typed:
        known = self.known_truth(operand)
        if known is not None:
            return self.literal(not known)
        return Typed(ast.UnaryOp(ast.Not(), operand.node), scalar(types.boolean))

    # Comparisons and conditions

    def visit_Compare(self, node):
        operands = [self.expression(operand) for operand in (node.left, *node.comparators)]
        parts = []
        for i, op in enumerate(node.ops):
            left, right = operands[i], operands[i + 1]
            is_plain = isinstance(right.node, ast.Name | ast.Constant) or right.constant is not None
            if i + 1 < len(node.ops) and not is_plain:
                kept = self.temporary()
                operands[i + 1] = Typed(name(kept), right.value)
                right = Typed(ast.NamedExpr(ast.Name(kept, ast.Store()), right.node), right.value)
            parts.append(self.comparison(op, left, right))
        if len(parts) == 1:
            return parts[0]
        return Typed(ast.BoolOp(ast.And(), [part.node for part in parts]), scalar(types.boolean))

    def comparison(self, op, left, right) -> Typed:
        if isinstance(op, ast.Is | ast.IsNot):
            are_static = [isinstance(side.value, Static) for side in (left, right)]
            if not all(are_static) and Static(None) not in (left.value, right.value):
                raise Unsupported("`is` compares with None only, or members of an enum")
            same = left.value == right.value
            return self.literal(same if isinstance(op, ast.Is) else not same)
        if isinstance(left.value, Static) and isinstance(right.value, Static):
            return self.literal(bool(OPERATORS[type(op)](left.value.object, right.value.object)))
        if isinstance(op, ast.In | ast.NotIn):
            if isinstance(right.value, Array):
                found = self.program.borrow_at(self, right.node, operator.contains, [right, left], {})
            else:
                found = tuples.contains(self, right, left)
            return found if isinstance(op, ast.In) else self.negated(found)
        if type(op) not in OPERATORS:
            raise Unsupported(hints.unsupported(op))
        if isinstance(left.value, Tuple) and isinstance(right.value, Tuple):
            return tuples.compared(self, OPERATORS[type(op)], left, right)
        first, second = signature(OPERATORS[type(op)], left.type, right.type).args
        known = left.constant is not None and right.constant is not None
        left, right = self.convert(left, first), self.convert(right, second)
        if known:
            return self.literal(bool(OPERATORS[type(op)](left.constant, right.constant)))
        self.flops += first in FLOATS
        return Typed(ast.Compare(left.node, [op], [right.node]), scalar(types.boolean))

    @staticmethod
    def known_truth(typed):
        """True or False if that is known before the run, else None."""
        match typed.value:
            case Static(thing):
                return bool(thing)
            case Tuple(items):
                return bool(items)
            case Array():
                raise Unsupported(f"{ast.unparse(typed.node)}: an array is neither true nor false")
        return None if typed.constant is None else bool(typed.constant)

    def visit_BoolOp(self, node):
        parts = []
        for operand in node.values:
            part = self.expression(operand)
            known = self.known_truth(part)
            decides = isinstance(node.op, ast.Or)  # `or` ends at the first true operand, `and` at the first false
            if known is None or known is decides or operand is node.values[-1]:
                parts.append(part)
            if known is decides:
                break
        if len(parts) == 1:
            return parts[0]
        type_ = self.common_type(parts)
        value = scalar(type_)
        return Typed(ast.BoolOp(node.op, [self.convert(part, type_).node for part in parts]), value)

    def visit_IfExp(self, node):
        test = self.expression(node.test)
        known = self.known_truth(test)
        if known is not None:
            return self.expression(node.body if known else node.orelse)
        first, second = self.expression(node.body), self.expression(node.orelse)
        value = join(first.value, second.value)
        nodes = [self.represent(side, value).node for side in (first, second)]
        return Typed(ast.IfExp(test.node, *nodes), value)

    def common_type(self, parts):
        type_ = parts[0].type
        for part in parts[1:]:
            type_ = unified(type_, part.type)
            if type_ is None:
                raise Unsupported(f"{' and '.join(str(p.type) for p in parts)} have no common type")
        return type_

    # Functions of numbers

    def function_of_floats(self, function, arguments, type_) -> Typed:
        """A function of math, for arguments that were converted already."""
        self.flops += 1
        nodes = [argument.node for argument in arguments]
        is_float32 = arguments[0].type == types.float32 and function is not math.fabs
        identifier = self.program.constant(arithmetic.MATH[function])
        if function is math.nextafter and is_float32:
            return Typed(call("$nextafter_float32", *nodes), scalar(type_))
        if is_float32:
            nodes = [call("$float", node) for node in nodes]
        result = call(identifier, *nodes)
        return Typed(call("$float32", result) if type_ == types.float32 and is_float32 else result, scalar(type_))


def corners(operation, a, b):
    """Bounds of an operation that is monotone in each operand."""
    results = [operation(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(results), max(results)
