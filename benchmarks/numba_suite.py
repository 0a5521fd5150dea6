"""Numba-cuda's own tests without a GPU, and under Numba's simulator: python -m benchmarks.numba_suite

Each module of the tests has processes of its own, and each test a time limit. A test that a machine without a GPU has
nothing for, because it wants machine code, several GPUs or a package that is not here, counts as not applicable: the
tests say so themselves where they skip, and NOT_APPLICABLE says it of others.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

from benchmarks.unittested import ERROR, FAILED, ONLY_SIMULATED, PASSED, SKIPPED
from kernels.commands.command_line import CommandError, add_json, command, positive, progress, run, write_json
from kernels.table import table

FOLDERS = ("core", "cudadrv", "cudapy", "doc_examples", "nocuda", "nrt")
SIMULATOR = "simulator"
ENGINES = ("emulate", "interpret", SIMULATOR)
NOWHERE = "not applicable"
OUTCOMES = (PASSED, FAILED, ERROR, SKIPPED, NOWHERE)
LONGEST = 150  # characters of a reason
ROOT = Path(__file__).parent.parent

# Why a test has nothing to run here, by what it says when it skips itself, as regular expressions.
SKIPS = {
    r"(?i)cupy|cffi|ml_dtypes|torch|ipython|scipy|psutil|numba install": "another package",
    r"(?i)binar|BIN_DIR": "files for tests that the wheel has not",
    r"(?i)gpus|gpu environment|peer": "several GPUs",
    r"(?i)conda": "a toolkit of conda's",
    r"(?i)nvdisasm|nvjitlink|sass": "machine code",
    f"^{ONLY_SIMULATED}": "the simulator itself",
}
# Tests that fail without a GPU and may, by patterns of their names.
NOT_APPLICABLE = {
    "cudapy.test_ipc.*": "memory of another process",
    "cudapy.test_intrinsics.TestCudaIntrinsic.test_issue_9229": "5,663,031,296 threads",
}


@dataclass
class Row:
    """A test, what became of it under an engine, and why it did not pass."""

    test: str
    engine: str
    outcome: str
    reason: str
    seconds: float

    @property
    def folder(self) -> str:
        return self.test.split(".")[3]


def main(arguments: list[str] | None = None) -> int:
    return run(parser(), arguments)


def parser() -> argparse.ArgumentParser:
    text = "Run the tests of numba-cuda without a GPU, and under Numba's simulator."
    c = command("python -m benchmarks.numba_suite", measure, text, "--only 'cudadrv.*' --engines emulate")
    what = "how kernels are executed (default: emulate and simulator)"
    c.add_argument("--engines", nargs="+", choices=ENGINES, metavar="ENGINE", default=["emulate", SIMULATOR], help=what)
    what = "modules, as cudapy.test_array, by * and ? (default: all)"
    c.add_argument("--only", metavar="PATTERN", default="*", help=what)
    c.add_argument(
        "--jobs", type=positive, metavar="N", default=os.cpu_count(), help="processes at a time (default: cores)"
    )
    c.add_argument("--limit", type=positive, metavar="SECONDS", default=120, help="a test may take (default: 120)")
    what = "also look at each access, and let a fault fail its test"
    c.add_argument("--check", action="store_true", help=what)
    add_json(c)
    return c


def measure(options) -> None:
    """Print counts by folder, why tests are not applicable or skipped, and why others did not pass."""
    if importlib.util.find_spec("filecheck") is None:
        raise CommandError("numba-cuda's tests need the package filecheck: pip install filecheck")
    wanted = [name for name in modules() if fnmatch(name, options.only)]
    if not wanted:
        raise CommandError(
            f"--only {options.only}: no module of numba-cuda's tests is called that, as cudapy.test_array is"
        )
    tasks = [(engine, name) for engine in options.engines for name in wanted]
    rows: list[Row] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda task: outcomes(*task, options.limit, options.check), tasks)
        for each in progress(found, desc="testing", unit="module", total=len(tasks)):
            rows += each
            write_json(options.json, [asdict(row) for row in rows])
    print(table(counts(rows), left=2))
    for engine in options.engines:
        mine = [row for row in rows if row.engine == engine]
        for which in ((NOWHERE, SKIPPED), (FAILED, ERROR)):
            if any(row.outcome in which for row in mine):
                print(f"\n{engine}: {' or '.join(which)}\n{table(reasons(mine, which), left=(1, 2, 3))}")


def modules() -> list[str]:
    """The modules of the tests, as folder.module."""
    spec = importlib.util.find_spec("numba_cuda")
    if spec is None:
        raise CommandError("numba-cuda is not installed: pip install numba-cuda")
    home = Path(spec.submodule_search_locations[0], "numba", "cuda", "tests")
    return [f"{folder}.{path.stem}" for folder in FOLDERS for path in sorted((home / folder).glob("test_*.py"))]


def called(engine: str, module: str, file: str, limit: int, check: bool) -> tuple[list[str], dict[str, str]]:
    """The process that runs a module's tests: its command, and what is added to the environment."""
    tests = ["benchmarks.unittested", f"numba.cuda.tests.{module}", file, str(limit)]
    if engine == SIMULATOR:
        return [sys.executable, "-m", *tests], {"NUMBA_ENABLE_CUDASIM": "1"}
    how = ["--engine", engine, "--check" if check else "--no-check"]
    return [sys.executable, "-m", "kernels", "run", *how, "-m", *tests], {}


