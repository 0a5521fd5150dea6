"""`raise` and `assert`: where a thread stops.

A GPU raises nothing. What Numba compiles of `raise` ends the thread there, in whatever function it is, and the others
go on. Unchecked it is so here too: the thread leaves by an exception that the rewritten kernel takes for its end.
Checked, that a thread stops is an error that says which and where.
"""

import ast

from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import Raised, Unsupported
from kernels.gpu.interpreter.known import Iterable, Static, type_name
from kernels.gpu.interpreter.unrolling import Unrolling


class Stop(Exception):
    """A thread of a kernel that nobody checks has come to its end."""


def stop(kind, *details):
    """What stops a thread of a kernel that is checked: called by rewritten code."""
    said = ", ".join(map(str, details))
    raise Raised(f"{kind}: {said}" if said else kind)


def following(iterator, is_checked):
    """The next item of an iterator; where there is none the thread stops. Called by rewritten code."""
    try:
        return next(iterator)
    except StopIteration:
        if not is_checked:
            raise Stop from None
    stop("StopIteration")


class Stops(Unrolling):
    """Rewrites the statements by which a thread stops."""

    def statement_Raise(self, statement):
        match statement.exc:
            case None:
                raise Unsupported("raise without an exception is not supported: there is none to raise again")
            case ast.Call(function, arguments, []):
                pass
            case function:
                arguments = []
        kind = self.expression(function).value
        if not (isinstance(kind, Static) and isinstance(kind.object, type) and issubclass(kind.object, BaseException)):
            raise Unsupported(f"raise {ast.unparse(statement.exc)}: {type_name(kind)} is no exception")
        details = [self.detail(argument) for argument in arguments]
        self.variables = None
        return [self.stop(kind.object, details)]

    def next_of(self, iterator):
        """next(...) of what goes over something."""
        if not isinstance(iterator.value, Iterable):
            raise Unsupported(f"next of {type_name(iterator.value)} is not supported: it takes what iter(...) gives")
        self.program.stops = not self.program.checked
        return Typed(call("$next", iterator.node, number(self.program.checked)), iterator.value.item)

    def detail(self, node):
        """What an exception says, a constant or a number."""
        value = self.expression(node)
        return number(str(value.value.object)) if isinstance(value.value, Static) else value.node

    def stop(self, kind, details):
        """The statement by which a thread stops."""
        if self.program.checked:
            return ast.Expr(call("$stop", number(kind.__name__), *details))
        self.program.stops = True
        return ast.Raise(name("$Stop"), None)

    def statement_Assert(self, statement):
        test = self.expression(statement.test)
        if self.known_truth(test) is True:
            return []
        details = [self.detail(statement.msg)] if statement.msg else []
        return [ast.If(ast.UnaryOp(ast.Not(), test.node), [self.stop(AssertionError, details)], [])]

    def until_stopped(self, body):
        """The body of a kernel, which ends where a function that it calls stops its thread."""
        if not self.program.stops or self.path:
            return body
        return [ast.Try(body, [ast.ExceptHandler(name("$Stop"), None, [ast.Pass()])], [], [])]
