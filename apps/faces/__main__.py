"""Faces in photographs from the command line: python -m apps.faces"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from apps import command_line
from apps.command_line import (
    Commands,
    add_device,
    add_json,
    count,
    fraction,
    free_folder,
    positive,
    positive_float,
    write_json,
)
from apps.faces import figures
from apps.faces.data import DataError, load, read_wider
from apps.faces.detect import WEIGHTS, Detector, load_model, save_weights
from apps.faces.detector import MATCHINGS
from apps.faces.evaluation import Detections, evaluate, sizes, subsets
from apps.faces.models import MODELS, OVERLAP
from apps.faces.pictures import Video, find_pictures, is_video, read_picture
from apps.faces.training import Crops, Recipe, load_backbone, recipe, score, trainer
from framework import checkpoint
from framework.checkpoint import CheckpointError
from framework.loading import Background
from framework.summary import summary


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    given = sys.argv[1:] if arguments is None else arguments
    return command_line.run(parser(), given or ["detect"], (DataError,))


def parser() -> argparse.ArgumentParser:
    commands = Commands(
        "python -m apps.faces",
        "Find faces in photographs with hand-written kernels. "
        "Without a command: detect in a picture that comes with scikit-image, and write it with the boxes drawn in.",
        "detect holiday.jpg",
    )

    c = commands.add("detect", detect, "draw a box around every face", "detect holiday.jpg --threshold 0.4")
    c.add_argument(
        "pictures",
        nargs="*",
        type=Path,
        metavar="PICTURE",
        help="images, folders of images, films (with the extra `video`); default: a picture of scikit-image",
    )
    _weights(c)
    add_device(c)
    c.add_argument("--threshold", type=fraction, default=0.5, help="least score of a detection (default: 0.5)")
    c.add_argument(
        "--overlap",
        type=fraction,
        default=OVERLAP,
        help=f"IoU above which the better of two detections stands for both (default: {OVERLAP})",
    )
    c.add_argument(
        "--longest",
        type=positive,
        default=1536,
        metavar="PIXELS",
        help="larger pictures are made smaller before they are looked at (default: 1536)",
    )
    c.add_argument("--output", type=Path, metavar="FOLDER", help="of the pictures with boxes (default: faces)")
    c.add_argument("--json", type=Path, metavar="FILE", help="also write boxes and scores, a line of JSON a picture")

    c = commands.add("train", train, "train a detector and score it", "train --model lite --iterations 2000")
    c.add_argument("--model", choices=MODELS, default="lite", help="which detector (default: lite)")
    add_device(c)
    _data(c)
    c.add_argument("--iterations", type=positive, help="training steps (default: the model's own)")
    c.add_argument("--batch-size", type=positive, help="crops a step (default: the model's own)")
    c.add_argument(
        "--sizes", type=positive, nargs="+", metavar="PIXELS", help="sides of the crops, one drawn each step"
    )
    c.add_argument("--learning-rate", type=positive_float, help="initial learning rate (default: the model's own)")
    c.add_argument("--optimizer", choices=("sgd", "adam"), help="sgd has momentum 0.9 (default: the model's own)")
    c.add_argument("--schedule", choices=("cosine", "step"), help="how the rate falls (default: the model's own)")
    c.add_argument(
        "--matching", choices=MATCHINGS, help="labels and loss as in the papers, or torchvision's refinements"
    )
    c.add_argument("--augmentation", choices=("faces", "paper"), help="how crops are chosen (default: the model's own)")
    c.add_argument("--backbone", type=Path, metavar="FILE", help="start the ResNet-50 from these ImageNet weights")
    c.add_argument("--frozen", action="store_true", default=None, help="keep the ResNet's running averages")
    c.add_argument("--seed", type=count, default=0, help="of weights and batches: same seed, same bits (default: 0)")
    c.add_argument("--workers", type=count, default=1, help="processes that prepare batches (default: 1)")
    c.add_argument("--evaluate-every", type=positive, default=1000, metavar="STEPS", help="default: 1000")
    c.add_argument("--output", type=Path, help="folder of the run (default: a new one in runs/)")
    c.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder, as it was begun")
    add_json(c)

    c = commands.add("evaluate", show_score, "average precision on the pictures held out", "evaluate --json ap.json")
    _weights(c)
    add_device(c)
    _data(c)
    c.add_argument("--output", type=Path, metavar="FOLDER", help="of the figures (default: faces-evaluation)")
    add_json(c)

    c = commands.add("summary", show_summary, "print a model's layers, sizes and costs", "summary --model faceresnet")
    c.add_argument("--model", choices=MODELS, default="lite")
    c.add_argument("--size", type=positive, default=512, metavar="PIXELS", help="side of the picture (default: 512)")
    c.add_argument("--batch-size", type=positive, default=1, help="default: 1")

    c = commands.add("data", show_data, "check photographs and their boxes, print statistics", "data WIDER_FACE")
    c.add_argument("folder", nargs="?", type=Path, help="in WIDER FACE's layout (default: WIDER_FACE_DIR)")
    c.add_argument("--output", type=Path, metavar="FILE", help="of the histogram (default: face-sizes.png)")
    add_json(c)

    commands.add("models", show_models, "list the models", "models")
    return commands.parser


def _data(c):
    c.add_argument(
        "--data",
        choices=("auto", "wider", "builtin"),
        default="auto",
        help="auto: WIDER_FACE_DIR where it is set, else crowds composed of scikit-image's faces",
    )


def _weights(c):
    c.add_argument("--weights", type=Path, default=WEIGHTS / "lite.safetensors", help="default: the lite that ships")


def detect(options) -> None:
    """Write each picture with boxes drawn in, and say how many."""
    model, facts = load_model(options.weights, options.device)
    detector = Detector(model, options.threshold, options.overlap, options.longest)
    folder = options.output or Path("faces")
    print(f"model  {model.name} on {model.device}, trained on {facts.get('data', 'unknown data')}")
    lines = []
    for name, picture in _pictures(options.pictures):
        if isinstance(picture, Video):
            lines += _detect_in_film(detector, name, picture, folder)
            continue
        started = time.perf_counter()
        found = detector(picture)
        seconds = time.perf_counter() - started
        path = folder / f"{Path(name).stem}.png"
        number = 1
        while str(path) in {line["output"] for line in lines}:
            number += 1
            path = folder / f"{Path(name).stem}-{number}.png"
        folder.mkdir(parents=True, exist_ok=True)
        figures.draw(picture, found.boxes, found.scores).save(path)
        print(f"{name}: {_faces(found)}, {1000 * seconds:.0f} ms, drawn in {path}")
        lines.append({"image": str(name), "output": str(path), **_record(picture, found)})
    if options.json:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        checkpoint.write_whole(options.json, text.encode())


def _pictures(paths: list[Path]) -> Iterator[tuple[Path, np.ndarray | Video]]:
    if not paths:
        from skimage import data  # here, because it loads slowly and is seldom needed

        yield Path("astronaut.png"), data.astronaut()
    for path in find_pictures(paths):
        yield path, Video(path) if is_video(path) else read_picture(path)


def _detect_in_film(detector: Detector, name: Path, film: Video, folder: Path) -> list[dict]:
    path = folder / f"{name.stem}.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[dict] = []

    def drawn():
        for picture in tqdm(film, unit="frame", dynamic_ncols=True):
            found = detector(picture)
            lines.append({"image": str(name), "frame": len(lines), "output": str(path), **_record(picture, found)})
            yield np.asarray(figures.draw(picture, found.boxes, found.scores))

    print(f"{name}: {film.write(path, drawn())} frames, drawn in {path}")
    return lines


def _faces(found: Detections) -> str:
    return f"{len(found.scores)} face{'' if len(found.scores) == 1 else 's'}"


def _record(picture: np.ndarray, found: Detections) -> dict:
    height, width, _ = picture.shape
    return {
        "width": width,
        "height": height,
        "boxes": np.round(found.boxes.astype(float), 2).tolist(),
        "scores": np.round(found.scores.astype(float), 4).tolist(),
    }


def train(options) -> None:
    """Train, score, and leave weights, log and figures in the run's folder."""
    if options.resume:
        _, metadata = checkpoint.read(options.resume / "checkpoint.safetensors")
        settings = json.loads(metadata["settings"])
        chosen = Recipe.of(settings)
        folder = options.resume
    else:
        chosen = recipe(
            options.model,
            iterations=options.iterations,
            batch=options.batch_size,
            sizes=tuple(options.sizes) if options.sizes else None,
            optimizer=options.optimizer,
            rate=options.learning_rate,
            schedule=options.schedule,
            matching=options.matching,
            augmentation=options.augmentation,
            frozen=options.frozen,
            seed=options.seed,
        )
        folder = options.output or free_folder(Path("runs"), f"faces-{options.model}")
    faces = load(options.data)
    for problem in faces.problems:
        print(f"note    {problem}", file=sys.stderr)
    model = chosen.make_model(options.device)
    if options.backbone:
        load_backbone(model, options.backbone)
    print(f"data    {faces.source}")
    print(f"model   {model.name}, {model.parameters.count:,} parameters, on {model.device}")
    print(f"recipe  {chosen.iterations} steps of {chosen.batch} crops of {_or(chosen.sizes)} pixels, ", end="")
    print(f"{chosen.optimizer} at {chosen.rate:g}, {chosen.schedule} schedule, {chosen.matching} matching, ", end="")
    print(f"seed {chosen.seed}")
    print(f"output  {folder}")
    crops = Crops(faces.train, chosen)
    background = Background(crops, options.workers) if options.workers else None
    try:
        run = trainer(faces, chosen, model, background or crops, folder, options.evaluate_every)
        if options.resume:
            run.resume()
            print(f"resumed at step {run.step}")
        elif run.checkpoint_path.exists():
            raise CheckpointError(f"--output: {folder} holds a run already; resume it or choose another folder")
        run.run(chosen.iterations)
    finally:
        if background:
            background.close()
    result = score(model, faces.validation).metrics
    facts = {"data": faces.source, "matching": chosen.matching, "iterations": chosen.iterations, "batch": chosen.batch}
    rounded = {name: round(value, 4) for name, value in result.items()}
    save_weights(model, folder / "weights.safetensors", **facts, seed=chosen.seed, **rounded)
    figures.learning_curve({model.name: run.records}, folder / "curves.png", f"{model.name} on {faces.source}")
    print(f"AP {result['ap']:.3f} of all faces, {result['ap_16']:.3f} of those of 16 pixels and more, ", end="")
    print(f"{run.seconds:.0f} s, {run.steps_per_second:.2f} steps a second")
    print(f"wrote weights.safetensors, metrics.jsonl and curves.png in {folder}")
    write_json(
        options.json,
        {
            "model": model.name,
            "device": model.device.name,
            "data": faces.source,
            **result,
            "seconds": round(run.seconds, 3),
            "steps_per_second": round(run.steps_per_second, 3),
        },
    )


