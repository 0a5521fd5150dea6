"""Training runs: they learn, they resume bit for bit, they stop where numbers go wrong, and lose nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import numba
import numpy as np
import pytest

from framework import Model, Optimizer, checkpoint
from framework.checkpoint import CheckpointError
from framework.loading import WorkerError
from framework.program import NonFinite
from framework.trainer import Trainer
from kernels.interrupts import Interrupt
from tests.helpers.checks import assert_same
from tests.helpers.networks import of_any_size, plain


def batches(step):
    """Four classes told apart by which quarter of the picture is bright; a function of the step alone."""
    generator = np.random.default_rng((7, step))
    labels = generator.integers(0, 4, 8)
    images = generator.random((8, 1, 8, 8)) * 0.5
    for image, label in zip(images, labels, strict=True):
        image[0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 1
    return {"image": images, "target": np.eye(4)[labels]}


def trainer(folder, rate=0.05, batches=batches, optimizer="sgd", network=plain, **options):
    model = Model(network, "cpu", seed=5)
    settings = {"seed": 5, **options.pop("settings", {})}
    return Trainer(model, Optimizer(optimizer), 8, batches, lambda step: rate, Path(folder), settings, **options)


def weights(run):
    return run.model.parameters.download()


def logged(run):
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_network_learns(tmp_path, optimizer):
    run = trainer(tmp_path, rate=0.05 if optimizer == "sgd" else 0.01, optimizer=optimizer)
    run.run(60, progress=False)
    assert run.records[-1]["loss"] < 0.2 * run.records[0]["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, optimizer):
    whole = trainer(tmp_path / "whole", optimizer=optimizer)
    whole.run(12, progress=False)
    trainer(tmp_path / "parts", optimizer=optimizer).run(5, progress=False)
    rest = trainer(tmp_path / "parts", optimizer=optimizer)
    rest.resume()
    rest.run(12, progress=False)
    assert_same(weights(whole), weights(rest))
    assert_same(whole.optimizer.download(), rest.optimizer.download())
    assert whole.records == rest.records


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_says_that_it_compiles_until_the_step_is_done(tmp_path, capsys, progress):
    def compiling(step):
        if step == 0:
            numba.njit(lambda x: x + 1)(1)
        return batches(step)

    trainer(tmp_path / "run", batches=batches).run(1, progress=False)  # so that nothing else is to be compiled
    capsys.readouterr()
    trainer(tmp_path, batches=compiling).run(3, progress=progress)
    shown = capsys.readouterr().err.split("\r")
    steps = [(line.partition("/3 ")[0][-1:], line.startswith("compiling: ")) for line in shown if "/3 " in line]
    assert steps[:2] == [("0", False), ("0", True)] * progress
    assert steps[-1:] == [("3", False)] * progress


def of_two_sizes(step):
    """The same pictures, in every third step repeated to twice the size."""
    inputs = batches(step)
    if step % 3 == 1:
        inputs["image"] = np.tile(inputs["image"], (1, 1, 2, 2))
    return inputs


def over_two_sizes(folder, **options):
    def build(inputs):
        return {"size": inputs["image"].shape[2]}

    return trainer(folder, batches=of_two_sizes, network=of_any_size, build=build, **options)


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_run_over_inputs_of_two_sizes_resumes_bit_for_bit(tmp_path, stop):
    whole = over_two_sizes(tmp_path / "whole", optimizer="adam")
    whole.run(8, progress=False)
    over_two_sizes(tmp_path / "parts", optimizer="adam").run(stop, progress=False)
    rest = over_two_sizes(tmp_path / "parts", optimizer="adam")
    rest.resume()
    rest.run(8, progress=False)
    assert_same(weights(whole), weights(rest))
    assert_same(whole.optimizer.download(), rest.optimizer.download())
    assert whole.records == rest.records


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    """SIGKILL in the middle of training, at a moment nobody chose."""
    whole = trainer(tmp_path / "whole")
    whole.run(400, progress=False)
    script = (
        "from tests.framework.test_trainer import trainer\n"
        f"trainer({str(tmp_path / 'killed')!r}, checkpoint_every=20).run(10**9, progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    saved = tmp_path / "killed" / "checkpoint.safetensors"
    limit = time.monotonic() + 120
    while not saved.exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    rest = trainer(tmp_path / "killed")
    rest.resume()
    assert rest.step > 0
    end = max(rest.step, 400)
    for run in (whole, rest):
        run.run(end, progress=False)
    assert_same(weights(whole), weights(rest))
    assert whole.metrics_path.read_bytes() == rest.metrics_path.read_bytes()
    assert whole.records == rest.records == logged(rest)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_layer_and_checkpoint(tmp_path):
    def poisoned(step):
        inputs = batches(step)
        if step == 6:
            inputs["image"][0, 0, 0, 0] = np.inf
        return inputs

    run = trainer(tmp_path, batches=poisoned, checkpoint_every=4)
    with pytest.raises(NonFinite, match=r"^iteration 7: .*first in input image; the last good checkpoint is .*"):
        run.run(20, progress=False)
    tensors, metadata = checkpoint.read(run.checkpoint_path)
    assert metadata["step"] == "4"
    assert all(np.isfinite(array).all() for array in tensors.values())


def test_an_exploding_step_names_the_layer_and_leaves_the_weights_as_they_were(tmp_path):
    run = trainer(tmp_path)
    run.run(2, progress=False)
    huge = {n: a * np.float32(1e38) if n == "linear_1.weight" else a for n, a in weights(run).items()}
    run.model.parameters.upload(huge)
    with pytest.raises(NonFinite, match=r"iteration 3: .*first in layer "):
        run.run(9, progress=False)
    for name in run.model.parameters.weights.shapes:
        np.testing.assert_array_equal(weights(run)[name], huge[name], err_msg=name)


def test_the_layer_named_is_the_first_one_that_failed_although_later_ones_failed_too(tmp_path):
    run = trainer(tmp_path)
    run.run(1, progress=False)
    broken = {n: np.sign(a) * np.float32(3e38) if n == "conv2d_1.weight" else a for n, a in weights(run).items()}
    run.model.parameters.upload(broken)
    with pytest.raises(NonFinite, match=r"first in layer conv2d_1 \(conv2d, forward, y\)"):
        run.run(9, progress=False)


def test_a_checkpoint_of_another_run_is_refused_by_what_differs(tmp_path):
    trainer(tmp_path).run(2, progress=False)
    with pytest.raises(CheckpointError, match="seed is 5 there, 6 in this run"):
        trainer(tmp_path, settings={"seed": 6}).resume()


def test_the_log_has_one_line_a_step(tmp_path):
    run = trainer(tmp_path, evaluate=lambda: {"validation_loss": 1.5}, evaluate_every=2)
    run.run(5, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["iteration"] for line in lines if "validation_loss" in line] == [2, 4, 5]


def test_the_log_is_there_to_be_read_while_the_run_goes_on(tmp_path):
    lines = []

    def counting(step):
        lines.append(len(logged(run)))
        return batches(step)

    run = trainer(tmp_path, batches=counting, checkpoint_every=10**9)
    run.run(4, progress=False)
    assert lines == [0, 1, 2, 3]


class Stop(BaseException):
    """Ends a run without a word, as SIGKILL does."""


def ended(folder, step):
    """A run with a checkpoint at every third step that ended in the midst of a step."""

    def ending(at):
        if at == step:
            raise Stop
        return batches(at)

    run = trainer(folder, batches=ending, checkpoint_every=3)
    with pytest.raises(Stop):
        run.run(99, progress=False)
    return run


@pytest.mark.parametrize("cut_off", ["", '{"iteration": 6, "lo', '{"iteration": 6, "loss": 1.0}', "\0\0\0\n"])
def test_the_log_is_cut_back_to_the_checkpoint(tmp_path, cut_off):
    whole = trainer(tmp_path / "whole")
    whole.run(7, progress=False)
    first = ended(tmp_path / "parts", step=5)
    assert len(logged(first)) == 5
    with first.metrics_path.open("a") as log:
        log.write(cut_off)
    rest = trainer(tmp_path / "parts")
    rest.resume()
    assert logged(rest) == rest.records == whole.records[:3]
    rest.run(7, progress=False)
    assert whole.metrics_path.read_bytes() == rest.metrics_path.read_bytes()
    assert rest.records == whole.records


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_log_that_ends_before_the_checkpoint_is_gone_on_with(tmp_path, keep):
    """As nobody writes one; but whoever deletes a part of it can still resume."""
    run = trainer(tmp_path)
    run.run(3, progress=False)
    run.metrics_path.write_bytes(run.metrics_path.read_bytes()[:keep])
    rest = trainer(tmp_path)
    rest.resume()
    rest.run(5, progress=False)
    assert [record["iteration"] for record in logged(rest)][-2:] == [4, 5]


def test_a_new_run_begins_a_new_log_where_one_ended_before_its_first_checkpoint(tmp_path):
    ended(tmp_path, step=2)
    run = trainer(tmp_path)
    run.run(3, progress=False)
    assert [record["iteration"] for record in logged(run)] == [1, 2, 3]


def test_parts_of_the_loss_are_in_the_log(tmp_path):
    run = over_two_sizes(tmp_path, parts=("brightness",))
    run.run(3, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [["iteration", "loss", "brightness", "rate", "norm"]] * 3
    assert lines == run.records
    program = run.model.inference(8, outputs=("brightness",))
    assert program(image=batches(3)["image"])["brightness"].shape == (1,)
    assert len({line["brightness"] for line in lines}) == 3


def test_an_interrupted_run_finishes_its_step_and_leaves_a_checkpoint(tmp_path):
    def interrupting(step):
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return batches(step)

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, batches=interrupting).run(9, progress=False)
    rest = trainer(tmp_path)
    rest.resume()
    assert rest.step == 4
    rest.run(9, progress=False)
    whole = trainer(tmp_path / "whole")
    whole.run(9, progress=False)
    assert_same(weights(whole), weights(rest))


def test_an_interrupted_evaluation_ends_at_once_and_leaves_a_checkpoint(tmp_path):
    def evaluate():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, evaluate=evaluate, evaluate_every=2).run(9, progress=False)
    rest = trainer(tmp_path)
    rest.resume()
    assert rest.step == 2


def test_where_no_batch_can_be_made_the_steps_that_were_are_kept(tmp_path):
    """As where a worker died for want of memory."""

    def failing(step):
        if step == 5:
            raise WorkerError("a worker has died")
        return batches(step)

    with pytest.raises(WorkerError, match="a worker has died"):
        trainer(tmp_path, batches=failing).run(9, progress=False)
    rest = trainer(tmp_path)
    rest.resume()
    assert rest.step == 5 == len(logged(rest))


def test_a_batch_that_a_signal_prevents_ends_the_run_as_the_signal_does(tmp_path):
    """It may reach a worker first, and this process when the worker is dead already."""

    def failing(step):
        if step == 3:
            Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
            raise WorkerError("a worker has died")
        return batches(step)

    with pytest.raises(Interrupt) as raised:
        trainer(tmp_path, batches=failing).run(9, progress=False)
    assert raised.value.status == 143


def test_a_checkpoint_is_written_every_so_many_minutes(tmp_path, monkeypatch):
    saved, now = [], 0.0

    def batches_of_a_minute(step):
        nonlocal now
        now += 60
        return batches(step)

    monkeypatch.setattr("framework.interval.time.monotonic", lambda: now)
    run = trainer(tmp_path, batches=batches_of_a_minute, checkpoint_every="2m")
    monkeypatch.setattr(run, "save", lambda: saved.append(run.step))
    run.run(7, progress=False)
    assert saved == [2, 4, 6, 7]


def test_each_step_takes_its_own_batch_and_its_own_rate(tmp_path):
    asked = []

    def noted(step):
        asked.append(step)
        return batches(step)

    run = trainer(tmp_path, batches=noted)
    run.schedule = lambda step: 0.1 / (step + 1)
    run.run(3, progress=False)
    run.run(5, progress=False)
    assert asked == [0, 1, 2, 3, 4]
    assert [record["iteration"] for record in run.records] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([record["rate"] for record in run.records], [0.1 / n for n in (1, 2, 3, 4, 5)])


def test_a_resumed_run_keeps_the_algorithms_of_its_checkpoint(tmp_path):
    """Should another version choose others: the bits of a run are those of the algorithms that it began with."""
    run = trainer(tmp_path)
    run.run(2, progress=False)
    tensors, metadata = checkpoint.read(run.checkpoint_path)
    ((program, kept),) = json.loads(metadata["algorithms"]).items()
    assert kept["linear_1 backward"] == "placed"
    changed = {program: kept | {"linear_1 backward": "loops"}}
    checkpoint.write(run.checkpoint_path, tensors, metadata | {"algorithms": json.dumps(changed)})
    rest = trainer(tmp_path)
    rest.resume()
    rest.run(3, progress=False)
    assert json.loads(checkpoint.read(rest.checkpoint_path)[1]["algorithms"]) == changed
