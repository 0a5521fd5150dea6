"""The table of planted faults in tests/README.md."""

from collections.abc import Sequence

from kernels.commands.files import write_whole
from tests.faults.fault import ROOT, Fault
from tests.faults.plant import Verdict

README = ROOT / "tests" / "README.md"
BEGIN = "<!-- python -m tests.faults --write: what stands from here is written by it -->"
HEADS = ("file", "planted fault", "shows only past", "found by")


def rows() -> dict[tuple[str, str], str]:
    """What the table says: which test found a fault, by the fault's file and description."""
    lines = README.read_text().partition(BEGIN)[2].splitlines()
    cells = [[c.strip() for c in line.strip("| ").split(" | ")] for line in lines if line.startswith("| `")]
    return {(file.strip("`"), what): test.strip("`") for file, what, _, test in cells}


def write(verdicts: Sequence[Verdict], faults: Sequence[Fault]) -> None:
    """Put new verdicts into the table; faults that were not planted now keep what it said of them."""
    known = rows() | {(v.fault.file, v.fault.what): v.test.partition("[")[0] for v in verdicts}
    lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
    for fault in faults:
        test = known.get((fault.file, fault.what), "")
        found = f"`{test}`" if test else "-"
        lines.append(f"| `{fault.file}` | {fault.what} | {fault.past or '-'} | {found} |")
    before = README.read_text().partition(BEGIN)[0]
    write_whole(README, (before + BEGIN + "\n\n" + "\n".join(lines) + "\n").encode())