def _or(numbers: tuple[int, ...]) -> str:
    return " or ".join(map(str, numbers))


def show_score(options) -> None:
    """Print average precision, and write the curve of precision and recall and a sheet of the worst misses."""
    model, facts = load_model(options.weights, options.device)
    faces = load(options.data)
    folder = options.output or Path("faces-evaluation")
    folder.mkdir(parents=True, exist_ok=True)
    print(f"data   {faces.source}")
    print(f"model  {model.name} from {options.weights}, trained on {facts.get('data', 'unknown data')}")
    started = time.perf_counter()
    result = score(model, faces.validation, lambda pictures: tqdm(pictures, unit="picture", dynamic_ncols=True))
    seconds = time.perf_counter() - started
    found = [outcome.detections for outcome in result.all_faces.outcomes]
    truths = [outcome.truth for outcome in result.all_faces.outcomes]
    curves = {"all faces": result.all_faces, "16 pixels and more": result.from_16}
    for name, subset in subsets(truths, result.names, _lists(options.data)).items():
        curves[name] = evaluate(found, subset)
    for name, curve in curves.items():
        print(f"AP     {curve.ap:.3f}  {name} ({curve.faces} faces)")
    figures.precision_recall(curves, folder / "precision-recall.png", f"{model.name} on {faces.source}")
    figures.worst_misses(faces.validation, result.from_16.outcomes, folder / "worst-misses.png")
    print(f"{seconds:.1f} s on {model.device}; wrote precision-recall.png and worst-misses.png in {folder}")
    write_json(
        options.json,
        {
            "model": model.name,
            "device": model.device.name,
            "data": faces.source,
            **result.metrics,
            "subsets": {name: curve.ap for name, curve in curves.items() if np.isfinite(curve.ap)},
            "pictures": len(found),
            "seconds": round(seconds, 3),
        },
    )


