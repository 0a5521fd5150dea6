"""A loop over a tuple whose items have several types: Numba compiles its body once for each, and so it is rewritten.

for x in literal_unroll((a, b)):      for x in (a,):
    y[0] += x[0]                          y[0] += x[0]
                                      else:
                                          for x in (b,):
                                              y[0] += x[0]

A `continue` ends the turn of one item, as it does where it stands, and behind a `break` no `else` is executed.
"""

import ast

from kernels.gpu.interpreter.conversions import number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Static, Tuple, type_name
from kernels.gpu.interpreter.statements import Edge, Loop, Statements


class Unrolling(Statements):
    """Rewrites loops over literal_unroll(tuple)."""

    def statement_For(self, statement):
        if not self.is_unrolled(statement.iter):
            return super().statement_For(statement)
        if len(statement.iter.args) != 1 or statement.iter.keywords:
            raise Unsupported("literal_unroll takes a tuple")
        if self.unrolled:
            raise Unsupported("literal_unroll within a loop over literal_unroll is not supported by Numba")
        items = self.expression(statement.iter.args[0])
        if not isinstance(items.value, Tuple) or items.value.is_vector:
            raise Unsupported(f"literal_unroll takes a tuple, not {type_name(items.value)}")
        first, kept = self.keep(items)
        return [first, *self.turns_of(statement, kept, 0, [])]

    def is_unrolled(self, node):
        """Whether an expression is a call of literal_unroll, which Numba has twice: for CPUs and for CUDA."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            return False
        value = self.expression(node.func).value
        thing = value.object if isinstance(value, Static) else None
        return getattr(thing, "__name__", "") == "literal_unroll" and thing.__module__.startswith("numba.")

    def turns_of(self, statement, items, turn, breaks):
        """The loop from one item on. `breaks`: the ways out of it that were found before."""
        if turn == len(items.value.items):
            orelse = self.body(statement.orelse) if statement.orelse else []
            return [*orelse, *self.met(breaks)]
        self.unrolled = (turn,)
        self.loops.append(Loop())
        target = self.assign(statement.target, self.item(items, turn))
        nodes = [*self.come_by(statement, "turn"), *target, *self.body(statement.body)]
        loop = self.loops.pop()
        self.unrolled = ()
        nodes = [*self.note_turn(statement), *nodes, *self.met(loop.continues)]
        breaks = [*breaks, *loop.breaks]
        orelse = self.met(breaks) if self.variables is None else self.turns_of(statement, items, turn + 1, breaks)
        once = self.turns(statement, ast.Tuple([number(turn)], ast.Load()))
        return [ast.For(ast.Name("$turn", ast.Store()), once, nodes, orelse)]

    def met(self, edges):
        """What stands where the last of several ways ends, for what is known to be that of all from here on."""
        here = [] if self.variables is None else [Edge(self.variables)]
        nodes = [self.conversions(edge) for edge in here]
        self.variables = self.meet([*here, *edges])
        return nodes