def outcomes(engine: str, module: str, limit: int, check: bool = False) -> list[Row]:
    """Run a module's tests, in as many processes as it takes until each has been run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "outcomes.jsonl")
        call, more = called(engine, module, str(file), limit, check)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": path} | more
        found: dict[str, Row] = {}
        while True:
            done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
            if lines and not lines[-1]["test"]:
                break
            # The process has ended in the test that it began last, or before any.
            lines.append(lost(lines[-1] if lines else {}, done))
            with file.open("a") as end:
                print(json.dumps(lines[-1]), file=end)
            if not lines[-1]["test"]:
                lines[-1]["test"] = f"numba.cuda.tests.{module}"
                break
        for line in lines:
            if "outcome" in line:
                found[line["test"]] = judged(
                    Row(line["test"], engine, line["outcome"], line["reason"], line["seconds"])
                )
    return list(found.values())


def lost(last: dict, done) -> dict:
    """The outcome of a test in which the process ended: the line that it is written as."""
    test = last.get("test", "") if "outcome" not in last else ""
    said = done.stderr.strip().splitlines()
    if any(line.startswith("Timeout (") for line in said):
        reason = "takes longer than the limit"
    else:
        fatal = next((line for line in said if line.startswith("Fatal Python error")), (said or [""])[-1])
        reason = f"the process ended with {done.returncode}: {fatal}".removesuffix(": ")
    return {"test": test, "outcome": ERROR, "reason": reason, "seconds": 0.0}


def judged(row: Row) -> Row:
    """The same, and not applicable where it cannot be anything else."""
    why = ""
    if row.outcome == SKIPPED:
        why = next((f"{why}: {row.reason}" for pattern, why in SKIPS.items() if re.search(pattern, row.reason)), "")
    elif row.outcome != PASSED:
        name = row.test.removeprefix("numba.cuda.tests.")
        why = next((why for pattern, why in NOT_APPLICABLE.items() if fnmatch(name, pattern)), "")
    return Row(row.test, row.engine, NOWHERE, why, row.seconds) if why else row


def counts(rows: list[Row]) -> list[list]:
    """The cells of a table: a line for each folder and engine, and one for all folders."""
    cells = [["engine", "folder", "tests", *OUTCOMES]]
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = [row for row in rows if row.engine == engine]
        for folder, within in groupby(mine, key=lambda row: row.folder):
            cells.append([engine, folder, *numbers(list(within))])
        cells.append([engine, "all", *numbers(mine)])
    return cells


def numbers(rows: list[Row]) -> list[int]:
    found = Counter(row.outcome for row in rows)
    return [len(rows), *(found[outcome] for outcome in OUTCOMES)]


def reasons(rows: list[Row], which: tuple[str, ...]) -> list[list]:
    """The cells of a table: how many tests came to this for a reason, the most frequent first, and one of them.

    Reasons that differ in numbers alone, as lines and addresses, are one.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.outcome in which:
            found.setdefault((row.outcome, re.sub(r"\b(0x[0-9a-f]+|\d+)\b", "N", row.reason)), []).append(row)
    often = sorted(found.items(), key=lambda each: -len(each[1]))
    shown = [
        [len(same), outcome, same[0].reason[:LONGEST], same[0].test.removeprefix("numba.cuda.tests.")]
        for (outcome, _), same in often
    ]
    return [["tests", "", "reason", "such as"], *shown]


if __name__ == "__main__":
    sys.exit(main())
