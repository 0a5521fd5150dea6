"""A process that tries inputs of one target until its time is over.

    python -m tests.fuzz.worker MODULE FOLDER SECONDS SEED

In FOLDER it finds `units`, inputs to begin with, and `board`; it writes each finding to `findings`, the input as
NUMBER.input and what is wrong with it as NUMBER.txt, one for each line of ours that it comes from.
"""

import importlib
import random
import re
import resource
import sys
import time
from pathlib import Path

from tests.fuzz import target as targets
from tests.fuzz.board import Board
from tests.fuzz.judge import judge
from tests.fuzz.mutate import mutate

SPACE = 3 << 30  # bytes of address space that may be taken beside what is taken at the start


def main(module: str, folder: Path, seconds: int, seed: int) -> None:
    try:
        import atheris
    except ImportError:
        atheris = None
    else:
        targets.instrument = lambda modules: atheris.instrument_imports(include=modules)
    target = importlib.import_module(module).TARGET
    known = [path.read_bytes() for path in sorted((folder / "units").iterdir())]
    try_one = Attempts(target, folder)
    for data in known:
        try_one(data)
    limit_space()
    if atheris is None:
        at_random(target, known, try_one, seconds, seed)
    else:
        guided(atheris, target, folder, try_one, seconds, seed)


class Attempts:
    """Tries inputs, and keeps those that are taken wrongly, once for each way."""

    def __init__(self, target: targets.Target, folder: Path):
        self.target, self.board = target, Board(folder / "board")
        self.findings, self.scratch = folder / "findings", folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.known = {way(path.read_text()) for path in self.findings.glob("*.txt")}

    def __call__(self, data: bytes) -> None:
        self.board.begin(data)
        wrong = judge(self.target, data, self.scratch)
        if wrong and way(wrong) not in self.known:
            self.known.add(way(wrong))
            number = len(list(self.findings.glob("*.input")))
            (self.findings / f"{number}.input").write_bytes(data)
            (self.findings / f"{number}.txt").write_text(wrong)


def way(wrong: str) -> str:
    """What findings that come from one cause have in common: the kind of the error and its place."""
    return f"{wrong.partition(':')[0]} {wrong.rpartition(': ')[2]}" if " in " in wrong else re.sub(r"[\d.]+", "", wrong)


def limit_space() -> None:
    """From here on nothing gets much more memory: it is a MemoryError before the machine suffers."""
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + SPACE, resource.RLIM_INFINITY))


def at_random(target, known, try_one, seconds, seed):
    chance, end = random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < end:
        try_one(mutate(known or [b""], target.words, target.longest, chance))


def guided(atheris, target, folder, try_one, seconds, seed):
    (folder / "words").write_text(
        "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words)
    )
    options = {"max_total_time": seconds, "seed": seed, "max_len": target.longest, "rss_limit_mb": 0, "timeout": 10**6}
    arguments = [f"-{name}={value}" for name, value in options.items()]
    if target.words:
        arguments.append(f"-dict={folder / 'words'}")
    atheris.Setup([sys.argv[0], *arguments, "-verbosity=0", str(folder / "units")], try_one)
    atheris.Fuzz()  # does not return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
