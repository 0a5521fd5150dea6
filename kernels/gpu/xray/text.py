"""An x-ray as text: source lines with their counts beside them, and totals."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from kernels.table import Cells, html, sizes, table


def report(xray) -> str:
    """All that was counted of one launch."""
    lines = source_lines(xray)
    return "\n\n".join([heading(xray), table(lines, left=[len(lines[0]) - 1]), totals(xray)])


def report_html(xray) -> str:
    """The same for a notebook."""
    lines = source_lines(xray)
    above, below = (f"<pre>{escape(text)}</pre>" for text in (heading(xray), totals(xray)))
    return f"{above}\n{html(lines, left=[len(lines[0]) - 1])}\n{below}"


def heading(xray) -> str:
    """Which launch it is, and what was counted of it."""
    grid, block = sizes(xray.grid), sizes(xray.block)
    ran = ", ".join(map(str, xray.blocks[:4])) + (", ..." if len(xray.blocks) > 4 else "")
    return "\n".join(
        [
            xray.kernel,
            f"grid of {grid} blocks, block of {block} threads; counted: {len(xray.blocks)} of them, {ran}",
            joining(xray),
        ]
    )


def joining(xray) -> str:
    """Whether a compiler was asked which accesses become wide ones, and for what."""
    if xray.compiled_for is None:
        return "no compiler here: every access is counted as written"
    return f"accesses joined as compiled for {xray.compiled_for}"


def source_lines(xray) -> Cells:
    """A table of the lines of the functions that were counted: what one request takes on average, and ideally.

    The source is the last column.
    """
    columns = [column for column in COLUMNS if any(column.cell(xray, row.file, row.line) for row in xray.rows)]
    lines: list[list[Any]] = [[*(column.head for column in columns), "line", ""]]
    blank = [""] * len(lines[0])
    for listing in xray.listings:
        numbers = range(listing.first, listing.first + len(listing.lines))
        if any(row.file == listing.file and row.line in numbers for row in xray.rows):
            lines.append(blank)
            for number, text in zip(numbers, listing.lines, strict=True):
                lines.append([*(column.cell(xray, listing.file, number) for column in columns), number, text])
    return lines


@dataclass(frozen=True)
class Column:
    """What stands beside a source line: a head, and a cell that is empty where there is nothing to say."""

    head: str
    cell: Callable[[Any, str, int], str]
    """Of an x-ray, a file and a line."""


def accesses(xray, space, file, line):
    return [a for a in xray.accesses if (a.space, a.file, a.line) == (space, file, line)]


def active(xray, file, line):
    here = [row for row in xray.rows if (row.file, row.line) == (file, line)]
    return f"{sum(row.lanes for row in here) / sum(row.slots for row in here):.0%}" if here else ""


def requests(space):
    def cell(xray, file, line):
        here = accesses(xray, space, file, line)
        return f"{sum(a.requests for a in here):,}" if here else ""

    return cell


def a_request(space, unit):
    def cell(xray, file, line):
        here = accesses(xray, space, file, line)
        count = sum(a.requests for a in here)
        found, ideal = (sum(getattr(a, name) for a in here) for name in (unit, f"ideal_{unit}"))
        return f"{found / count:.1f} / {ideal / count:.1f}" if here else ""

    return cell


def flops(xray, file, line):
    count = sum(row.flops for row in xray.arithmetic if (row.file, row.line) == (file, line))
    return f"{count:,}" if count else ""


COLUMNS = (
    Column("lanes", active),
    Column("global", requests("global")),
    Column("sectors", a_request("global", "sectors")),
    Column("shared", requests("shared")),
    Column("turns", a_request("shared", "wavefronts")),
    Column("flops", flops),
)


def totals(xray) -> str:
    """Sums over the blocks that were run."""
    return "\n".join(_totals(xray))


def _totals(xray):
    yield from memory(xray)
    yield f"barriers        {xray.barriers:g} a block"
    yield f"flops           {xray.flops:,}; of the lanes {xray.active:.1%} are active over all that was counted"
    yield f"whole launch    {xray.scale:g} times these counts, if all blocks are alike"


def memory(xray):
    """Of the requests: a line for each space and kind."""
    for kind in ("load", "store", "atomic"):
        if requests := xray.total("requests", "global", kind):
            sectors, ideal = (xray.total(name, "global", kind) / requests for name in ("sectors", "ideal_sectors"))
            asked, (different, touched) = xray.total("bytes", "global", kind), xray.unique[kind]
            yield (
                f"global {kind + 's':8} {requests:,} requests of {sectors:.2f} sectors (ideal {ideal:.2f}): "
                f"{asked:,} bytes asked for, {different:,} different ones in {touched:,} sectors"
            )
    for kind in ("load", "store", "atomic"):
        if requests := xray.total("requests", "shared", kind):
            turns, ideal = (xray.total(name, "shared", kind) for name in ("wavefronts", "ideal_wavefronts"))
            yield (
                f"shared {kind + 's':8} {requests:,} requests, {turns:,} turns of the banks, "
                f"{turns - ideal:,} of them for conflicts: {xray.total('bytes', 'shared', kind):,} bytes"
            )
