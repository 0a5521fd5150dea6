"""Statements of a kernel, rewritten along every path, so that each variable has one type at each point.

Where paths meet (after an `if`, at the head of a loop) a variable takes the type Numba unifies its types to,
and each path that arrives with another type converts it on the way: `acc = 0` before a loop that adds
float32 values starts as the float64 0.0, as it does in the compiled kernel.
"""

import ast
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from kernels.gpu.interpreter import hints
from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import KernelError, Unsupported
from kernels.gpu.interpreter.iterating import Iterating
from kernels.gpu.interpreter.known import (
    Array,
    Clash,
    Record,
    Static,
    Tuple,
    join,
    same_type,
    type_name,
    widen,
)
from kernels.gpu.interpreter.lockstep import PAUSE


@dataclass
class Edge:
    """A way into a meeting point: what is known of the variables there, and a place for conversions."""

    variables: dict
    conversions: list = field(default_factory=list)


@dataclass
class Loop:
    breaks: list = field(default_factory=list)
    continues: list = field(default_factory=list)


class Statements(Iterating):
    """Rewrites statements. `self.variables` maps each variable to what is known of it here; None: never reached."""

    def __init__(self, program, source, path=()):
        super().__init__(program, source)
        self.path = path
        self.variables: Any = {}
        self.loops: list[Loop] = []
        self.heads: dict[tuple, dict] = {}
        self.unrolled: tuple = ()  # at which item of a loop that is unrolled, see unrolling.py
        self.looking: set[ast.stmt] = set()
        self.noting: set[int] = set()  # how deep in loops something waits, of those that are being rewritten
        self.returns: list[tuple[ast.Return, Typed]] = []
        self.assigned_name = ""

    def body(self, statements):
        """The rewritten statements, up to the first that is never reached."""
        rewritten = []
        for statement in statements:
            if self.variables is None:
                break
            outer, self.flops = self.flops, 0
            try:
                visit = getattr(self, f"statement_{type(statement).__name__}", None)
                if visit is None:
                    raise Unsupported(hints.unsupported(statement))
                new = visit(statement)
            except KernelError as error:
                raise self.located(error, statement) from error.__cause__
            if self.program.counted and self.flops:
                new = [self.count_flops(statement), *new]
            self.flops = outer
            new = [*(self.come_by(statement, "line") if new else []), *new]
            for node in new:
                ast.copy_location(node, statement)
            rewritten += new
        return rewritten or [ast.Pass()]

    # Counting, see trace.py

    def count_flops(self, statement):
        """A statement that records the floating-point operations of another, and forgets them here."""
        site = self.program.site_number(self.site(statement, "", "flops"))
        count, self.flops = self.flops, 0
        return ast.Expr(call("$count_flops", name("$thread"), number(count), number(site)))

    def turns(self, statement, iterable):
        """The iterator of a loop, which if turns are counted records them."""
        if not self.program.counted:
            return iterable
        loop = self.program.loop_number((*self.path, statement.lineno))
        return call("$turns", name("$thread"), number(loop), iterable)

    # Tracing, see trace.py

    def come_by(self, statement, kind):
        """What stands before a statement, "line", or at the head of a loop, "turn": if lines are traced, a note."""
        if not self.program.traced:
            return []
        site = dataclasses.replace(self.site(statement, "", kind), path=self.path)
        return [ast.Expr(call("$come_by", name("$thread"), number(self.program.site_number(site))))]

    # Assignments

    def statement_Assign(self, statement):
        self.assigned_name = ast.unparse(statement.targets[0])  # a shared or local array is known by it
        value = self.expression(statement.value)
        if len(statement.targets) == 1:
            return self.assign(statement.targets[0], value)
        first, kept = self.keep(value)
        return [first, *(node for target in statement.targets for node in self.assign(target, kept))]

    def statement_AnnAssign(self, statement):
        return self.assign(statement.target, self.expression(statement.value)) if statement.value else []

    def keep(self, value):
        """A statement that binds a value to a name of its own, and the value by that name, to use it several times."""
        kept = self.temporary()
        return ast.Assign([ast.Name(kept, ast.Store())], value.node), Typed(name(kept), value.value)

    def assign(self, target, value):
        match target:
            case ast.Name(identifier):
                self.variables[identifier] = value.value
                if isinstance(value.value, Static):
                    return []
                return [ast.Assign([ast.Name(identifier, ast.Store())], value.node)]
            case ast.Tuple(targets) | ast.List(targets) if isinstance(value.value, Array):
                before, items = self.unpacked(value, len(targets), target)
                return [*before, *(n for t, item in zip(targets, items, strict=True) for n in self.assign(t, item))]
            case ast.Tuple(targets) | ast.List(targets):
                is_tuple = isinstance(value.value, Tuple) and not value.value.is_vector
                if not is_tuple or len(value.value.items) != len(targets):
                    raise Unsupported(f"{type_name(value.value)} does not unpack into {len(targets)} variables")
                first, kept = self.keep(value)
                items = [self.assign(t, self.item(kept, i)) for i, t in enumerate(targets)]
                return [first, *(node for item in items for node in item)]
            case ast.Subscript():
                return self.assign_element(target, value)
            case ast.Attribute(owner, field):
                record = self.expression(owner)
                if isinstance(record.value, Record):
                    return [self.assign_field(record, field, value, target)]
        raise Unsupported(f"assignment to {type(target).__name__} is not supported")

    def statement_AugAssign(self, statement):
        match statement.target:
            case ast.Name(identifier):
                old = self.expression(ast.copy_location(name(identifier), statement))
                return self.assign(statement.target, self.binary(statement.op, old, self.expression(statement.value)))
            case ast.Subscript() | ast.Attribute() as target:
                before, array, index = self.place(target)
                old = self.load(array, index, target)
                new = self.binary(statement.op, old, self.expression(statement.value))
                return [*before, self.store(array, index, new, target)]
        raise Unsupported(f"assignment to {type(statement.target).__name__} is not supported")

    def statement_Expr(self, statement):
        if isinstance(statement.value, ast.Constant):  # a docstring
            return []
        value = self.expression(statement.value)
        return [ast.Expr(value.node)]

    def statement_Pass(self, statement):
        return []

    # Where paths part and meet

    def statement_If(self, statement):
        test = self.expression(statement.test)
        known = self.known_truth(test)
        if known is not None:
            return self.body(statement.body if known else statement.orelse)
        before = self.variables
        ends, bodies = [], []
        for branch in (statement.body, statement.orelse):
            self.variables = dict(before)
            nodes = self.body(branch)
            if self.variables is not None:
                edge = Edge(self.variables)
                ends.append(edge)
                nodes.append(self.conversions(edge))
            bodies.append(nodes)
        self.variables = self.meet(ends)
        return [ast.If(test.node, *bodies)]

    @staticmethod
    def conversions(edge):
        """A statement that will hold the conversions of an edge, once it is known what to convert to."""
        edge.conversions.append(ast.Pass())
        return ast.If(number(True), edge.conversions, [])

    def meet(self, edges):
        """What is known where the edges meet; fills in their conversions."""
        if not edges:
            return None
        variables = dict(edges[0].variables)
        for edge in edges[1:]:
            for identifier, value in edge.variables.items():
                known = variables.get(identifier)
                variables[identifier] = value if known is None else join(known, value)
        for edge in edges:
            self.convert_edge(edge, variables)
        return variables

    def convert_edge(self, edge, variables):
        for identifier, value in edge.variables.items():
            target = variables[identifier]
            if not same_type(value, target) and not isinstance(target, Clash):
                converted = self.represent(Typed(name(identifier), value), target)
                edge.conversions.append(ast.Assign([ast.Name(identifier, ast.Store())], converted.node))

    def loop(self, statement, enter):
        """A loop, its body rewritten until what is known at its head stays the same. `enter` gives test or iterator."""
        entry = Edge(self.variables)
        head = dict(entry.variables)
        earlier = self.heads.get((self.unrolled, statement), {})  # in an earlier round of an outer loop
        for identifier, value in earlier.items():
            head[identifier] = join(head[identifier], value) if identifier in head else value
        while True:
            self.variables = dict(head)
            self.loops.append(Loop())
            first, is_endless = enter()
            nodes = self.body(statement.body)
            loop = self.loops.pop()
            if self.variables is not None:
                edge = Edge(self.variables)
                nodes.append(self.conversions(edge))
                loop.continues.append(edge)
            found = dict(head)
            for edge in (entry, *loop.continues):
                for identifier, value in edge.variables.items():
                    known = found.get(identifier)
                    found[identifier] = value if known is None else join(known, value)
            if found == head:
                break
            head = {i: widen(head[i], value) if i in head else value for i, value in found.items()}
        self.heads[self.unrolled, statement] = head
        for edge in (entry, *loop.continues):
            self.convert_edge(edge, head)
        exits = list(loop.breaks)
        orelse: list[ast.stmt] = []
        if not is_endless:
            self.variables = dict(head)
            orelse = self.body(statement.orelse) if statement.orelse else []
            if self.variables is not None:
                left = Edge(self.variables)
                orelse.append(self.conversions(left))
                exits.append(left)
        self.variables = self.meet(exits)
        return entry.conversions, first, nodes, orelse

    def statement_While(self, statement):
        def enter():
            self.flops = 0
            test = self.expression(statement.test)
            known = self.known_truth(test)
            return (test.node if known is None else number(known)), known is True

        looks = self.program.looks
        before, test, nodes, orelse = self.loop(statement, enter)
        head = self.pause(statement, self.program.looks > looks) + self.note_turn(statement)
        head += self.come_by(statement, "turn")
        if self.program.counted and self.flops:
            head.append(self.count_flops(statement))
        after = []
        if statement.orelse and orelse:  # behind the loop, since a `break` in it is one of the loop around
            ended = self.temporary()
            before = [*before, ast.Assign([ast.Name(ended, ast.Store())], number(False))]
            after = [ast.If(name(ended), orelse, [])]
            orelse = [ast.Assign([ast.Name(ended, ast.Store())], number(True))]
        leave = ast.If(ast.UnaryOp(ast.Not(), test), [*orelse, ast.Break()], [])
        # A loop over as many turns as are allowed, which the test may end: that costs no more than a while.
        turns = self.turns(statement, ast.Attribute(name("$thread"), "turns", ast.Load()))
        endless = ast.Expr(call("$endless", name("$thread"), self.loop_site(statement)))
        return [*before, ast.For(ast.Name("$turn", ast.Store()), turns, [*head, leave, *nodes], [endless]), *after]

    def loop_site(self, statement):
        return number(self.program.site_number(self.site(statement, "loop", "sync")))

    def pause(self, statement, is_looking):
        """What stands at the head of a loop that may wait for another thread: every few turns it lets others run."""
        if is_looking:
            self.looking.add(statement)
        if statement not in self.looking:  # in a later round of an outer loop its functions are no longer looked into
            return []
        turn = name("$turn")
        is_last = ast.Compare(ast.BinOp(turn, ast.BitAnd(), number(PAUSE - 1)), [ast.Eq()], [number(PAUSE - 1)])
        event = ast.Tuple([number("loop"), self.loop_site(statement), turn], ast.Load())
        return [ast.If(is_last, [ast.Expr(ast.Yield(event))], [])]

    def at(self):
        """What holds the turns that a thread is on, of the loops around this place: see `note_turn`."""
        if not self.program.checked:
            return ast.Tuple([], ast.Load())
        self.noting.add(len(self.loops))
        return name(f"$at{len(self.loops)}")

    def note_turn(self, statement):
        """What stands at the head of a loop with a barrier in it: a thread must know on which turn it waits there."""
        depth = len(self.loops) + 1
        if depth not in self.noting:
            return []
        self.noting.remove(depth)
        turn = ast.Tuple([number(statement.lineno), name("$turn")], ast.Load())
        turns = ast.Tuple([ast.Starred(self.at(), ast.Load()), turn], ast.Load())
        return [ast.Assign([ast.Name(f"$at{depth}", ast.Store())], call("$on_turn", name("$thread"), turns))]

    def statement_For(self, statement):
        iterator = self.iterator(statement.iter)

        def enter():
            self.variables[statement.target.id] = iterator.value
            return iterator.node, False

        locks = self.program.locks
        before, iterable, nodes, orelse = self.loop(statement, enter)
        head = self.pause(statement, self.program.locks > locks) + self.note_turn(statement)
        iterable = self.turns(statement, iterable)
        turn = self.come_by(statement, "turn")
        nodes, orelse = [*turn, *nodes], [*turn, *orelse]
        if not head:
            return [*before, ast.For(statement.target, iterable, nodes, orelse)]
        target = ast.Tuple([ast.Name("$turn", ast.Store()), statement.target], ast.Store())
        return [*before, ast.For(target, call("$enumerate", iterable), [*head, *nodes], orelse)]

    def statement_Break(self, statement):
        return self.leave(self.loops[-1].breaks, statement)

    def statement_Continue(self, statement):
        return self.leave(self.loops[-1].continues, statement)

    def leave(self, edges, statement):
        edge = Edge(self.variables)
        edges.append(edge)
        self.variables = None
        return [self.conversions(edge), statement.__class__()]

    def statement_Return(self, statement):
        value = self.expression(statement.value) if statement.value else Typed(number(None), Static(None))
        node = ast.Return(None if value.value == Static(None) else value.node)
        self.returns.append((node, value))
        self.variables = None
        return [node]
