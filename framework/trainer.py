"""The training loop: batches in, steps, a log, evaluations, checkpoints, and a stop where numbers go wrong.

A run is a folder:

    metrics.jsonl           one line a step, written as it is made: iteration, loss, rate, norm; now and then what
                            `evaluate` says
    checkpoint.safetensors  parameters, running averages, optimizer state; the step; seed and settings of the run; and
                            which algorithms its steps take, should another version choose others

The batch of a step is a function of the seed and the step alone, so the step is all that is needed to go on in
the data where a run stopped: a resumed run equals, bit for bit, one that was never interrupted.
"""

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from tqdm import tqdm

from framework import checkpoint
from framework.compiling import when_compiling
from framework.loading import Batches
from framework.model import Model
from framework.optimizer import Optimizer
from framework.program import NonFinite, Program
from framework.schedule import Schedule

CHECKPOINT = "checkpoint.safetensors"

# Seconds between lines in a log that say what is compiled.
SPARSE = 2.0


class Trainer:
    """Trains a model.

    model, optimizer    what is trained, and how
    batch               examples a step
    batches             step -> inputs of the training program by name
    schedule            step -> learning rate
    folder              where the run is written
    settings            what a run must have in common with the checkpoint it resumes: seed, data ...
    evaluate            () -> metrics by name, called every `evaluate_every` steps and at the end
    build               (inputs) -> what a network that takes inputs of several sizes is built for; a program each
    parts               outputs of shape (1,) that are logged beside the loss
    """

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        batch: int,
        batches: Batches,
        schedule: Schedule,
        folder: Path,
        settings: dict[str, Any],
        evaluate: Callable[[], dict[str, float]] | None = None,
        evaluate_every: int = 500,
        checkpoint_every: int = 500,
        build: Callable[[dict[str, np.ndarray]], dict[str, Any]] = lambda inputs: {},
        parts: tuple[str, ...] = (),
    ):
        self.model, self.optimizer, self.batches, self.schedule = model, optimizer, batches, schedule
        self.batch, self.build, self.parts = batch, build, parts
        self._programs: dict[tuple, Program] = {}
        self._algorithms: dict[str, dict[str, str]] = {}  # of each program's options, and what it was built for
        optimizer.attach(model.parameters)
        self.folder, self.evaluate = folder, evaluate
        self.evaluate_every, self.checkpoint_every = evaluate_every, checkpoint_every
        self.settings = json.dumps({"model": model.name, "batch": batch, **settings}, sort_keys=True)
        self.step = 0
        self.seconds = 0.0
        self.records: list[dict[str, float]] = []

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / CHECKPOINT

    @property
    def metrics_path(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def steps_per_second(self) -> float:
        """Steps over the whole time of the run, evaluations and resumed parts included."""
        return self.step / self.seconds if self.seconds else 0.0

    def resume(self) -> None:
        """Go on from the folder's checkpoint. Raises CheckpointError for one that belongs to another kind of run."""
        tensors, metadata = checkpoint.read(self.checkpoint_path)
        theirs, ours = json.loads(metadata.get("settings", "{}")), json.loads(self.settings)
        for name in sorted(ours.keys() | theirs.keys()):
            if theirs.get(name) != ours.get(name):
                raise checkpoint.CheckpointError(
                    f"{self.checkpoint_path}: {name} is {theirs.get(name)!r} there, {ours.get(name)!r} in this run"
                )
        prefix = "optimizer."
        self.model.parameters.upload({n: t for n, t in tensors.items() if not n.startswith(prefix)})
        self.optimizer.upload({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
        self._algorithms = json.loads(metadata.get("algorithms", "{}"))
        self.records = cut_back(self.metrics_path, self.step)

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = self.model.parameters.download()
        tensors |= {f"optimizer.{name}": array for name, array in self.optimizer.download().items()}
        metadata = {"step": str(self.step), "seconds": f"{self.seconds:.3f}", "settings": self.settings}
        metadata["algorithms"] = json.dumps(self._algorithms, sort_keys=True)
        checkpoint.write(self.checkpoint_path, tensors, metadata)

    def run(self, iterations: int, progress: bool = True) -> dict[str, float]:
        """Train up to step `iterations`; returns the last evaluation's metrics.

        Raises NonFinite where a loss or gradient is not finite; the weights are then those before the step.
        Interrupted from the keyboard, it finishes its step, but no evaluation, leaves a checkpoint and raises
        KeyboardInterrupt.
        """
        metrics: dict[str, float] = {}
        started = time.perf_counter() - self.seconds
        bar = tqdm(total=iterations, initial=self.step, unit="step", disable=not progress, dynamic_ncols=True)
        bar.mininterval = 0.5 if sys.stderr.isatty() else 10.0  # seconds; in a log each update is a line
        compiling = when_compiling(self.model.device, teller(bar) if progress else lambda what: None)
        with bar, self._log() as log, Interrupts() as interrupts, compiling:
            while self.step < iterations:
                record = self._one_step()
                self.seconds = time.perf_counter() - started
                last = self.step == iterations
                due = last or self.step % self.evaluate_every == 0
                if self.evaluate and due and not interrupts.seen:
                    with interrupts.at_once():
                        metrics = self.evaluate()
                        record |= metrics
                self.records.append(record)
                log.write(json.dumps(record) + "\n")
                shown = {"loss": f"{record['loss']:.4f}", **{n: f"{v:.4g}" for n, v in metrics.items()}}
                bar.set_description(refresh=False)  # whatever was compiled now is
                bar.set_postfix(shown, refresh=False)
                bar.update()
                if last or interrupts.seen or self.step % self.checkpoint_every == 0:
                    os.fsync(log.fileno())  # the log never ends before the checkpoint, even where the power fails
                    self.save()
                if interrupts.seen:
                    raise KeyboardInterrupt
        return metrics

    def _log(self) -> TextIO:
        """The log, open for the lines that follow, each of which is there for others to read once it is written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.step:
            cut_back(self.metrics_path, 0)  # what a run left that ended before its first checkpoint
        return self.metrics_path.open("a", buffering=1)

    def _one_step(self) -> dict[str, float]:
        inputs, rate = self.batches(self.step), self.schedule(self.step)
        self.optimizer.set_rate(rate, self.step)
        program = self._program(inputs)
        results = program(**inputs)
        loss, norm = float(results["loss"][0]), float(results["norm"][0])
        if not (math.isfinite(loss) and math.isfinite(norm)):
            where = program.find_non_finite(**inputs)
            kept = f"the last good checkpoint is {self.checkpoint_path}"
            if not self.checkpoint_path.exists():
                kept = "there is no checkpoint yet"
            raise NonFinite(
                f"iteration {self.step + 1}: loss {loss}, gradient norm {norm}, learning rate {rate:g}; "
                f"first in {where}; {kept}"
            )
        self.step += 1
        parts = {name: float(results[name][0]) for name in self.parts}
        return {"iteration": self.step, "loss": loss, **parts, "rate": rate, "norm": norm}

    def _program(self, inputs) -> Program:
        """The program for what these inputs need; made when first needed, all with the same weights."""
        options = self.build(inputs)
        key = tuple(sorted(options.items()))
        if key not in self._programs:
            outputs, name = ("loss", *self.parts), repr(key)
            known = self._algorithms.get(name)
            program = self.model.training(self.batch, self.optimizer, outputs, algorithms=known, **options)
            self._programs[key], self._algorithms[name] = program, program.algorithms
        return self._programs[key]


def teller(bar: tqdm) -> Callable[[str], None]:
    """Says before the bar what is compiled: on a terminal at once, in a log now and then."""
    due = 0.0

    def tell(what: str) -> None:
        nonlocal due
        text = f"compiling {what}".rstrip()
        now = time.monotonic()
        if not bar.desc.startswith(text) and (now >= due or sys.stderr.isatty()):
            bar.set_description(text)
            due = now + SPARSE

    return tell


class Interrupts:
    """Notes an interrupt from the keyboard (SIGINT) and does not raise it: a step is made whole or not at all."""

    def __enter__(self):
        self.seen = self.breaks = False
        self.ours = threading.current_thread() is threading.main_thread()
        if self.ours:
            self.before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_):
        if self.ours:
            signal.signal(signal.SIGINT, self.before)

    @contextmanager
    def at_once(self):
        """What is inside ends at an interrupt, as nothing depends on it being whole; and it is noted."""
        try:
            self.breaks = True
            yield
        except KeyboardInterrupt:
            pass
        finally:
            self.breaks = False

    def _note(self, *_):
        self.seen = True
        if self.breaks:
            raise KeyboardInterrupt


def cut_back(path: Path, step: int) -> list[dict[str, float]]:
    """The records of a log up to a step. What stands after them is cut off the file: those steps are made again.

    So is a last line that is not whole, because whoever wrote it was killed.
    """
    records: list[dict[str, float]] = []
    if not path.exists():
        return records
    with path.open("r+b") as file:
        end = 0
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                break
            if record["iteration"] > step or not line.endswith(b"\n"):
                break
            records.append(record)
            end += len(line)
        file.truncate(end)
    return records