def _lists(data: str) -> Path | None:
    """Where WIDER FACE's lists of easy, medium and hard faces would be."""
    folder = os.environ.get("WIDER_FACE_DIR")
    return Path(folder) / "wider_face_split" if folder and data != "builtin" else None


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
        counted = [photograph.boxes[~photograph.invalid] for photograph in photographs]
        boxes[split] = np.concatenate([np.zeros((0, 4), np.float32), *counted])
        each = [len(photograph.boxes) for photograph in photographs]
        facts[split] = {
            "photographs": len(photographs),
            "without_faces": each.count(0),
            "faces": sum(each),
            "invalid": sum(int(photograph.invalid.sum()) for photograph in photographs),
            "most_in_one": max(each, default=0),
            "median_size": float(np.median(sizes(boxes[split]))) if len(boxes[split]) else None,
            "problems": len(problems),
        }
    for split, numbers in facts.items():
        print(f"{split:5}  " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    path = options.output or Path("face-sizes.png")
    figures.size_histogram(boxes, path, f"Sizes of faces in {Path(folder).name}")
    print(f"wrote {path}")
    write_json(options.json, facts)


def show_summary(options) -> None:
    """Print the table of a model's layers."""
    print(summary(MODELS[options.model](options.batch_size, (options.size, options.size))))


def show_models(options) -> None:
    """Print each model's name and the first line of what it is."""
    width = max(map(len, MODELS))
    for name, build in MODELS.items():
        print(f"{name:{width}}  {(build.__doc__ or '').splitlines()[0]}")


if __name__ == "__main__":
    sys.exit(main())
