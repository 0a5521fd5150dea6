"""A target fuzzed for a while, in workers that are watched."""

import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.board import Board
from tests.helpers import ROOT
from tests.helpers.programs import environment

CORPUS = Path(__file__).parent / "corpus"
STUCK = 60.0  # seconds at one input, until a worker is killed
START = 120.0  # seconds until the first input
ENOUGH = 9  # workers that died, until it is left at that
SCRATCH = "/dev/shm" if os.path.isdir("/dev/shm") else None  # in memory, where it is there, for the sake of speed


@dataclass
class Outcome:
    """How many inputs were tried, in how many seconds, and the findings: what is wrong, and the input."""

    inputs: int = 0
    seconds: float = 0.0
    findings: list[tuple[str, bytes]] = field(default_factory=list)


def names() -> list[str]:
    """The targets."""
    return sorted(path.stem for path in (Path(__file__).parent / "targets").glob("*.py") if path.stem != "__init__")


def module_of(name: str) -> str:
    """The module of a target."""
    return f"tests.fuzz.targets.{name}"


def corpus(name: str) -> list[Path]:
    """Inputs that were once found to be taken wrongly."""
    return sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []


def fuzz(name: str, seconds: float, seed: int = 1) -> Outcome:
    """Try inputs for so many seconds. A worker that dies or hangs is a finding too, and another one goes on."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-", dir=SCRATCH) as temporary:
        folder = Path(temporary)
        (folder / "findings").mkdir()
        (folder / "units").mkdir()
        target = importlib.import_module(module_of(name)).TARGET
        known = [*target.seeds(), *(path.read_bytes() for path in corpus(name))]
        for number, data in enumerate(known):
            (folder / "units" / f"{number:04}").write_bytes(data)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            started = time.monotonic()
            board = Board(folder / "board", new=True)
            wrong = _watched(name, folder, board, max(1, round(left)), seed)
            outcome.inputs += board.count
            outcome.seconds += time.monotonic() - started
            seed += 1
            if wrong:
                outcome.findings.append((wrong, board.data))
                for path in (folder / "units").iterdir():  # so that the next worker does not end at its start
                    if path.read_bytes() == board.data:
                        path.unlink()
            if len(outcome.findings) >= ENOUGH:
                break
        for path in sorted((folder / "findings").glob("*.input")):
            outcome.findings.append((path.with_suffix(".txt").read_text(), path.read_bytes()))
    return outcome


def _watched(name: str, folder: Path, board: Board, seconds: int, seed: int) -> str | None:
    """Run a worker to its end; what is wrong with the input on the board, if that is what ended it."""
    words = [sys.executable, "-m", "tests.fuzz.worker", module_of(name), str(folder), str(seconds), str(seed)]
    with (folder / "said").open("wb") as said:
        worker = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=said, stderr=said)
    seen, since = 0, time.monotonic()
    try:
        while worker.poll() is None:
            time.sleep(0.1)
            if board.count != seen:
                seen, since = board.count, time.monotonic()
            elif time.monotonic() - since > (STUCK if seen else START):
                return f"hangs: more than {STUCK:.0f} s"
    finally:
        worker.kill()
        worker.wait()
    if worker.returncode == 0:
        return None
    said = (folder / "said").read_text(errors="replace").splitlines()
    errors = [line.strip() for line in said if "error" in line.lower()]
    return f"the process died with code {worker.returncode}: {' '.join(errors[-1:] or said[-1:])[:200]}"


def keep(name: str, data: bytes) -> Path:
    """Put an input into the corpus."""
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
