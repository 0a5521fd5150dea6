"""Logs of runs, cut back to a step: the first two bytes. What stays is the beginning of what was there."""

import json

from tests.fuzz.target import Target, instrumented

with instrumented("framework.log"):
    from framework.checkpoint import CheckpointError
    from framework.log import cut_back


def seeds():
    lines = [
        json.dumps({"iteration": n, "loss": 0.5, "rate": 0.1, "norm": 1.0, "validation_loss": 2}) for n in (1, 2, 3)
    ]
    for step in (0, 2, 9):
        yield bytes([0, step]) + "\n".join(lines).encode() + b"\n"


def attempt(data, folder):
    path, step = folder / "metrics.jsonl", int.from_bytes(data[:2], "big")
    path.write_bytes(data[2:])
    records = cut_back(path, step)
    kept = path.read_bytes()
    assert data[2:].startswith(kept)
    assert [record["iteration"] for record in records] == [
        json.loads(line)["iteration"] for line in kept.split(b"\n")[:-1]
    ]
    assert cut_back(path, step) == records or "NaN" in kept.decode()


WORDS = (
    b'{"iteration": ',
    b'"loss": ',
    b'"rate": ',
    b'"norm": ',
    b"NaN",
    b"Infinity",
    b"1e999",
    b"null",
    b"}\n",
    b"[" * 99,
)
TARGET = Target(attempt, (CheckpointError,), seeds, WORDS)
