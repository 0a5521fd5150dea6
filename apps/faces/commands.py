"""What the commands of python -m apps.faces do."""

import json
import math
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

from apps.command_line import carry_out, choose_run, free_files, open_run, say_run, telling_of_compiling
from apps.errors import DataError
from apps.faces import figures
from apps.faces.album import Album, copy_of
from apps.faces.data import Faces, load
from apps.faces.detector import OUTPUTS, PROGRAMS, Detector, extended, load_detector
from apps.faces.models import MODELS
from apps.faces.pictures import Film, find_pictures, is_film, read_upright
from apps.faces.scoring import measured, shapes_shown
from apps.faces.training import PARTS, Crops, DetectorRecipe, load_backbone, recipe, trainer
from apps.faces.wider import read_wider, statistics, valid_boxes
from framework import Model, memory, weights
from framework.loading import Background
from framework.picture import draw_plan
from framework.ranks import Ranks
from framework.summary import Summary
from framework.trainer import Trainer
from kernels.commands.command_line import make_folder, note, progress, write_json
from kernels.files import write_whole

# What is looked at where nothing else is given: a picture of scikit-image.
ASTRONAUT = Path("astronaut.png")

# Problems of data that are told before training; `data` tells all.
TOLD = 5


def detect(options) -> int:
    """Write copies with a box drawn around every face. A picture that cannot be read is named, and the others done.

    Several ranks each take a share of the pictures; what they say and record stands in the order of the pictures.
    """
    ranks: Ranks = options.ranks
    paths: list[Path | None] = [*find_pictures(options.pictures, options.output)] or [None]
    model, facts = load_detector(options.weights, options.device)
    make_folder("--output", options.output)
    # The first says where each copy goes, so that no two have the same name.
    names = [copy_of(path or ASTRONAUT) for path in paths]
    outputs = [Path(path) for path in ranks.broadcast([str(p) for p in free_files(options.output, names)])]
    album = Album(Detector(model, options.threshold, options.overlap, options.longest, options.scales))
    print(f"model  {model.name} on {model.device}, trained on {facts.get('data', 'unknown data')}")
    told: list[tuple[bool, str]] = []
    try:
        with telling_of_compiling(model.device):
            for number in ranks.share(len(paths)):
                told.append(_added(album, paths[number], outputs[number]))
                _tell(*told[-1])
        for lines, records in ranks.gather([told, album.records])[1:]:  # the first rank's are there
            for line in lines:
                _tell(*line)
            told, album.records = told + lines, album.records + records
    finally:
        if options.json and ranks.first:
            text = "".join(json.dumps(record) + "\n" for record in album.records)
            write_whole(options.json, text.encode())
    return 0 if all(good for good, _ in told) else 1


def _tell(good: bool, line: str) -> None:
    print(line, file=sys.stdout if good else sys.stderr)


def _added(album: Album, path: Path | None, output: Path) -> tuple[bool, str]:
    """Add what the path names, or a picture of scikit-image; whether that could be, and what is to be said of it."""
    started = time.perf_counter()
    try:
        if path is None:
            from skimage import data  # here, because it loads slowly and is seldom needed

            records = album.add_picture(ASTRONAUT, data.astronaut(), output)
        elif is_film(path):
            film = Film(path)
            records = album.add_film(film, output, partial(progress, total=film.frames, unit="frame"))
        else:
            records = album.add_picture(path, read_upright(path), output)
    except DataError as error:
        return False, f"apps.faces detect: {error}"
    seconds = time.perf_counter() - started
    faces = counted(sum(len(record["boxes"]) for record in records), "face")
    frames = f" in {counted(len(records), 'frame')}" if "frame" in records[0] else ""
    return True, f"{records[0]['image']}: {faces}{frames}, {seconds:.2f} s, drawn in {records[0]['output']}"


def counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def train(options) -> None:
    """Train, score, and leave weights, log and figures in the run's folder."""
    chosen = choose_run(options, DetectorRecipe(), recipe, MODELS)
    faces = faces_of(options)
    options.ranks.agree("the digest of the data", faces.digest)
    model = chosen.make_model(options.device)
    options.ranks.agree("the device", model.device.name)
    if options.backbone:
        load_backbone(model, options.backbone)
    needed = memory_needed(model, chosen, faces, options.workers, options.ranks)
    with open_run(options, f"faces-{chosen.model}") as folder:
        say_run(options.ranks, faces.source, model, chosen, needed, folder)
        crops = Crops(faces.train, chosen, options.ranks.rows(chosen.batch))
        with Background(crops, options.workers) if options.workers else nullcontext(crops) as batches:
            run = trainer(faces, chosen, model, batches, folder, options.evaluate_every, options.ranks)
            metrics = carry_out(run, chosen.iterations, options)
        result = {name.removeprefix("validation_"): value for name, value in metrics.items()}
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
    needed = held + training + min(len(shapes), PROGRAMS) * looking + beside
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
