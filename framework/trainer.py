"""The training loop: batches in, steps, a log, evaluations, checkpoints, and a stop where numbers go wrong.

A run is a folder:

    metrics.jsonl           one line a step, written as it is made: iteration, loss, rate, norm; now and then what
                            `evaluate` says
    checkpoint.safetensors  parameters, running averages, optimizer state; the step; settings and choices of the run;
                            and which algorithms its steps take, should another version choose others

The batch of a step is a function of the seed and the step alone, so the step is all that is needed to go on in
the data where a run stopped: a resumed run equals, bit for bit, one that was never interrupted.
"""

import json
import math
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from framework.averages import Averages
from framework.checkpoint import CheckpointError
from framework.compiling import when_compiling
from framework.interval import Interval
from framework.loading import Batches
from framework.log import Log, Record, cut_back
from framework.model import Model
from framework.optimizer import Optimizer
from framework.parameters import ParameterError
from framework.program import NonFinite, Program
from framework.ranks import Ranks
from framework.run_state import RunState
from framework.schedule import Schedule
from kernels.interrupts import Interrupt, Noted

CHECKPOINT = "checkpoint.safetensors"

# A setting in which a run and its checkpoint may differ: how far it shall go. All others decide its bits.
PROLONGED = "iterations"

# Seconds within which a signal sent to all processes has reached this one, where it has already ended a worker.
TOGETHER = 0.2

# Seconds between lines in a log that say what is compiled.
SPARSE = 2.0


