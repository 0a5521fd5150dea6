"""How near the memory that a run says it needs is to what it then takes.

    python -m benchmarks.memory

Each network trains for a few steps in a process of its own, on the CPU, on the data built in. What it said is set
beside the growth of its resident memory, from when it said it to its highest, evaluation and figures included.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from kernels.commands.command_line import add_json, command, progress, run, write_json
from kernels.table import table

CASES = (
    "mnist --model lenet5",
    "mnist --model cnn6",
    "mnist --model cnn6 --batch-size 1000",
    "faces --model lite",
    "faces --model lite --batch-size 4 --sizes 256 512",
    "faces --model facenet --batch-size 1 --sizes 512 640",
)


def main(arguments: list[str] | None = None) -> int:
    text = "Set the memory that runs say they need beside what they take."
    c = command("python -m benchmarks.memory", measure, text, "--json memory.json")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Print a line a run."""
    found = {}
    for words in progress(CASES, unit="run"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process each, as memory that was taken stays so
            found[words] = pool.apply(taken, (words,))
    rows = [(n, f"{said / 1e6:.0f}", f"{took / 1e6:.0f}", f"{said / took:.2f}") for n, (said, took) in found.items()]
    print(table([("run", "said MB", "took MB", "said / took"), *rows]))
    write_json(options.json, {name: {"said": said, "took": took} for name, (said, took) in found.items()})


def taken(words: str) -> tuple[int, int]:
    """Bytes that a run says it needs beside what it has, and by how many its resident memory then grows."""
    from apps.faces.__main__ import main as faces
    from apps.mnist.__main__ import main as mnist
    from framework import memory

    noted, require = [], memory.require

    def noting(needed, held, device):
        noted.append((needed - held + memory.SPARE, resident()))
        return require(needed, held, device)

    memory.require = noting
    app, *given = words.split()
    given += ["--data", "builtin", "--device", "cpu", "--iterations", "4"]
    given += ["--workers", "0", "--validation", "2"] if app == "faces" else []
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        {"faces": faces, "mnist": mnist}[app](["train", *given, "--output", folder])
    ((said, before),) = noted
    return said, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
