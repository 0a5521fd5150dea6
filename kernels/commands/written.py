"""The ladders of an operation as its files say them: read and not imported, as what runs them loads slowly."""

import ast
import importlib.util
from contextlib import suppress
from functools import cache
from pathlib import Path

from kernels.modules import PACKAGE
from kernels.operation import Operation

ROOT = Path(__file__).parents[2]


class Unread(Exception):
    """What cannot be told without running a file."""


def written_ladders(operation: Operation) -> dict[str, list[str]] | None:
    """What each rung adds, of each ladder by its name; None where only an import can tell.

    That is so where rungs are not functions whose names stand in `Ladder(...)`; and outside of this project, where an
    import tells whoever writes a kernel also what is wrong with it.
    """
    spec = importlib.util.find_spec(f"{PACKAGE}.{operation.name}")
    if spec is None or not Path(str(spec.origin)).is_relative_to(ROOT):
        return None
    if not operation.has("cuda"):
        return {}
    found: dict[str, list[str]] = {}
    try:
        for direction in operation.directions:
            parts = ladders(f"{PACKAGE}.{operation.name}.cuda", direction)
            found |= parts if len(parts) > 1 else dict.fromkeys([direction], *parts.values())
    except (OSError, SyntaxError, Unread):
        return None
    return found


def written_cpu_ladders(operation: Operation) -> dict[str, list[str]]:
    """What each rung adds, of each direction that has a ladder in cpu.py as it is written there."""
    found: dict[str, list[str]] = {}
    for direction in operation.directions:
        with suppress(OSError, Unread):
            found |= ladders(f"{PACKAGE}.{operation.name}.cpu", direction)
    return found


def ladders(module: str, name: str) -> dict[str, list[str]]:
    """Of what a module gives this name: a `Ladder`, or a sum of several."""

    def parts(node):
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return {**parts(left), **parts(right)}
            case ast.Call(func=ast.Name(id="Ladder"), args=[ast.Constant(value=str(name)), *rungs]):
                return {name: [first_line(module, rung) for rung in rungs]}
        raise Unread

    for node in statements(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return parts(value)
    raise Unread


def first_line(module: str, rung: ast.expr) -> str:
    """Of what a rung says of itself. Its function stands in the module, or in one that this imports it from."""
    match rung:
        case ast.Name(id=name):
            for node in statements(module):
                match node:
                    case ast.FunctionDef() if node.name == name:
                        return (ast.get_docstring(node) or "").partition("\n")[0]
                    case ast.ImportFrom(module=str(other)) if name in [alias.name for alias in node.names]:
                        return first_line(other, rung)
    raise Unread


@cache
def statements(module: str) -> list[ast.stmt]:
    """Of a module of this project, or of the `__init__` of a package."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_bytes()).body