class Trainer:
    """Trains a model.

    model, optimizer    what is trained, and how
    batch               examples a step
    batches             step -> inputs of the training program by name, this rank's share
    schedule            step -> learning rate
    folder              where the run is written
    settings            what a run must have in common with the checkpoint it resumes: seed, data ...
    evaluate            () -> metrics by name, called every `evaluate_every` steps and at the end
    checkpoint_every    so many steps, as 500, or minutes, as "10m"; there is one at the end, too
    build               (inputs) -> what a network that takes inputs of several sizes is built for; a program each
    parts               outputs of shape (1,) that are logged beside the loss
    ranks               who trains it together, each in such a process; the first alone shows, logs and writes
    bucket              the fewest numbers of the gradient that they add up at once, see Program
    average             above 0: the decay of moving averages, which are what is evaluated, see Averages

    Raises ValueError for a `checkpoint_every` that is no interval.
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
        checkpoint_every: int | str = 500,
        build: Callable[[dict[str, np.ndarray]], dict[str, Any]] = lambda inputs: {},
        parts: tuple[str, ...] = (),
        ranks: Ranks | None = None,
        bucket: int | None = None,
        average: float = 0.0,
    ):
        self.ranks, self.bucket = ranks or Ranks(), bucket
        self.model, self.optimizer, self.batches, self.schedule = model, optimizer, batches, schedule
        self.batch, self.build, self.parts = batch, build, parts
        self._programs: dict[tuple, Program] = {}
        self._algorithms: dict[str, dict[str, str]] = {}  # of each program's options, and what it was built for
        optimizer.attach(model.parameters)
        self._averages = Averages(model.parameters, average) if average else None
        self.folder, self.evaluate = folder, evaluate
        self.evaluate_every, self.checkpoint_every = evaluate_every, Interval(str(checkpoint_every))
        self.settings = json.loads(json.dumps({"model": model.name, "batch": batch, **settings}))
        self.choices: dict[str, Any] = {}  # what the checkpoint keeps beside for whoever resumes: all that JSON has
        self.step = 0
        self.seconds = 0.0
        self.records: list[Record] = []

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

    def averaged(self) -> AbstractContextManager[None]:
        """Meanwhile the model has the moving averages in place of what it last learned, where the run keeps them."""
        return self._averages.in_place() if self._averages else nullcontext()

    def resume(self) -> None:
        """Go on from the folder's checkpoint.

        Raises CheckpointError for one that is damaged or belongs to another kind of run, and then changes nothing.
        """
        state = self._read()
        for name in sorted((self.settings.keys() | state.settings.keys()) - {PROLONGED}):
            ours, theirs = self.settings.get(name), state.settings.get(name)
            if theirs != ours:
                raise CheckpointError(f"{self.checkpoint_path}: {name} is {theirs!r} there, {ours!r} in this run")
        try:
            self.model.parameters.check(state.weights)
            self.optimizer.check(state.optimizer)
            if self._averages:
                self._averages.check(state.optimizer)
        except ParameterError as error:
            raise CheckpointError(f"{self.checkpoint_path}: {error}") from None
        self.records = cut_back(self.metrics_path, state.step) if self.ranks.first else []
        self.model.parameters.upload(state.weights)
        self.optimizer.upload(state.optimizer)
        if self._averages:
            self._averages.upload(state.optimizer)
        self.step, self.seconds, self._algorithms = state.step, state.seconds, state.algorithms

    def _read(self) -> RunState:
        """The checkpoint: the first rank reads it and tells the others."""
        state = RunState.read(self.checkpoint_path) if self.ranks.first else None
        if self.ranks.size == 1 and state:
            return state
        names = "step", "seconds", "settings", "choices", "algorithms"
        told = self.ranks.broadcast({name: getattr(state, name) for name in names} if state else None)
        weights = self.ranks.broadcast_arrays(state.weights if state else None)
        return RunState(weights, self.ranks.broadcast_arrays(state.optimizer if state else None), **told)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all. Raises OSError that names the file, and RanksError.

        All ranks do it together, and go on when it is written. They have learned the same, which is looked at.
        """
        weights, optimizer = self.model.parameters.download(), self.optimizer.download()
        if self._averages:
            optimizer |= self._averages.download()
        if self.ranks.size > 1:
            sums = (zlib.crc32(array.tobytes()) for arrays in (weights, optimizer) for array in arrays.values())
            self.ranks.agree(f"what was learned by step {self.step}", list(sums))
            self._algorithms = {name: how for each in self.ranks.gather(self._algorithms) for name, how in each.items()}
        if self.ranks.first:
            how = self.settings, self.choices, self._algorithms
            RunState(weights, optimizer, self.step, self.seconds, *how).write(self.checkpoint_path)
        self.ranks.gather(None)

    def run(self, iterations: int, progress: bool = True) -> dict[str, float]:
        """Train up to step `iterations`; returns the last evaluation's metrics.

        Raises NonFinite where a loss or gradient is not finite; the weights are then those before the step.
        Interrupted from the keyboard, by SIGTERM or SIGHUP, it finishes its step, but no evaluation, leaves a
        checkpoint and raises Interrupt. It leaves one, too, where no batch could be made.
        """
        metrics: dict[str, float] = {}
        progress = progress and self.ranks.first
        started = time.perf_counter() - self.seconds
        bar = tqdm(total=iterations, initial=self.step, unit="step", disable=not progress, dynamic_ncols=True)
        bar.mininterval = 0.5 if sys.stderr.isatty() else 10.0  # seconds; in a log each update is a line
        compiling = when_compiling(self.model.device, teller(bar) if progress else lambda what: None)
        self.checkpoint_every.start()
        with bar, Noted() as interrupts, self._log() as log, compiling:
            while self.step < iterations:
                record = self._one_step(self._batch(log, interrupts))
                self.seconds = time.perf_counter() - started
                last = self.step == iterations
                due = last or self.step % self.evaluate_every == 0
                over = self.checkpoint_every.is_over(self.step) and self.ranks.first  # by the first one's clock
                stopped, due_to_keep = self.ranks.highest([interrupts.seen, int(over)])
                if self.evaluate and due and not stopped:
                    # Where others would wait for this rank in their midst, evaluations end.
                    with self.averaged(), interrupts.at_once() if self.ranks.size == 1 else nullcontext():
                        metrics = self.evaluate()
                        record |= metrics
                self.records.append(record)
                log.add(record)
                shown = {"loss": f"{record['loss']:.4f}", **{n: f"{v:.4g}" for n, v in metrics.items()}}
                bar.set_description(refresh=False)  # whatever was compiled now is
                bar.set_postfix(shown, refresh=False)
                bar.update()
                stopped = stopped or (interrupts.seen if self.ranks.size == 1 else 0)
                if last or stopped or due_to_keep:
                    self._keep(log)
                if stopped:
                    raise Interrupt(stopped, everywhere=True)
        return metrics

    def _log(self) -> Log:
        if not self.ranks.first:
            return Log(None)
        if not self.step:
            cut_back(self.metrics_path, 0)  # what a run left that ended before its first checkpoint
        return Log(self.metrics_path)

    def _keep(self, log: Log) -> None:
        """Write the checkpoint. The log never ends before it, even where the power fails."""
        log.sync()
        self.save()
        self.checkpoint_every.start()

    def _batch(self, log: Log, interrupts: Noted) -> dict[str, np.ndarray]:
        """The inputs of the next step. Where there are none, the steps that were made are kept."""
        try:
            return self.batches(self.step)
        except Exception:
            if self.step and self.ranks.size == 1:
                self._keep(log)
            time.sleep(TOGETHER)
            if interrupts.seen:  # it went to the workers as well
                raise Interrupt(interrupts.seen) from None
            raise

    def _one_step(self, inputs: dict[str, np.ndarray]) -> Record:
        rate = self.schedule(self.step)
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
        if self._averages:
            self._averages.update(self.step)
        self.step += 1
        parts = {name: float(results[name][0]) for name in self.parts}
        return {"iteration": self.step, "loss": loss, **parts, "rate": rate, "norm": norm}

    def _program(self, inputs) -> Program:
        """The program for what these inputs need; made when first needed, all with the same weights."""
        options = self.build(inputs)
        key = tuple(sorted(options.items()))
        if key not in self._programs:
            outputs, name = ("loss", *self.parts), repr((("batch", len(self.ranks.share(self.batch))), *key))
            how: dict[str, Any] = {"algorithms": self._algorithms.get(name), "ranks": self.ranks, "bucket": self.bucket}
            program = self.model.training(self.batch, self.optimizer, outputs, **how, **options)
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
