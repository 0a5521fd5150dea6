"""Faces in photographs from the command line: python -m apps.faces"""

import argparse
import json
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

from apps import command_line
from apps.command_line import (
    add_device,
    add_recipe,
    add_run,
    carry_out,
    choose_run,
    open_run,
    telling_of_compiling,
)
from apps.errors import DataError
from apps.faces import figures
from apps.faces.album import Album
from apps.faces.data import Faces, load
from apps.faces.detector import THRESHOLD, WEIGHTS, Detector, load_detector
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS, OVERLAP
from apps.faces.pictures import Film, find_pictures, is_film, read_upright
from apps.faces.training import AUGMENTATIONS, Crops, DetectorRecipe, load_backbone, recipe, score, trainer
from apps.faces.wider import read_wider, statistics, valid_boxes
from framework import weights
from framework.loading import Background
from framework.picture import draw_plan
from framework.summary import Summary
from kernels.commands.command_line import (
    Commands,
    add_json,
    at_least,
    count,
    fraction,
    make_folder,
    note,
    picture_file,
    positive,
    progress,
    write_json,
)
from kernels.files import write_whole

# Problems of data that are told before training; `data` tells all.
TOLD = 5


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    given = sys.argv[1:] if arguments is None else arguments
    return command_line.run(parser(), given or ["detect"])


def parser() -> argparse.ArgumentParser:
    commands = Commands(
        "python -m apps.faces",
        "Find faces in photographs with hand-written kernels. "
        "Without a command: detect in a picture that comes with scikit-image.",
        "detect holiday.jpg",
    )
    _detect_options(
        commands.add("detect", detect, "draw a box around every face", "detect holiday.jpg --threshold 0.4")
    )
    _train_options(
        commands.add("train", train, "train a detector and score it", "train --model lite --iterations 2000")
    )

    c = commands.add("evaluate", evaluate, "average precision on the pictures held out", "evaluate --json ap.json")
    _add_weights(c)
    add_device(c)
    _add_data(c)
    _add_output(c, "of the figures", Path("faces-evaluation"))
    add_json(c)

    c = commands.add("summary", show_summary, "print a model's layers, sizes and costs", "summary --model faceresnet")
    c.add_argument("--model", choices=MODELS, default="lite", help="which detector (default: lite)")
    c.add_argument("--size", type=positive, default=512, metavar="PIXELS", help="side of the picture (default: 512)")
    c.add_argument("--batch-size", type=positive, default=1, metavar="PICTURES", help="default: 1")
    c.add_argument(
        "--plan", type=picture_file, metavar="FILE.png", help="draw the memory of a training step: what lives when"
    )

    c = commands.add("data", show_data, "check photographs and their boxes, print statistics", "data WIDER_FACE")
    c.add_argument("folder", nargs="?", type=Path, help="in WIDER FACE's layout (default: WIDER_FACE_DIR)")
    _add_output(c, "of the histogram", Path("faces-data"))
    add_json(c)

    commands.add("models", show_models, "list the models", "models")
    return commands.parser


def _detect_options(c: argparse.ArgumentParser) -> None:
    what = "picture, film (with the extra `video`), or folder of them (default: a picture of scikit-image)"
    c.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", help=what)
    _add_weights(c)
    add_device(c)
    what = f"least score of a face, 0 to 1 (default: {THRESHOLD})"
    c.add_argument("--threshold", type=fraction, default=THRESHOLD, metavar="SCORE", help=what)
    what = f"of two boxes that overlap more, the better stands for both, 0 to 1 (default: {OVERLAP})"
    c.add_argument("--overlap", type=fraction, default=OVERLAP, metavar="IOU", help=what)
    what = "pictures with a longer side are made smaller before they are looked at (default: 1536)"
    c.add_argument("--longest", type=positive, default=1536, metavar="PIXELS", help=what)
    _add_output(c, "of copies with the boxes drawn in", Path("faces"))
    add_json(c, "also write boxes and scores, a line of JSON a picture or frame")


def _train_options(c: argparse.ArgumentParser) -> None:
    add_recipe(c, DetectorRecipe(), MODELS, "crops")
    own = "(default: the model's own)"
    what = f"sides of the crops, of which each step draws one {own}"
    c.add_argument("--sizes", type=at_least(32), nargs="+", metavar="PIXELS", help=what)
    what = f"labels and loss as in the papers, or as torchvision refines them {own}"
    c.add_argument("--matching", choices=MATCHINGS, help=what)
    c.add_argument("--augmentation", choices=AUGMENTATIONS, help=f"how crops are chosen {own}")
    c.add_argument("--backbone", type=Path, metavar="FILE", help="start the ResNet-50 from these ImageNet weights")
    c.add_argument("--frozen", action="store_true", default=None, help="keep the ResNet's running averages")
    add_device(c)
    _add_data(c)
    c.add_argument("--workers", type=count, default=1, metavar="N", help="processes that prepare crops (default: 1)")
    add_run(c, evaluate_every=1000)
    add_json(c)


