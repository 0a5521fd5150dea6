"""python -m kernels list: what there is."""

import inspect

from kernels.commands.common import Target, add_command, require_operation, single_ladders, write_json
from kernels.operation import IMPLEMENTATIONS, Operation, all_operations


def add(subparsers) -> None:
    c = add_command(subparsers, "list", run, "list every operation, its equations, implementations and rungs", "list")
    c.add_argument("operation", nargs="?", help="only this one")


def run(options) -> None:
    """Print each operation and, ladder by ladder, what each rung adds."""
    if options.operation and options.operation not in all_operations():
        require_operation(options.operation)
    chosen = [o for name, o in all_operations().items() if options.operation in (None, name)]
    rows = [describe(operation) for operation in chosen]
    for number, row in enumerate(rows):
        print(f"{'' if number == 0 else chr(10)}{row['operation']}: {row['summary']}")
        print(f"    equations        {row['equations']}")
        print(f"    implementations  {', '.join(row['implementations']) or 'none: a view'}")
        for name, rungs in row["ladders"].items():
            for rung, adds in enumerate(rungs, 1):
                print(f"    {name if rung == 1 else '':12} {rung}   {adds}")
    write_json(options, rows)


def describe(operation: Operation) -> dict:
    """An operation's row: each of its ladders by name, as a list of what its rungs add."""
    return {
        "operation": operation.name,
        "summary": operation.summary,
        "equations": operation.source,
        "implementations": [] if operation.view else list(IMPLEMENTATIONS),
        "ladders": {} if operation.view else {t.part or t.direction: adds(t) for t in single_ladders(operation)},
    }


def adds(target: Target) -> list[str]:
    """The first line of what each rung of a ladder says of itself."""
    (ladder,) = target.ladders
    return [(inspect.getdoc(function) or "").partition("\n")[0] for function in ladder.rungs]
