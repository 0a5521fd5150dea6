"""Where a run stands: all that it needs to go on bit for bit, as a checkpoint keeps it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from framework import checkpoint
from framework.checkpoint import CheckpointError

# Of what a checkpoint holds. Another version's is refused, as it may mean something else by the same names.
VERSION = "2"

# Before the names of the optimizer's tensors; those of the model have none.
OPTIMIZER = "optimizer."

Arrays = dict[str, np.ndarray]


@dataclass
class RunState:
    """Where a run stands.

    weights, optimizer  parameters and running averages; the optimizer's state
    step, seconds       steps that were made, and how long they took
    settings            what decides its bits, and whoever goes on must have in common with it: recipe, data
    choices             what decides none, and whoever goes on may choose otherwise: how often it is looked at ...
    algorithms          of each program's options, which algorithms its steps take
    """

    weights: Arrays
    optimizer: Arrays
    step: int
    seconds: float
    settings: dict[str, Any]
    choices: dict[str, Any] = field(default_factory=dict)
    algorithms: dict[str, dict[str, str]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all. Raises OSError that names the file."""
        tensors = {**self.weights, **{f"{OPTIMIZER}{name}": array for name, array in self.optimizer.items()}}
        numbers = {"version": VERSION, "step": str(self.step), "seconds": f"{self.seconds:.3f}"}
        kept = {"settings": self.settings, "choices": self.choices, "algorithms": self.algorithms}
        checkpoint.write(path, tensors, numbers | {n: json.dumps(each, sort_keys=True) for n, each in kept.items()})

    @classmethod
    def read(cls, path: Path) -> "RunState":
        """The state in a checkpoint. Raises CheckpointError for a file that holds none, or a damaged one."""
        tensors, metadata = checkpoint.read(path, sealed=True)
        if (version := metadata.get("version")) != VERSION:
            found = f"version {version!r}" if version else "no version"
            raise CheckpointError(f"{path}: {found} found, the checkpoint of a run, version {VERSION!r}, expected")
        try:
            kept = [json.loads(metadata[name]) for name in ("settings", "choices", "algorithms")]
            step, seconds = int(metadata["step"]), float(metadata["seconds"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"{path}: not the checkpoint of a run ({error})") from None
        if step < 0 or not all(isinstance(each, dict) for each in kept):
            raise CheckpointError(f"{path}: not the checkpoint of a run (step {step})")
        weights = {name: array for name, array in tensors.items() if not name.startswith(OPTIMIZER)}
        optimizer = {n.removeprefix(OPTIMIZER): a for n, a in tensors.items() if n.startswith(OPTIMIZER)}
        return cls(weights, optimizer, step, seconds, *kept)
