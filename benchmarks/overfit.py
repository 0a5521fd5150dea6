"""Whether a detector can learn at all: 8 photographs, seen again and again, must be found nearly perfectly.

    python -m benchmarks.overfit --model lite

The first 8 training photographs with faces, each whole in a square; the score is that of the same 8. A network,
loss or matching that is wrong somewhere seldom gets there.
"""

import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np

from apps.command_line import add_device, run
from apps.faces.data import Faces, load
from apps.faces.evaluation import sizes
from apps.faces.examples import Example
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS
from apps.faces.scoring import score
from apps.faces.training import inputs, recipe, trainer
from apps.faces.views import Window, view
from kernels.commands.command_line import add_json, command, count, positive, positive_float, write_json

PHOTOGRAPHS = 8


def whole(example: Example, size: int) -> Example:
    """The photograph in a square of size x size pixels, beside it its mean colour."""
    return view(example, Window(0, 0, max(example.picture.shape[:2])), size)


def large_enough(example: Example) -> bool:
    """Whether it has a face, and none of fewer than 16 pixels, which the anchors are not made for."""
    return len(example.boxes) > 0 and not example.invalid.any() and sizes(example.boxes).min() >= 16


def main(arguments: list[str] | None = None) -> int:
    text = "Find whether a detector can learn at all: trained on 8 photographs, it must find nearly all of their faces."
    c = command("python -m benchmarks.overfit", measure, text, "--model lite")
    c.add_argument("--model", choices=MODELS, default="lite", help="which detector (default: lite)")
    add_device(c)
    c.add_argument("--iterations", type=positive, metavar="STEPS", default=300, help="training steps (default: 300)")
    c.add_argument("--size", type=positive, metavar="PIXELS", default=256, help="side of the pictures (default: 256)")
    c.add_argument("--learning-rate", type=positive_float, metavar="RATE", default=0.001, help="default: 0.001")
    what = "labels and loss as in the papers, or as torchvision refines them (default: refined)"
    c.add_argument("--matching", choices=MATCHINGS, default="refined", help=what)
    c.add_argument("--seed", type=count, metavar="N", default=0, help="of weights and batches (default: 0)")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Train on the photographs, and print what of them is found."""
    faces = load()
    examples = (whole(example, options.size) for example in faces.train)
    chosen = list(islice(filter(large_enough, examples), PHOTOGRAPHS))
    settings = recipe(
        options.model,
        iterations=options.iterations,
        batch=PHOTOGRAPHS,
        sizes=(options.size,),
        optimizer="adam",
        rate=options.learning_rate,
        schedule="cosine",
        matching=options.matching,
        seed=options.seed,
    )
    model = settings.make_model(options.device)
    batch = inputs(chosen, settings.smallest)
    with tempfile.TemporaryDirectory() as folder:
        same = Faces(chosen, chosen, faces.source)
        training = trainer(same, settings, model, lambda step: batch, Path(folder), options.iterations, all_sizes=False)
        training.run(options.iterations)
    found = score(model, chosen)
    losses = [record["loss"] for record in training.records]
    print(
        f"{model.name}: {sum(len(e.boxes) for e in chosen)} faces in {PHOTOGRAPHS} pictures of {options.size} pixels, "
    )
    print(f"{options.iterations} steps, loss {np.mean(losses[:5]):.3f} to {np.mean(losses[-5:]):.4f}, ", end="")
    print(f"AP {found.all_faces.ap:.3f}, {training.seconds:.0f} s on {model.device}")
    facts = {"model": model.name, "device": model.device.name, "iterations": options.iterations}
    write_json(options.json, {**facts, "ap": found.all_faces.ap, "losses": losses})


if __name__ == "__main__":
    sys.exit(main())
