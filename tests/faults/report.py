"""The table of planted faults in tests/README.md."""

from collections.abc import Sequence

from kernels.files import write_whole
from tests.faults.fault import ROOT, Fault
from tests.faults.plant import Verdict

README = ROOT / "tests" / "README.md"
BEGIN, END = "<!-- written by python -m tests.faults --write -->", "<!-- end of the planted faults -->"
HEADS = ("file", "planted fault", "shows only past", "found by")


def rows() -> dict[tuple[str, str], str]:
    """What the table says: which test found a fault, by the fault's file and description."""
    _, table, _ = _parts()
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
    return {(file.strip("`"), what): test.strip("`") for file, what, _, test in cells if file.startswith("`")}


def write(verdicts: Sequence[Verdict], faults: Sequence[Fault]) -> None:
    """Put new verdicts into the table; faults that were not planted now keep what it said of them."""
    known = rows() | {(v.fault.file, v.fault.what): v.test.partition("[")[0] for v in verdicts}
    lines = [HEADS, ["---"] * len(HEADS)]
    for fault in faults:
        test = known.get((fault.file, fault.what), "")
        lines.append([f"`{fault.file}`", fault.what, fault.past or "-", f"`{test}`" if test else "-"])
    before, _, after = _parts()
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    write_whole(README, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}".encode())


def _parts() -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands after it."""
    before, _, rest = README.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    return before, table.strip(), after
