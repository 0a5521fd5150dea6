"""Lines of a kernel: where the statement that begins on one ends, and which loops are around it."""

import ast
from typing import NamedTuple


class Line(NamedTuple):
    """A statement of a function that is being executed, or a turn of a loop."""

    file: str
    line: int
    last: int
    """The last line of the statement, or of its head if others stand in it."""
    loops: tuple[int, ...]
    """The lines of the loops around it, the outermost first."""
    is_loop: bool
    is_turn: bool
    path: tuple
    """The calls of device functions, (line, column), by which it is reached."""


class Lines:
    """The lines of a rewritten kernel, by the numbers of its sites."""

    def __init__(self, program):
        self.sites = program.sites
        self.known: dict[tuple[str, int], tuple[int, tuple[int, ...], bool]] = {}
        self.found: dict[int, Line] = {}
        for function in program.functions:
            self.read(function.source.file, function.definition.body, ())

    def read(self, file, statements, loops):
        for statement in statements:
            inner = [block for name in ("body", "orelse") for block in [getattr(statement, name, [])] if block]
            last = inner[0][0].lineno - 1 if inner else statement.end_lineno
            is_loop = isinstance(statement, ast.For | ast.While)
            self.known.setdefault((file, statement.lineno), (max(last, statement.lineno), loops, is_loop))
            for block in inner:
                self.read(file, block, (*loops, statement.lineno) if is_loop else loops)

    def at(self, number) -> Line:
        """The line of a site."""
        if number not in self.found:
            site = self.sites[number]
            last, loops, is_loop = self.known[site.file, site.line]
            self.found[number] = Line(site.file, site.line, last, loops, is_loop, site.kind == "turn", site.path)
        return self.found[number]
