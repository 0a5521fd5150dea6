"""An x-ray as text: source lines with their counts beside them, totals, and a line for each rung of a ladder."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from kernels.gpu.kernel import Launch
from kernels.gpu.source import reachable
from kernels.gpu.xray.counts import Xray
from kernels.gpu.xray.roofline import Prediction
from kernels.gpu.xray.sums import Sums


def report(xray: Xray, launch: Launch, prediction: Prediction) -> str:
    """All that is known of one launch."""
    grid, block = (" x ".join(map(str, size)) for size in (xray.grid, xray.block))
    ran = ", ".join(map(str, xray.blocks[:4])) + (", ..." if len(xray.blocks) > 4 else "")
    return "\n".join(
        [
            xray.kernel,
            f"grid of {grid} blocks, block of {block} threads; counted: {len(xray.blocks)} of them, {ran}",
            joining(xray),
            "",
            *source_lines(xray, launch),
            "",
            *totals(xray),
            *foresight(prediction),
        ]
    )


def joining(xray: Xray) -> str:
    """Whether a compiler was asked which accesses become wide ones, and for what."""
    if xray.compiled_for is None:
        return "no compiler here: every access is counted as written"
    return f"accesses joined as compiled for {xray.compiled_for}"


def source_lines(xray, launch):
    """The lines of the functions that were counted, with what one request takes on average, and ideally."""
    columns = [column for column in COLUMNS if any(column.cell(xray, row.file, row.line) for row in rows(xray))]
    width = sum(column.width for column in columns)
    yield "".join(f"{column.head:>{column.width}}" for column in columns) + "   line"
    for source in reachable(launch.kernel.source):
        lines, first = inspect.getsourcelines(source.function)
        if any(row.file == source.file and first <= row.line < first + len(lines) for row in rows(xray)):
            yield ""
            for number, text in enumerate(textwrap.dedent("".join(lines)).splitlines(), first):
                counts = "".join(f"{c.cell(xray, source.file, number):>{c.width}}" for c in columns)
                yield f"{counts or ' ' * width}  {number:5}  {text}".rstrip()


@dataclass(frozen=True)
class Column:
    """What stands beside a source line: a head, and a cell that is empty where there is nothing to say."""

    head: str
    width: int
    cell: Callable[[Xray, str, int], str]


def rows(xray, file=None, line=None):
    """Accesses and arithmetic, of everywhere or of one line."""
    return [row for row in xray.rows if line is None or (row.file, row.line) == (file, line)]


def accesses(xray, space, file, line):
    return [a for a in xray.accesses if (a.space, a.file, a.line) == (space, file, line)]


def active(xray, file, line):
    here = rows(xray, file, line)
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
    Column("lanes", 5, active),
    Column("global", 9, requests("global")),
    Column("sectors", 13, a_request("global", "sectors")),
    Column("shared", 10, requests("shared")),
    Column("turns", 12, a_request("shared", "wavefronts")),
    Column("flops", 12, flops),
)


def totals(xray):
    """Sums over the blocks that were run."""
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
    yield f"barriers        {xray.barriers:g} a block"
    yield f"flops           {xray.flops:,}; of the lanes {xray.active:.1%} are active over all that was counted"
    yield f"whole launch    {xray.scale:g} times these counts, if all blocks are alike"


def foresight(prediction):
    memory, arithmetic, cache = map(duration, (prediction.memory, prediction.arithmetic, prediction.cache))
    yield (
        f"predicted       at least {duration(prediction.seconds)} on the {prediction.gpu} for the whole launch, "
        f"because of {prediction.limit};"
    )
    yield f"                at least {duration(prediction.without_caches)} if no cache kept anything"
    yield f"                (memory {memory}, arithmetic {arithmetic}, cache and shared memory {cache};"
    yield "                from these counts and a datasheet: nothing was measured)"


def duration(seconds):
    return f"{seconds * 1e6:,.3g} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.3g} ms"


SUMMARY_HEADS = (
    "rung", "lanes active", "sectors / ideal", "flops / global byte", "turns / ideal", "flops / turn", "barriers",
    "without caches", "at least", "because of",
)  # fmt: skip


def summary(rung: int, sums: Sums) -> tuple:
    """A row of the table of a ladder."""
    return (
        rung,
        f"{sums.active:.1%}",
        ratio(sums.sectors, sums.ideal_sectors),
        ratio(sums.flops, sums.bytes),
        ratio(sums.wavefronts, sums.ideal_wavefronts),
        ratio(sums.flops, sums.turns),
        barriers(sums),
        duration(sums.without_caches),
        duration(sums.seconds),
        sums.limit,
    )


def ratio(a: float, b: float) -> str:
    return f"{a / b:.2f}" if b else "-"


def barriers(sums: Sums) -> str:
    """Of a block, launch by launch."""
    return " + ".join(f"{round(count, 1):g}" for count in sums.barriers_a_block)
