"""What shared, local and constant arrays are called in the source: PTX has names of its own for them, or none."""

import ast
from functools import cache
from pathlib import Path


def name_at(file: str, line: int, kind: str) -> str | None:
    """The only array of a kind ("shared", "local" or "const") with an index in the statement of a line; or None."""
    for function in functions(file):
        if not function.lineno <= line <= (function.end_lineno or 0):
            continue
        known = {name for name, what in declared(function) if what == kind}
        there = [s for s in ast.walk(function) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or 0)]
        statement = min(there, key=lambda s: (s.end_lineno or 0) - s.lineno)
        indexed = (node.value for node in ast.walk(statement) if isinstance(node, ast.Subscript))
        found = {node.id for node in indexed if isinstance(node, ast.Name) and node.id in known}
        return found.pop() if len(found) == 1 else None
    return None


@cache
def functions(file):
    """The functions that stand in a file, those within others first; none where it cannot be read."""
    try:
        tree = ast.parse(Path(file).read_text())
    except (OSError, SyntaxError, ValueError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)][::-1]


def declared(function):
    """(name, kind) of what a function assigns from cuda.shared.array and its like."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(
                [ast.Name(name)], ast.Call(ast.Attribute(ast.Attribute(attr=kind), attr="array" | "array_like"))
            ):
                yield name, kind
