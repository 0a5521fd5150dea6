"""How long a program for Numba CUDA takes without a GPU: run by this project, and by Numba's own simulator.

    python -m benchmarks.programs

benchmarks/program.py is run as it is, in a process for each way to run it, the ways in turn; of each is told the median
of the first launch of each kernel, which compiles it, of the second, and of the whole process. The ratio is of second
launches, and of whole processes.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from kernels.commands.command_line import CommandError, add_json, command, positive, progress, run, write_json
from kernels.table import table

ROOT = Path(__file__).parent.parent
WAYS = {
    "emulate": ["-m", "kernels", "run"],
    "emulate --no-check": ["-m", "kernels", "run", "--no-check"],
    "interpret": ["-m", "kernels", "run", "--engine", "interpret"],
    "interpret --no-check": ["-m", "kernels", "run", "--engine", "interpret", "--no-check"],
    "Numba's simulator": [],
}
SIMULATOR = "Numba's simulator"
WHOLE = "whole program"


def main(arguments: list[str] | None = None) -> int:
    text = (
        "Time a program for Numba CUDA without a GPU: by both engines, with and without checks, and Numba's simulator."
    )
    c = command("python -m benchmarks.programs", measure, text, "--repeats 5")
    c.add_argument("--repeats", type=positive, metavar="N", default=3, help="runs of each way (default: 3)")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Print a line for each kernel and way, and one for each way."""
    runs: dict[str, list[dict[str, list[float]]]] = {way: [] for way in WAYS}
    for way in progress([*WAYS] * options.repeats, desc="running", unit="program"):
        runs[way].append(seconds(way))
    medians = {way: median(found) for way, found in runs.items()}
    cells = [["", "", "first", "second", "simulator over it"]]
    for name in medians[SIMULATOR]:
        for way, found in medians.items():
            first, *more = found[name]
            ratio = f"{medians[SIMULATOR][name][-1] / found[name][-1]:.1f}"
            cells.append([name, way, shown(first), shown(more[0]) if more else "", ratio])
    print(table(cells, left=2))
    write_json(options.json, medians)


def seconds(way: str) -> dict[str, list[float]]:
    """Run the program: seconds of both launches by kernel, and of the process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_ENABLE_CUDASIM": str(int(way == SIMULATOR))}
    start = time.perf_counter()
    call = [sys.executable, *WAYS[way], "-m", "benchmarks.program"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        raise CommandError(f"{way}: {(done.stderr.strip().splitlines() or ['the program failed'])[-1]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {**{line["kernel"]: line["seconds"] for line in lines}, WHOLE: [whole]}


def median(runs: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Of each number, over the runs."""
    return {
        name: [statistics.median(found) for found in zip(*(run[name] for run in runs), strict=True)] for name in runs[0]
    }


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
