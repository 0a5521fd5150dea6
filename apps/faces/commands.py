"""What the commands of python -m apps.faces do."""

import math
import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from apps.command_line import carry_out, choose_run, open_run, say_run
from apps.errors import DataError
from apps.faces import figures
from apps.faces.data import Faces, load
from apps.faces.detector import OUTPUTS, PROGRAMS, extended
from apps.faces.models import MODELS
from apps.faces.scoring import measured, shapes_shown
from apps.faces.training import PARTS, Crops, DetectorRecipe, load_backbone, recipe, trainer
from apps.faces.wider import read_wider, statistics, valid_boxes
from framework import Model, memory, weights
from framework.loading import Background
from framework.picture import draw_plan
from framework.ranks import Ranks
from framework.summary import Summary
from framework.trainer import Trainer
from kernels.commands.command_line import CommandError, make_folder, note, write_json

# Problems of data that are told before training; `data` tells all.
TOLD = 5


def serve(options) -> None:
    """As the function of this name in apps/faces/serve.py. Raises CommandError without the extra that it needs."""
    try:
        from apps.faces import serve
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "werkzeug"):
            raise
        raise CommandError("the page needs the extra: pip install 'handwritten[serve]'") from None
    serve.serve(options)


def train(options) -> None:
    """Train, score, and leave weights, log and figures in the run's folder."""
    chosen = choose_run(options, DetectorRecipe(), recipe, MODELS)
    faces = faces_of(options)
    options.ranks.agree("the digest of the data", faces.digest)
    model = chosen.make_model(options.device)
    options.ranks.agree("the device", model.device.name)
    if options.backbone:
        load_backbone(model, options.backbone)
    if options.start:
        weights.begin_with(model, options.start)
    needed = memory_needed(model, chosen, faces, options.workers, options.ranks)
    with open_run(options, f"faces-{chosen.model}") as folder:
        say_run(options.ranks, faces.source, model, chosen, needed, folder)
        crops = Crops(faces.train, chosen, options.ranks.rows(chosen.batch))
        with Background(crops, options.workers) if options.workers else nullcontext(crops) as batches:
            run = trainer(faces, chosen, model, batches, folder, options.evaluate_every, options.ranks)
            metrics = carry_out(run, chosen.iterations, options)
        result = {name.removeprefix("validation_"): value for name, value in metrics.items()}
        with run.averaged():
            result = result or measured(model, faces.validation, options.ranks)  # if no step was left
            if options.ranks.first:
                _finish(options, run, faces, chosen, result)


def memory_needed(model: Model, chosen: DetectorRecipe, faces: Faces, workers: int, ranks: Ranks) -> str:
    """How much memory the run needs, of several ranks this one, in words.

    A program for each size of crops, and those of a detector for pictures held out, of which the largest is taken for
    all. Raises MemoryError where there is less.
    """
    held = memory.of_model(model)
    sizes = [{"size": (side, side)} for side in chosen.sizes]
    training = memory.of_training(
        model, chosen.make_optimizer(), len(ranks.rows(chosen.batch)), ("loss", *PARTS), sizes
    )
    shapes = {extended(*shape) for shape in shapes_shown(faces.validation)}
    looking = memory.of_looking(model, 1, OUTPUTS, size=max(shapes, key=math.prod)) if shapes else 0
    beside = 0 if model.device.name == "cuda" else workers * memory.WORKER
    averages = memory.of_averages(model) if chosen.average else 0
    needed = held + training + averages + min(len(shapes), PROGRAMS) * looking + beside
    return memory.require(needed, held, model.device, ranks)


def _finish(options, run: Trainer, faces: Faces, chosen: DetectorRecipe, result: dict[str, float]) -> None:
    """Write what the run leaves, and say what it is."""
    model, folder = run.model, run.folder
    rounded = {name: round(value, 4) for name, value in result.items()}
    weights.save(model, folder / "weights.safetensors", data=faces.source, **rounded, **asdict(chosen))
    learned = f"{model.name}: {len(faces.train):,} pictures to learn from, {len(faces.validation):,} held out"
    figures.learning_curve({model.name: run.records}, folder / "curves.png", learned)
    print(f"AP {result['ap']:.3f} of all faces, {result['ap_16']:.3f} of those of 16 pixels and more, ", end="")
    print(f"{run.seconds:.0f} s, {run.steps_per_second:.2f} steps a second")
    print(f"wrote weights.safetensors, metrics.jsonl and curves.png in {folder}")
    times = {"seconds": round(run.seconds, 3), "steps_per_second": round(run.steps_per_second, 3)}
    known = {"model": model.name, "device": model.device.name, "data": faces.source}
    write_json(options.json, {**known, **result, "pictures": len(faces.validation), **times})


def faces_of(options, learning: bool = True) -> Faces:
    """The data, of which problems are told."""
    faces = load(options.data, options.validation, learning)
    for problem in faces.problems[:TOLD]:
        note(problem)
    if len(faces.problems) > TOLD:
        note(f"{len(faces.problems) - TOLD} more like these; `data` tells all")
    return faces


def show_summary(options) -> None:
    """Print the table of a model's layers, and draw the plan of its memory where that is asked for."""
    graph = MODELS[options.model](options.batch_size, (options.size, options.size))
    print(Summary(graph))
    if options.plan:
        draw_plan(graph, options.plan)
        print(f"wrote {options.plan}")


def show_data(options) -> None:
    """Print what is wrong with the photographs of a folder, how many there are, and how large their faces are."""
    folder = options.folder or os.environ.get("WIDER_FACE_DIR")
    if not folder:
        raise DataError("folder: none given, and WIDER_FACE_DIR is not set; a folder in WIDER FACE's layout expected")
    boxes, facts = {}, {}
    for split in ("train", "val"):
        photographs, problems = read_wider(folder, split, check=True)
        for problem in problems:
            print(problem)
        boxes[split] = valid_boxes(photographs)
        facts[split] = {**statistics(photographs), "problems": len(problems)}
    make_folder("--output", options.output)
    for split, numbers in facts.items():
        print(f"{split:5}  " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    figures.size_histogram(boxes, options.output / "face-sizes.png", f"Sizes of faces in {Path(folder).name}")
    print(f"wrote face-sizes.png in {options.output}")
    write_json(options.json, facts)


def show_models(options) -> None:
    """Print each model's name and the first line of what it is."""
    width = max(map(len, MODELS))
    for name, build in MODELS.items():
        print(f"{name:{width}}  {(build.__doc__ or '').splitlines()[0]}")
