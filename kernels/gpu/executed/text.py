"""What a compiled kernel executes as text: by kind, by line of the source, and beside the x-ray of the source."""

import linecache
from collections.abc import Sequence

from kernels.gpu.executed.compare import pairs
from kernels.gpu.executed.counts import VALUE, Executed
from kernels.gpu.xray.counts import Xray
from kernels.gpu.xray.text import COLUMNS, memory
from kernels.table import Cells, table

LEAST = 0.005  # lines that execute less than this share are summed up


def report(found: Executed, source: Xray | None = None) -> str:
    """All that was counted of one launch."""
    lines = by_line(found)
    parts = [heading(found), table(by_kind(found)), table(lines, left=[len(lines[0]) - 1])]
    if source is not None and found.xray is not None:
        parts.append(table(side_by_side(source, found.xray), left=(0, 7)))
    return "\n\n".join(parts)


def heading(found: Executed) -> str:
    threads, warps, slots = (f"{found.total(what):,}" for what in ("threads", "warps", "slots"))
    a_value = f", {found.a_value:.2f} for 4 bytes of global memory that they ask for" if found.bytes else ""
    return (
        f"compiled for {found.architecture}, {len(found.blocks)} of the blocks: "
        f"{threads} instructions of threads{a_value};\n{warps} of warps, of which a GPU makes {slots} at least"
    )


def by_kind(found: Executed) -> Cells:
    rows = [["instructions", "of threads", "share", "of warps", "of the machine"]]
    whole = max(found.total("threads"), 1)
    for sort, count in found.by_sort().items():
        rows.append([f"{sort}", *numbers(count.threads, whole), f"{count.warps:,}", f"{count.slots:,}"])
    return rows


def by_line(found: Executed) -> Cells:
    """A line of the source each; of functions that were inlined only their caller's lines are known."""
    rows = [["instructions", "share", "for addresses", "line", ""]]
    whole, few, few_addresses = max(found.total("threads"), 1), 0, 0
    for (file, line), kinds in found.by_line().items():
        total, addresses = sum(kinds.values()), kinds.get("address", 0)
        if total < LEAST * whole or not line:
            few, few_addresses = few + total, few_addresses + addresses
        else:
            source = linecache.getline(file, line).rstrip()
            rows.append([*numbers(total, whole), f"{addresses / total:.0%}", str(line), source])
    if few:
        rows.append([*numbers(few, whole), f"{few_addresses / few:.0%}", "", "(other lines, and none)"])
    return rows


def numbers(count: int, whole: int) -> list[str]:
    return [f"{count:,}", f"{count / whole:.1%}"]


def requests(xray: Xray) -> str:
    """What the accesses of the compiled kernel cost, by line of the source and in all."""
    places = sorted({(a.file, a.line) for a in xray.accesses})
    columns = [column for column in COLUMNS if any(column.cell(xray, *place) for place in places)]
    rows = [[*(column.head for column in columns), "line", ""]]
    for file, line in places:
        source = linecache.getline(file, line).rstrip() if line else "(no line)"
        rows.append([*(column.cell(xray, file, line) for column in columns), str(line or ""), source])
    lines = [*memory(xray), f"barriers        {xray.barriers:g} a block"]
    lines.append(f"whole launch    {xray.scale:g} times these counts, if all blocks are alike")
    return "\n\n".join([*([table(rows, left=[len(rows[0]) - 1])] if places else []), "\n".join(lines)])


def side_by_side(source: Xray, compiled: Xray) -> Cells:
    """Source and compiled: requests of warps, bytes that threads ask for, sectors or turns of banks."""
    rows = [["source / compiled", "requests", "", "bytes", "", "sectors, turns", "", ""]]
    for pair in pairs(source, compiled):
        cost = "sectors" if pair.space == "global" else "wavefronts"
        cells = [[f"{each[name]:,}" for each in (pair.source, pair.compiled)] for name in ("requests", "bytes", cost)]
        rows.append([f"{pair.space} {pair.kind} {pair.array}".rstrip(), *cells[0], *cells[1], *cells[2], pair.why])
    return rows


def summary(found: Sequence[Executed]) -> dict[str, str]:
    """What several launches execute together, for a table; nothing of none."""
    if not found:
        return {}
    whole = max(sum(each.scale * each.total("threads") for each in found), 1)
    asked = sum(each.scale * each.bytes for each in found)
    addresses = sum(each.scale * each.total("threads", "address") for each in found)
    return {
        "instructions": f"{whole:.3g}",
        "for 4 bytes": f"{VALUE * whole / asked:.1f}" if asked else "-",
        "for addresses": f"{addresses / whole:.0%}",
    }