def _add_data(c):
    what = "auto: WIDER_FACE_DIR where it is set, else crowds composed of scikit-image's faces"
    c.add_argument("--data", choices=("auto", "wider", "builtin"), default="auto", help=what)
    what = "score so many of the pictures held out, spread evenly (default: all)"
    c.add_argument("--validation", type=positive, metavar="PICTURES", help=what)


def _add_weights(c):
    what = "of a trained detector (default: the lite that ships)"
    c.add_argument("--weights", type=Path, default=WEIGHTS / "lite.safetensors", metavar="FILE", help=what)


def _add_output(c, what: str, default: Path):
    c.add_argument("--output", type=Path, metavar="FOLDER", default=default, help=f"{what} (default: {default})")


def detect(options) -> int:
    """Write copies with a box drawn around every face. A picture that cannot be read is named, and the others done."""
    paths = find_pictures(options.pictures, options.output)
    model, facts = load_detector(options.weights, options.device)
    make_folder("--output", options.output)
    album = Album(Detector(model, options.threshold, options.overlap, options.longest), options.output)
    print(f"model  {model.name} on {model.device}, trained on {facts.get('data', 'unknown data')}")
    unreadable = 0
    try:
        with telling_of_compiling(model.device):
            for path in paths or (None,):
                try:
                    _add(album, path)
                except DataError as error:
                    print(f"apps.faces detect: {error}", file=sys.stderr)
                    unreadable += 1
    finally:
        if options.json:
            lines = "".join(json.dumps(record) + "\n" for record in album.records)
            write_whole(options.json, lines.encode())
    return 1 if unreadable else 0


def _add(album: Album, path: Path | None) -> None:
    """Add what the path names, or a picture of scikit-image, and say what was found."""
    started = time.perf_counter()
    if path is None:
        from skimage import data  # here, because it loads slowly and is seldom needed

        records = album.add_picture(Path("astronaut.png"), data.astronaut())
    elif is_film(path):
        film = Film(path)
        records = album.add_film(film, partial(progress, total=film.frames, unit="frame"))
    else:
        records = album.add_picture(path, read_upright(path))
    seconds = time.perf_counter() - started
    faces = _count(sum(len(record["boxes"]) for record in records), "face")
    frames = f" in {_count(len(records), 'frame')}" if "frame" in records[0] else ""
    print(f"{records[0]['image']}: {faces}{frames}, {seconds:.2f} s, drawn in {records[0]['output']}")


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def train(options) -> None:
    """Train, score, and leave weights, log and figures in the run's folder."""
    chosen, folder = choose_run(options, "faces", DetectorRecipe(), recipe, MODELS)
    faces = _faces(options)
    model = chosen.make_model(options.device)
    if options.backbone:
        load_backbone(model, options.backbone)
    open_run(folder, options.resume)
    print(f"data    {faces.source}")
    print(f"model   {model.name}, {model.parameters.count:,} parameters, on {model.device}")
    print(f"recipe  {chosen}")
    print(f"output  {folder}")
    crops = Crops(faces.train, chosen)
    with Background(crops, options.workers) if options.workers else nullcontext(crops) as batches:
        run = trainer(faces, chosen, model, batches, folder, options.evaluate_every)
        metrics = carry_out(run, chosen.iterations, options.resume)
    result = {name.removeprefix("validation_"): value for name, value in metrics.items()}
    result = result or score(model, faces.validation).metrics  # where no step was left
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


def _faces(options) -> Faces:
    """The data, of which problems are told."""
    faces = load(options.data, options.validation)
    for problem in faces.problems[:TOLD]:
        note(problem)
    if len(faces.problems) > TOLD:
        note(f"{len(faces.problems) - TOLD} more like these; `data` tells all")
    return faces


def evaluate(options) -> None:
    """Print average precision, and draw the curves of precision and recall and a sheet of the worst misses."""
    model, facts = load_detector(options.weights, options.device)
    faces = _faces(options)
    make_folder("--output", options.output)
    print(f"data   {faces.source}")
    print(f"model  {model.name} from {options.weights}, trained on {facts.get('data', 'unknown data')}")
    started = time.perf_counter()
    with telling_of_compiling(model.device):
        result = score(model, faces.validation, partial(progress, unit="picture"))
    seconds = time.perf_counter() - started
    curves = result.curves(faces.lists)
    for name, curve in curves.items():
        print(f"AP     {f'{curve.ap:.3f}' if curve.faces else '  -  '}  {name} ({_count(curve.faces, 'face')})")
    held_out = f"{model.name} on {_count(len(result.names), 'picture')} held out"
    figures.precision_recall(curves, options.output / "precision-recall.png", held_out)
    figures.worst_misses(result.examples, result.shown(), options.output / "worst-misses.png")
    print(f"{_count(len(result.names), 'picture')} in {seconds:.1f} s on {model.device}")
    print(f"wrote precision-recall.png and worst-misses.png in {options.output}")
    known = {"model": model.name, "device": model.device.name, "data": faces.source}
    subsets = {name: curve.ap for name, curve in curves.items() if curve.faces}
    numbers = {"subsets": subsets, "pictures": len(result.names), "seconds": round(seconds, 3)}
    write_json(options.json, {**known, **result.metrics, **numbers})


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


if __name__ == "__main__":
    sys.exit(main())
