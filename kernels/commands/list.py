"""python -m kernels list: what there is."""

from kernels.commands.command_line import CommandError, Commands, add_json, write_json
from kernels.commands.targets import single_ladders
from kernels.operation import IMPLEMENTATIONS, Operation, all_operations, unknown


def add(commands: Commands) -> None:
    c = commands.add("list", run, "list every operation, its equations, implementations and rungs", "list conv2d")
    c.add_argument("operation", nargs="?", metavar="OPERATION", help="only this one (default: all)")
    add_json(c)


def run(options) -> None:
    """Print each operation and, ladder by ladder, what each rung adds."""
    known = all_operations()
    if options.operation not in (None, *known):
        raise CommandError(unknown("operation", options.operation, known))
    rows = [describe(o) for name, o in known.items() if options.operation in (None, name)]
    print("\n\n".join(map(text, rows)))
    write_json(options.json, rows)


def describe(operation: Operation) -> dict:
    """An operation's row: each of its ladders by name, as a list of what its rungs add."""
    return {
        "operation": operation.name,
        "summary": operation.summary,
        "equations": operation.source,
        "implementations": [] if operation.view else list(IMPLEMENTATIONS),
        "ladders": {} if operation.view else {target.name: target.adds for target in single_ladders(operation)},
    }


def text(row: dict) -> str:
    """A row as it is printed."""
    lines = [
        f"{row['operation']}: {row['summary']}",
        f"    equations        {row['equations']}",
        f"    implementations  {', '.join(row['implementations']) or 'none: a view'}",
    ]
    for name, rungs in row["ladders"].items():
        lines += [f"    {name if rung == 1 else '':12} {rung}   {adds}" for rung, adds in enumerate(rungs, 1)]
    return "\n".join(lines)
