"""Faces in photographs from the command line: python -m apps.faces"""

import argparse
import sys
from functools import partial
from pathlib import Path

from apps import command_line
from apps.command_line import add_device, add_recipe, add_run, on_first
from apps.faces.detector import OVERLAP, SHIPPED, THRESHOLD
from apps.faces.looks import ENLARGED, LONGEST, MIDDLE, SMALL
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS
from apps.faces.training import AUGMENTATIONS, DetectorRecipe
from kernels.commands.command_line import (
    Commands,
    add_json,
    at_least,
    count,
    fraction,
    late,
    picture_file,
    positive,
    positive_float,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    given = sys.argv[1:] if arguments is None else arguments
    return command_line.run(parser(), given or ["detect"])


def parser() -> argparse.ArgumentParser:
    run, detect = partial(late, "apps.faces.commands"), late("apps.faces.detecting", "detect")
    commands = Commands(
        "python -m apps.faces",
        "Find faces in photographs with hand-written kernels. "
        "Without a command: detect in a picture that comes with scikit-image.",
        "detect holiday.jpg",
    )
    _detect_options(
        commands.add("detect", detect, "draw a box around every face", "detect holiday.jpg --threshold 0.4")
    )
    _serve_options(
        commands.add(
            "serve", on_first(run("serve")), "find faces in a browser: a page, for this machine", "serve --port 0"
        )
    )
    _train_options(commands.add("train", run("train"), "train a detector and score it", "train --iterations 2000"))

    score = late("apps.faces.evaluating", "evaluate")
    _evaluate_options(
        commands.add("evaluate", score, "average precision on the pictures held out", "evaluate --json ap.json")
    )

    c = commands.add(
        "summary",
        on_first(run("show_summary")),
        "print a model's layers, sizes and costs",
        "summary --model faceresnet",
    )
    c.add_argument("--model", choices=MODELS, default="scout", help="which detector (default: scout)")
    c.add_argument("--size", type=positive, default=512, metavar="PIXELS", help="side of the picture (default: 512)")
    c.add_argument("--batch-size", type=positive, default=1, metavar="PICTURES", help="default: 1")
    c.add_argument(
        "--plan", type=picture_file, metavar="FILE.png", help="draw the memory of a training step: what lives when"
    )

    c = commands.add(
        "data", on_first(run("show_data")), "check photographs and their boxes, print statistics", "data WIDER_FACE"
    )
    c.add_argument("folder", nargs="?", type=Path, help="in WIDER FACE's layout (default: WIDER_FACE_DIR)")
    _add_output(c, "of the histogram", Path("faces-data"))
    add_json(c)

    commands.add("models", on_first(run("show_models")), "list the models", "models")
    return commands.parser


def _detect_options(c: argparse.ArgumentParser) -> None:
    what = "picture, film (with the extra `video`), or folder of them (default: a picture of scikit-image)"
    c.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", help=what)
    _add_weights(c)
    add_device(c)
    _add_threshold(c)
    what = f"of two boxes that overlap more, the better stands for both, 0 to 1 (default: {OVERLAP})"
    c.add_argument("--overlap", type=fraction, default=OVERLAP, metavar="IOU", help=what)
    what = "give the longer side so many pixels, be it made smaller or larger, before the scales apply"
    c.add_argument("--longest", type=positive, metavar="PIXELS", help=f"{what} (default: its own)")
    usual = (
        f"its own size, at most {LONGEST} pixels; twice that, up to {ENLARGED}; {MIDDLE} where it is more than twice "
    )
    usual += f"as large; and {SMALL}"
    cost = f"about 5 times the pixels of a picture of up to {ENLARGED // 2}, hardly more than those of a large one"
    what = "look at each picture in these sizes, factors of its own: above 1 for small faces, below for large ones; 2 "
    what += f"takes 4 times as long as 1 (default: {usual}: {cost})"
    c.add_argument("--scales", type=positive_float, nargs="+", metavar="FACTOR", help=what)
    what = "look through a camera, by its number or FFmpeg's name for it, until Ctrl-C (with the extra `video`)"
    c.add_argument("--camera", nargs="?", const="0", metavar="N|DEVICE", help=f"{what} (default: 0)")
    what = "of a film or a camera look at so many (default: all)"
    c.add_argument("--frames", type=positive, metavar="N", help=what)
    _add_output(c, "of copies with the boxes drawn in", Path("faces"))
    what = "also write boxes and scores, or an error: a line of JSON a picture or frame, as soon as it is done"
    add_json(c, what)


def _serve_options(c: argparse.ArgumentParser) -> None:
    what = "of the page's address; 0 is any that is free (default: 8000)"
    c.add_argument("--port", type=_port, default=8000, metavar="N", help=what)
    _add_weights(c)
    add_device(c)
    _add_threshold(c)
    what = "show the page in a browser (default: --open)"
    c.add_argument("--open", action=argparse.BooleanOptionalAction, default=True, help=what)


def _port(text: str) -> int:
    if (number := count(text)) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at most 65535")
    return number


def _train_options(c: argparse.ArgumentParser) -> None:
    add_recipe(c, DetectorRecipe(), MODELS, "crops")
    own = "(default: the model's own)"
    what = f"sides of the crops, of which each step draws one {own}"
    c.add_argument("--sizes", type=at_least(32), nargs="+", metavar="PIXELS", help=what)
    what = f"labels and loss as in the papers, or as torchvision refines them {own}"
    c.add_argument("--matching", choices=MATCHINGS, help=what)
    c.add_argument("--augmentation", choices=AUGMENTATIONS, help=f"how crops are chosen {own}")
    start = c.add_mutually_exclusive_group()
    start.add_argument("--backbone", type=Path, metavar="FILE", help="start the ResNet-50 from these ImageNet weights")
    what = "start the whole network from these weights, those that ship or those that a run left"
    start.add_argument("--start", type=Path, metavar="FILE", help=what)
    c.add_argument("--frozen", action="store_true", default=None, help="keep the ResNet's running averages")
    add_device(c)
    _add_data(c)
    c.add_argument("--workers", type=count, default=1, metavar="N", help="processes that prepare crops (default: 1)")
    add_run(c, evaluate_every=1000)
    add_json(c)


def _evaluate_options(c: argparse.ArgumentParser) -> None:
    _add_weights(c)
    add_device(c)
    _add_data(c)
    what = "where wider_easy_val.mat, wider_medium_val.mat and wider_hard_val.mat are (default: beside the data)"
    c.add_argument("--lists", type=Path, metavar="FOLDER", help=what)
    what = "count at so many of the stretched scores, with 1000 as the benchmark's toolbox (default: at every score)"
    c.add_argument("--thresholds", type=positive, metavar="N", help=what)
    what = "look only once at each picture, its longer side made so long, smaller or larger"
    c.add_argument("--longest", type=positive, metavar="PIXELS", help=what)
    what = "look only so: in these sizes, as factors of its own, or `auto` for those that detect takes"
    c.add_argument("--scales", type=_scale, nargs="+", metavar="FACTOR", help=what)
    what = "choose the lowest threshold with at most so many false boxes a picture (default: 0.3)"
    c.add_argument("--false-boxes", type=positive_float, default=0.3, metavar="BOXES", help=what)
    _add_output(c, "of the figures", Path("faces-evaluation"))
    add_json(c)


def _scale(text: str) -> float | str:
    """For argparse: a factor, or the word for those that suit the picture."""
    return text if text == "auto" else positive_float(text)


def _add_data(c):
    what = "auto: WIDER_FACE_DIR where it is set, else crowds composed of scikit-image's faces"
    c.add_argument("--data", choices=("auto", "wider", "builtin"), default="auto", help=what)
    what = "score so many of the pictures held out, spread evenly (default: all)"
    c.add_argument("--validation", type=positive, metavar="PICTURES", help=what)


def _add_weights(c):
    what = "of a trained detector (default: the scout that ships)"
    c.add_argument("--weights", type=Path, default=SHIPPED, metavar="FILE", help=what)


def _add_threshold(c):
    what = f"least score of a face, 0 to 1 (default: {THRESHOLD})"
    c.add_argument("--threshold", type=fraction, default=THRESHOLD, metavar="SCORE", help=what)


def _add_output(c, what: str, default: Path):
    c.add_argument("--output", type=Path, metavar="FOLDER", default=default, help=f"{what} (default: {default})")


if __name__ == "__main__":
    sys.exit(main())
