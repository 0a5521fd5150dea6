"""What the commands of python -m apps.mnist do, but for predict."""

import time
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np

from apps.command_line import carry_out, choose_run, open_run, say_run, take_own_kernels, telling_of_compiling
from apps.errors import DataError
from apps.mnist.classifier import (
    EVALUATION_BATCH,
    OUTPUTS,
    Batches,
    DigitRecipe,
    Evaluation,
    load_classifier,
    recipe,
    trainer,
)
from apps.mnist.data import Digits, load
from apps.mnist.models import MODELS
from framework import Model, memory, weights
from framework.loading import Background
from framework.ranks import Ranks
from framework.summary import Summary
from framework.trainer import Trainer
from kernels.commands.command_line import note, write_json
from kernels.device import find_device

# Digits held out that are looked at where kernels are interpreted, which takes seconds to minutes a digit.
INTERPRETED = 4


def _load(options) -> Digits:
    """The digits; where kernels are interpreted, with a few of those held out only, and that is said."""
    digits = load(options.data)
    if options.device != "interpret":
        return digits
    held_out = len(digits.test_labels)
    note(f"interpreting is slow, so only {INTERPRETED} of the {held_out:,} digits held out are looked at")
    few = slice(0, INTERPRETED)
    return replace(digits, test_images=digits.test_images[few], test_labels=digits.test_labels[few])


def train(options) -> None:
    """Train, evaluate, and leave weights, log and figures in the run's folder."""
    chosen = choose_run(options, DigitRecipe(), recipe, MODELS)
    take_own_kernels(options)
    digits = _load(options)
    if chosen.batch > len(digits.train_images):
        raise DataError(f"--batch-size: {chosen.batch} is more than the {len(digits.train_images)} digits to train on")
    options.ranks.agree("the digest of the data", digits.digest)
    model = Model(MODELS[chosen.model], options.device, chosen.seed)
    options.ranks.agree("the device", model.device.name)
    needed = memory_needed(model, chosen, digits, options.workers, options.ranks)
    with open_run(options, f"mnist-{chosen.model}") as folder:
        say_run(options.ranks, f"{digits.source}, {digits.origin}", model, chosen, needed, folder)
        batches = Batches(digits.train_images, digits.train_labels, chosen, options.ranks.rows(chosen.batch))
        with Background(batches, options.workers) if options.workers else nullcontext(batches) as batches:
            run = trainer(digits, chosen, model, folder, options.evaluate_every, batches, options.ranks)
            carry_out(run, chosen.iterations, options)
        with run.averaged():
            _finish(options, run, digits, chosen)


def memory_needed(model: Model, chosen: DigitRecipe, digits: Digits, workers: int, ranks: Ranks) -> str:
    """How much memory the run needs, of several ranks this one, in words. Raises MemoryError where there is less."""
    on_cuda = model.device.name == "cuda"
    data = 0 if on_cuda else digits.train_images.nbytes + digits.test_images.nbytes
    beside = 0 if on_cuda else workers * (memory.WORKER + digits.train_images.nbytes)  # each has digits of its own
    held = memory.of_model(model) + data
    training = memory.of_training(model, chosen.make_optimizer(), len(ranks.rows(chosen.batch)))
    looking = memory.of_looking(model, min(EVALUATION_BATCH, len(digits.test_images)), OUTPUTS)
    averages = memory.of_averages(model) if chosen.average else 0
    return memory.require(held + training + averages + looking + beside, held, model.device, ranks)


def _finish(options, run: Trainer, digits: Digits, chosen: DigitRecipe) -> None:
    """Look at all digits held out, write what the run leaves, and say what it is."""
    from apps.mnist import figures  # here, because it loads slowly, and the first step shall not wait for it

    model, folder = run.model, run.folder
    result = Evaluation(model, digits, run.ranks)()
    if not run.ranks.first:
        return
    facts = {"data": digits.source, "accuracy": result.accuracy}
    weights.save(model, folder / "weights.safetensors", **facts, **asdict(chosen))
    learned = f"{model.name}: {len(digits.train_labels):,} digits to learn from, {len(digits.test_labels):,} held out"
    figures.learning_curves({model.name: run.records}, folder / "curves.png", learned)
    figures.misclassified_sheet(
        digits.test_images, digits.test_labels, result.predictions, result.probabilities, folder / "misclassified.png"
    )
    wrong = int((result.predictions != digits.test_labels).sum())
    print(f"accuracy {result.accuracy:.2%} of {len(digits.test_labels)} digits held out ({wrong} wrong), ", end="")
    print(f"{run.seconds:.0f} s, {run.steps_per_second:.1f} steps a second")
    print(f"wrote weights.safetensors, metrics.jsonl, curves.png and misclassified.png in {folder}")
    times = {"seconds": round(run.seconds, 3), "steps_per_second": round(run.steps_per_second, 3)}
    write_json(options.json, {"model": model.name, "device": model.device.name, **facts, **times})


def evaluate(options) -> None:
    """Print loss and accuracy of a weights file on the digits held out."""
    model, facts = load_classifier(options.weights, options.device)
    digits = _load(options)
    started = time.perf_counter()
    with telling_of_compiling(model.device):
        result = Evaluation(model, digits, options.ranks)()
    seconds = time.perf_counter() - started
    print(f"data     {digits.source}, {digits.origin}")
    print(f"model    {model.name} from {options.weights}, trained on {facts.get('data', 'unknown data')}")
    print(f"accuracy {result.accuracy:.2%}, loss {result.loss:.4f}, {seconds:.1f} s on {model.device}")
    if facts.get("data") != digits.source:
        print("note     it was trained on other data, which may hold digits that are held out here")
    if not options.ranks.first:
        return
    write_json(
        options.json,
        {
            "model": model.name,
            "device": model.device.name,
            "data": digits.source,
            "accuracy": result.accuracy,
            "loss": result.loss,
            "seconds": round(seconds, 3),
        },
    )


def sprint(options) -> None:
    """Train against the clock, a run for each seed; print each, and what accuracy and seconds are in the mean."""
    from apps.mnist import sprint  # here, as no other command needs it

    digits, device = load(options.data), find_device(options.device)
    print(f"data     {digits.source}, {digits.origin}")
    print(f"device   {device}")
    compiling = sprint.compile_kernels(digits, device)
    print(f"compiled in {compiling:.1f} s, before the clock starts")
    runs = []
    for run in sprint.runs(digits, device, range(options.seeds)):
        runs.append(asdict(run))
        print(f"seed {run.seed:<3} {run.accuracy:.2%} after {run.seconds:.2f} s")
    accuracy, seconds = (float(np.mean([run[what] for run in runs])) for what in ("accuracy", "seconds"))
    print(f"mean     {accuracy:.3%} of {len(digits.test_labels):,} digits held out after {seconds:.2f} s of training")
    facts = {"device": device.name, "data": digits.source, "compiling": compiling}
    write_json(options.json, {**facts, "accuracy": accuracy, "seconds": seconds, "runs": runs})


def show_summary(options) -> None:
    """Print the table of a model's layers, and draw the plan of its memory where that is asked for."""
    graph = MODELS[options.model](options.batch_size)
    print(Summary(graph))
    if options.plan:
        from framework.picture import draw_plan  # here, because it loads slowly and is seldom needed

        draw_plan(graph, options.plan)
        print(f"wrote {options.plan}")


def show_models(options) -> None:
    """Print each model's name and the first line of what it is."""
    width = max(map(len, MODELS))
    for name, build in MODELS.items():
        print(f"{name:{width}}  {(build.__doc__ or '').splitlines()[0]}")
