"""python -m apps.mnist predict: which digit an image shows."""

import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from apps.command_line import telling_of_compiling
from apps.errors import DataError
from apps.mnist.classifier import load_classifier
from apps.mnist.picture import Digit, as_text, read_digit, shades_for
from kernels.commands.command_line import note, write_json


def predict(options) -> int:
    """Print the digit each image shows, and the probabilities of all ten.

    An image that cannot be read is named, and the others are done.
    """
    model, _ = load_classifier(options.weights, options.device)
    found: list[dict] = []
    with telling_of_compiling(model.device):
        program = model.inference(1)
        for path in options.image:
            try:
                picture = read_digit(path)
            except DataError as error:
                print(f"apps.mnist predict: {error}", file=sys.stderr)
                continue
            probabilities = program(image=picture.pixels.reshape(1, 28, 28, 1))["probabilities"][0]
            digit, each = int(probabilities.argmax()), [float(p) for p in probabilities]
            found.append({"image": str(path), "digit": digit, "probabilities": each, "shapes": picture.shapes})
            _show_answer(path, picture, digit, each, options.show)
    write_json(options.json, found)
    return 0 if len(found) == len(options.image) else 1


def _show_answer(path: Path, picture: Digit, digit: int, probabilities: Iterable[float], show: bool) -> None:
    print(f"{path}: {digit}")
    if picture.shapes > 1:
        note(f"{path}: {picture.shapes} shapes stand side by side, and are read as one digit; cut them apart")
    if show:
        print(indent(as_text(picture.pixels, shades_for(sys.stdout.encoding)), " " * 4, lambda line: True))
    for d, p in enumerate(probabilities):
        print(f"    {d}  {p:7.2%}  {'#' * round(40 * p)}")
