"""What each refinement of anchor matching is worth: `lite`, trained briefly, with one more of them from row to row.

    python -m benchmarks.matching --iterations 1000

Every run starts from the same weights, sees the same crops in the same order, and is scored on the photographs held
out. Crops are smaller than in a real training, so that all rows take minutes; only the differences mean something.
"""

import argparse
import dataclasses
import json
import tempfile
from functools import partial
from pathlib import Path

from apps.command_line import count, positive
from apps.faces.data import load
from apps.faces.detector import PAPER, REFINED, Matching
from apps.faces.models import lite
from apps.faces.training import Crops, recipe, trainer
from framework import Model
from framework.loading import Background


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


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=(__doc__ or "").splitlines()[0])
    p.add_argument("--iterations", type=positive, default=1000)
    p.add_argument("--batch-size", type=positive, default=8)
    p.add_argument("--size", type=positive, default=224, help="side of the crops in pixels")
    p.add_argument("--seed", type=count, default=0)
    p.add_argument("--json", type=Path, metavar="FILE")
    options = p.parse_args()
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
                run = trainer(faces, chosen, model, batches, Path(folder), evaluate_every=options.iterations)
                metrics = run.run(options.iterations, progress=False)
            rows[name] = {"ap": metrics["validation_ap"], "ap_16": metrics["validation_ap_16"]}
            print(f"{name:32}  AP {rows[name]['ap']:.3f}  from 16 pixels on {rows[name]['ap_16']:.3f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
