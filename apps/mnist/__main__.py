"""Handwritten digits from the command line: python -m apps.mnist"""

import argparse
import sys
from functools import partial
from pathlib import Path

from apps import command_line
from apps.command_line import add_device, add_recipe, add_run, on_first, own_file
from apps.mnist.classifier import WEIGHTS, DigitRecipe
from apps.mnist.models import MODELS
from kernels.commands.command_line import Commands, add_json, count, late, picture_file, positive


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    given = sys.argv[1:] if arguments is None else arguments
    return command_line.run(parser(), given or ["train"])


def parser() -> argparse.ArgumentParser:
    run = partial(late, "apps.mnist.commands")
    commands = Commands(
        "python -m apps.mnist",
        "Recognise handwritten digits with hand-written kernels. "
        "Without a command: train the default model on the best data at hand, and evaluate it.",
        "train --model cnn3 --iterations 2000",
    )

    c = commands.add("train", run("train"), "train a model and evaluate it", "train --model cnn6 --iterations 5000")
    _train_options(c)

    c = commands.add(
        "evaluate", run("evaluate"), "measure a trained model on the digits held out", "evaluate --json result.json"
    )
    _weights(c)
    add_device(c)
    _data(c)
    add_json(c)

    c = commands.add(
        "predict",
        on_first(late("apps.mnist.predict", "predict")),
        "recognise the digit in an image file",
        "predict seven.png",
    )
    c.add_argument("image", nargs="+", type=Path, help="image file of any size, dark ink on light or light on dark")
    c.add_argument(
        "--show", action="store_true", help="draw each digit as the network sees it, 28 x 28 pixels, in text"
    )
    _weights(c)
    add_device(c)
    add_json(c)

    c = commands.add(
        "summary", on_first(run("show_summary")), "print a model's layers, sizes and costs", "summary --model lenet5"
    )
    c.add_argument("--model", choices=MODELS, default="cnn6")
    c.add_argument("--batch-size", type=positive, default=1, help="default: 1")
    c.add_argument(
        "--plan", type=picture_file, metavar="FILE.png", help="draw the memory of a training step: what lives when"
    )

    c = commands.add(
        "sprint",
        on_first(run("sprint")),
        "train on full MNIST against the clock, to 99 of 100 digits",
        "sprint --seeds 30",
    )
    c.add_argument("--seeds", type=positive, metavar="N", default=1, help="runs, from seed 0 on (default: 1)")
    c.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    _data(c)
    add_json(c)

    commands.add("models", on_first(run("show_models")), "list the models", "models")
    return commands.parser


def _train_options(c):
    add_recipe(c, DigitRecipe(), MODELS, "digits")
    _variety(c)
    add_device(c)
    _data(c)
    what = "train on kernels of your own in the place of an operation's: a file called as it, with forward and backward"
    c.add_argument("--with", dest="own", action="append", type=own_file, metavar="conv2d.py", help=what)
    c.add_argument("--workers", type=count, default=0, metavar="N", help="processes that prepare digits (default: 0)")
    add_run(c, evaluate_every=500)
    add_json(c)


def _variety(c):
    variety = c.add_argument_group("variety: each digit, each time it is learned from, is at random")
    for name, unit, what in (
        ("shift", "PIXELS", "moved by up to so many"),
        ("turn", "DEGREES", "turned by up to so many"),
        ("stretch", "SHARE", "made higher or lower, wider or narrower by up to about this share"),
    ):
        default = getattr(DigitRecipe, name)
        variety.add_argument(f"--{name}", type=float, metavar=unit, help=f"{what} (default: {default:g})")


def _data(c):
    c.add_argument("--data", choices=("auto", "mnist", "builtin"), default="auto",
                   help="auto: MNIST_DIR, cache, download, else the 5 000 digits built in")  # fmt: skip


def _weights(c):
    c.add_argument("--weights", type=Path, default=WEIGHTS / "cnn6.safetensors", help="default: the cnn6 that ships")


if __name__ == "__main__":
    sys.exit(main())
