"""Whether a detector can learn at all: 8 photographs, seen again and again, must be found nearly perfectly.

    python -m benchmarks.overfit --model lite

The first 8 training photographs with faces, each whole in a square; the score is that of the same 8. A network,
loss or matching that is wrong somewhere seldom gets there.
"""

import argparse
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np

from apps.command_line import add_device, count, positive, positive_float
from apps.faces.augment import Window, view
from apps.faces.data import Example, Faces, load
from apps.faces.detector import MATCHINGS
from apps.faces.evaluation import sizes
from apps.faces.models import MODELS
from apps.faces.training import inputs, recipe, score, trainer

PHOTOGRAPHS = 8


def whole(example: Example, size: int) -> Example:
    """The photograph in a square of size x size pixels, beside it its mean colour."""
    return view(example, Window(0, 0, max(example.picture.shape[:2])), size)


def large_enough(example: Example) -> bool:
    """Whether it has a face, and none of fewer than 16 pixels, which the anchors are not made for."""
    return len(example.boxes) > 0 and not example.invalid.any() and sizes(example.boxes).min() >= 16


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.overfit", description=(__doc__ or "").splitlines()[0])
    p.add_argument("--model", choices=MODELS, default="lite")
    add_device(p)
    p.add_argument("--iterations", type=positive, default=300)
    p.add_argument("--size", type=positive, default=256, help="side of the pictures in pixels")
    p.add_argument("--learning-rate", type=positive_float, default=0.001)
    p.add_argument("--matching", choices=MATCHINGS, default="refined")
    p.add_argument("--seed", type=count, default=0)
    options = p.parse_args()
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
        run = trainer(same, settings, model, lambda step: batch, Path(folder), options.iterations)
        run.run(options.iterations)
    found = score(model, chosen)
    losses = [record["loss"] for record in run.records]
    print(
        f"{model.name}: {sum(len(e.boxes) for e in chosen)} faces in {PHOTOGRAPHS} pictures of {options.size} pixels, "
    )
    print(f"{options.iterations} steps, loss {np.mean(losses[:5]):.3f} to {np.mean(losses[-5:]):.4f}, ", end="")
    print(f"AP {found.all_faces.ap:.3f}, {run.seconds:.0f} s on {model.device}")


if __name__ == "__main__":
    main()
