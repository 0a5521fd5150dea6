"""How soon a command answers, and how soon training has made its first step.

    python -m benchmarks.start

Each command is a process of its own, from its start to its end, beside a bare Python that ends at once: what those get
who ask for help. Training is timed from the start of its process to the first line of its log, in three states: with
all kernels in Numba's cache on disk, with full MNIST where MNIST_DIR names it and with the digits built in, and once
with an empty cache, where all is compiled first. That caches of files are warm is seen to by a run that does not count.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kernels.commands.command_line import CommandError, add_json, command, positive, progress, run, write_json
from kernels.table import table

BARE = "-c pass"
COMMANDS = (
    BARE,
    "-m kernels --help",
    "-m kernels --version",
    "-m kernels list",
    "-m apps.mnist --help",
    "-m apps.mnist train --help",
    "-m apps.faces --help",
)

# Runs of training that are timed: each takes seconds.
TRAININGS = 3


def main(arguments: list[str] | None = None) -> int:
    text = "Time commands that compute nothing, and training up to its first step."
    c = command("python -m benchmarks.start", measure, text, "--repeats 20")
    c.add_argument("--repeats", type=positive, metavar="N", default=10, help="runs of each command (default: 10)")
    c.add_argument("--no-training", action="store_true", help="leave training out")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Print a line a command, then one a state of training."""
    commands = in_turns(options.repeats)
    bare = commands[BARE]
    rows = [(f"python {words}", f"{s:.3f}", f"{s / bare:.1f}") for words, s in commands.items()]
    print(table([("command", "median s", "of a bare Python"), *rows]))
    found = {"commands": commands}
    if not options.no_training:
        found["training"] = trainings()
        print(table([("training, its first step made", "s"), *((n, f"{s:.2f}") for n, s in found["training"].items())]))
    write_json(options.json, found)


def in_turns(repeats: int) -> dict[str, float]:
    """The median of seconds that each command takes; the commands take turns, so that all see the same machine."""
    times: dict[str, list[float]] = {words: [] for words in COMMANDS}
    for turn in progress(range(repeats + 1), unit="turn"):
        for words, found in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *words.split()], stdout=subprocess.DEVNULL, check=True)
            if turn:
                found.append(time.perf_counter() - start)
    return {words: statistics.median(found) for words, found in times.items()}


def trainings() -> dict[str, float]:
    """Seconds of training up to its first step, by what it finds."""
    data = {"full MNIST": "mnist"} if os.environ.get("MNIST_DIR") else {}
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, source in {**data, "built-in digits": "builtin"}.items():
            if not found:
                found["nothing compiled"] = first_step(source, cache)
            found[name] = statistics.median(first_step(source, cache) for _ in range(TRAININGS))
    return found


def first_step(source: str, cache: str) -> float:
    """Seconds until training on these digits, with kernels in this cache, has written its first step to its log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run" / "metrics.jsonl"
        words = ["-m", "apps.mnist", "train", "--device", "auto", "--data", source, "--output", str(log.parent)]
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        )
        try:
            while not (log.exists() and log.stat().st_size):
                if process.poll() is not None:
                    raise CommandError(
                        f"training on {source} ended with code {process.returncode} before its first step"
                    )
                time.sleep(0.005)
            return time.perf_counter() - start
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
