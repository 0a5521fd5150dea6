"""python -m kernels list: what there is."""

from collections.abc import Iterator

from kernels.commands.command_line import Parser, add_json, write_json
from kernels.commands.written import written_cpu_ladders, written_ladders
from kernels.modules import OperationError
from kernels.operation import IMPLEMENTATIONS, Operation, all_operations, find_operation, left_out


def add(c: Parser) -> None:
    c.add_argument("operation", nargs="?", metavar="OPERATION", help="only this one (default: all)")
    add_json(c)


def run(options) -> None:
    """Print each operation and, ladder by ladder, what each rung adds."""
    rows = [describe(find_operation(options.operation))] if options.operation else list(all_rows())
    print("\n\n".join(map(text, rows)))
    write_json(options.json, rows)


def all_rows() -> Iterator[dict]:
    """Of all operations but those that cannot be used, of which a warning says why."""
    for operation in all_operations().values():
        try:
            yield describe(operation)
        except OperationError as error:
            left_out(error)


def describe(operation: Operation) -> dict:
    """An operation's row: each of its ladders by name, as a list of what its rungs add. Raises OperationError."""
    return {
        "operation": operation.name,
        "summary": operation.summary,
        "equations": operation.source,
        "implementations": [kind for kind in (*IMPLEMENTATIONS, "torch") if operation.has(kind)],
        "view": operation.view,
        "ladders": ladders(operation),
        "cpu_ladders": written_cpu_ladders(operation),
    }


def ladders(operation: Operation) -> dict[str, list[str]]:
    """What each rung adds, of each ladder by its name. Raises OperationError."""
    written = written_ladders(operation)
    if written is not None:
        return written
    from kernels.commands.targets import single_ladders  # here, because it loads slowly and is seldom needed

    return {target.name: target.adds for target in single_ladders(operation)}


def text(row: dict) -> str:
    """A row as it is printed."""
    implementations = ", ".join(row["implementations"]) or "none"
    lines = [
        f"{row['operation']}: {row['summary']}",
        f"    equations        {row['equations']}",
        f"    implementations  {implementations}{' (a view: nothing runs)' if row['view'] else ''}",
    ]
    of_both = row["ladders"] | {f"cpu {name}": rungs for name, rungs in row["cpu_ladders"].items()}
    for name, rungs in of_both.items():
        lines += [f"    {name if rung == 1 else '':12} {rung}   {adds}" for rung, adds in enumerate(rungs, 1)]
    return "\n".join(lines)
