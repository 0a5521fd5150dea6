"""How long checks of the course take: python -m benchmarks.lessons

Each exercise's solution is checked once to load and compile what it needs, and then a few times more; the median of
those is what `watch` takes on a save. What `check` takes on the command line is longer by the start of a process, which
loads Numba; that is measured for the first exercise.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kernels.commands.command_line import add_json, command, positive, progress, run, write_json
from kernels.table import table
from lessons.exercise import exercises

SLOW = 2.0  # seconds: whatever takes longer is listed by itself


def main(arguments: list[str] | None = None) -> int:
    return run(parser(), arguments)


def parser() -> argparse.ArgumentParser:
    c = command("python -m benchmarks.lessons", measure, "Time the checks of all exercises.", "--runs 3")
    c.add_argument("--runs", type=positive, metavar="N", default=3, help="checks of each after the first (default: 3)")
    add_json(c)
    return c


def measure(options) -> None:
    """Print the slowest checks, and how many take longer than SLOW."""
    rows = []
    for exercise in progress(exercises(), desc="checking", unit="exercise"):
        first, *others = (exercise.check(exercise.solution).seconds for _ in range(1 + options.runs))
        rows.append(
            {"exercise": exercise.name, "kind": exercise.kind, "first": first, "median": statistics.median(others)}
        )
    rows.sort(key=lambda row: -row["median"])
    start = whole_command()
    slow = [row["exercise"] for row in rows if row["median"] > SLOW]
    shown = [[row["exercise"], row["kind"], f"{row['first']:.2f}", f"{row['median']:.2f}"] for row in rows[:12]]
    print(table([["exercise", "to do", "first s", "median s"], *shown], left=2))
    print(f"median of all {statistics.median(row['median'] for row in rows):.2f} s; ", end="")
    print(f"over {SLOW:g} s: {', '.join(slow) or 'none'}; the command `check`, as a process: {start:.2f} s")
    write_json(options.json, {"exercises": rows, "command": start})


def whole_command() -> float:
    """Seconds of `python -m lessons check` on the first exercise, solved; the median of three."""
    first = exercises()[0]
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "lessons", "--folder", folder]
        subprocess.run([*call, "start"], check=True, capture_output=True)
        (Path(folder) / first.file).write_text(first.solution.text)
        times = []
        for _ in range(4):
            started = time.perf_counter()
            subprocess.run([*call, "check"], check=True, capture_output=True)
            times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


if __name__ == "__main__":
    sys.exit(main())
