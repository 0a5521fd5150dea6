"""The log of a run: a line of JSON a step."""

import json
import math
import os
from pathlib import Path

from framework.checkpoint import CheckpointError
from kernels.files import naming

Record = dict[str, float]

# What the record of every step has.
ALWAYS = {"iteration", "loss", "rate", "norm"}


class Log:
    """The log, as a context, open for the records that follow. Its methods raise OSError that names the file."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self):
        with naming(self.path):
            if not self.path.parent.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def add(self, record: Record) -> None:
        """Write a record, which is there for others to read at once."""
        left = (json.dumps(record) + "\n").encode()
        with naming(self.path):
            while left:  # a disk that fills takes a part before it refuses
                left = left[os.write(self._file, left) :]

    def sync(self) -> None:
        """What was added is there although the power fails."""
        with naming(self.path):
            os.fsync(self._file)


def cut_back(path: Path, step: int) -> list[Record]:
    """The records of a log up to a step. What stands after them is cut off the file: those steps are made again.

    So is a last line that is not whole, because whoever wrote it was killed. Raises CheckpointError, and then changes
    nothing, for a line among those up to the step that is no record: it is for the user to say what becomes of a log
    that was damaged.
    """
    records: list[Record] = []
    if not path.exists():
        return records
    with path.open("r+b") as file:
        lines = file.readlines()
        end = 0
        for number, line in enumerate(lines, start=1):
            record = _record(line, records[-1]["iteration"] if records else 0)
            if record is None and number < len(lines) and number <= step:
                raise CheckpointError(f"{path}: line {number} is damaged, the record of a step expected; "
                                      "mend it, or move the file away to go on with a new one")  # fmt: skip
            if record is None or record["iteration"] > step:
                break
            records.append(record)
            end += len(line)
        file.truncate(end)
    return records


def _record(line: bytes, last: float) -> Record | None:
    """The record of a step after the last one, or None where the line is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = line.endswith(b"\n") and isinstance(found, dict) and found.keys() >= ALWAYS
    if not whole or not all(isinstance(value, int | float) for value in found.values()):  # a metric may be NaN
        return None
    return found if found["iteration"] > last and all(math.isfinite(found[name]) for name in ALWAYS) else None
