"""What each refinement of anchor matching is worth: `lite`, trained briefly, with one more of them from row to row.

    python -m benchmarks.matching --iterations 1000

Every run starts from the same weights, sees the same crops in the same order, and is scored on the photographs held
out. Crops are smaller than in a real training, so that all rows take minutes; only the differences mean something.
"""

import dataclasses
import sys
import tempfile
from functools import partial
from pathlib import Path

from apps.command_line import run
from apps.faces.data import load
from apps.faces.matching import PAPER, REFINED, Matching
from apps.faces.models import lite
from apps.faces.training import Crops, recipe, trainer
from framework import Model
from framework.loading import Background
from kernels.commands.command_line import add_json, command, count, positive, write_json


def ladder() -> dict[str, Matching]:
    """From the seed's matching to ours, one refinement at a time."""
    steps = {
        "seed 000, eq. 58-61": {},
        "loss per positive": {"normalise": REFINED.normalise},
        "relative offsets": {"code": REFINED.code, "weights": REFINED.weights},
        "best anchor of each face": {"best": REFINED.best},
        f"IoU {REFINED.negative} to {REFINED.positive} ignored": {
            "positive": REFINED.positive,
            "negative": REFINED.negative,
        },
        f"alpha {REFINED.alpha:g}": {"alpha": REFINED.alpha},
    }
    rows, matching = {}, PAPER
    for name, change in steps.items():
        matching = dataclasses.replace(matching, **change)
        rows[name if not rows else f"+ {name}"] = matching
    assert matching == REFINED
    return rows


def main(arguments: list[str] | None = None) -> int:
    text = "Find what each refinement of anchor matching is worth: train lite briefly, with one more from row to row."
    c = command("python -m benchmarks.matching", measure, text, "--iterations 1000")
    c.add_argument("--iterations", type=positive, metavar="STEPS", default=1000, help="of each row (default: 1000)")
    c.add_argument("--batch-size", type=positive, metavar="CROPS", default=8, help="crops a step (default: 8)")
    c.add_argument("--size", type=positive, metavar="PIXELS", default=224, help="side of the crops (default: 224)")
    c.add_argument("--seed", type=count, metavar="N", default=0, help="of weights and crops (default: 0)")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Train a network for each row, and print its score when it is there."""
    faces = load()
    chosen = recipe(
        "lite", iterations=options.iterations, batch=options.batch_size, sizes=(options.size,), seed=options.seed
    )
    print(f"{faces.source}; {options.iterations} steps of {options.batch_size} crops of {options.size} pixels")
    rows = {}
    with Background(Crops(faces.train, chosen)) as batches:
        for name, matching in ladder().items():
            model = Model(partial(lite, matching=matching), "auto", options.seed)
            with tempfile.TemporaryDirectory() as folder:
                training = trainer(
                    faces, chosen, model, batches, Path(folder), evaluate_every=options.iterations, all_sizes=False
                )
                metrics = training.run(options.iterations, progress=False)
            rows[name] = {"ap": metrics["validation_ap"], "ap_16": metrics["validation_ap_16"]}
            print(f"{name:32}  AP {rows[name]['ap']:.3f}  from 16 pixels on {rows[name]['ap_16']:.3f}", flush=True)
    write_json(options.json, rows)


if __name__ == "__main__":
    sys.exit(main())
