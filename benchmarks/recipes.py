"""What each change of network, loss and crops is worth: a detector, trained briefly, with one more from row to row.

    python -m benchmarks.recipes --iterations 3000 --seeds 0 1

All rows of a seed see as many crops, and are scored on the photographs held out. Crops are smaller and fewer than in a
real training, so that a row takes minutes; only the differences mean something, and those smaller than between two
seeds mean nothing.
"""

import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from apps.command_line import run
from apps.faces.augment import Augmentation
from apps.faces.data import load
from apps.faces.matching import PAPER, REFINED, Matching
from apps.faces.models import MODELS
from apps.faces.training import VARIED, Crops, recipe, trainer
from framework import Model
from framework.loading import Background
from kernels.commands.command_line import CommandError, add_json, command, count, positive, write_json


@dataclass(frozen=True)
class Row:
    """What a run is made of."""

    model: str = "lite"
    matching: Matching = PAPER
    view: Augmentation = field(default_factory=Augmentation)
    options: dict[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> "Row":
        """The same with some changes: fields of the matching and of the augmentation by their names, or options."""
        known = {"matching": asdict(self.matching), "view": asdict(self.view)}
        parts: dict[str, dict[str, Any]] = {"matching": {}, "view": {}, "options": {}}
        for name, value in changes.items():
            parts[next((part for part, names in known.items() if name in names), "options")][name] = value
        model = parts["options"].pop("model", self.model)
        matching = replace(self.matching, **parts["matching"])
        return Row(model, matching, replace(self.view, **parts["view"]), {**self.options, **parts["options"]})


CHANGES: dict[str, dict[str, Any]] = {
    "seed 000, eq. 58-61": {},
    "loss per positive": {"normalise": REFINED.normalise},
    "relative offsets": {"code": REFINED.code, "weights": REFINED.weights},
    "best anchor of each face": {"best": REFINED.best},
    "IoU 0.35 to 0.45 ignored": {"positive": REFINED.positive, "negative": REFINED.negative},
    "alpha 1": {"alpha": REFINED.alpha},
    "faces from 4 pixels on": {"smallest": 4.0},
    "boxes by DIoU": {"box": "diou", "emphasis": 2},
    "scores say how good a box is": {"score": "quality"},
    "ATSS": {"assignment": "atss"},
    "the network `scout`": {"model": "scout"},
    "faces up to 300 pixels": {"sides": VARIED.sides},
    "some turned": {"turned": VARIED.turned},
    "some blurred, compressed, empty": {name: getattr(VARIED, name) for name in ("blurred", "compressed", "empty")},
    "pasted faces": {"pasted": VARIED.pasted},
    "averaged weights": {"average": 0.998},
}


def ladder() -> dict[str, Row]:
    """From the recipe before to the one that ships, one change at a time."""
    rows, row = {}, Row()
    for name, change in CHANGES.items():
        row = row.but(**change)
        rows[name if not rows else f"+ {name}"] = row
    return rows


def main(arguments: list[str] | None = None) -> int:
    text = "Find what each change of network, loss and crops is worth: train briefly, with one more from row to row."
    c = command("python -m benchmarks.recipes", measure, text, "--iterations 3000 --seeds 0 1")
    c.add_argument("--rows", type=count, nargs="+", metavar="N", help="only these, counted from 0 (default: all)")
    c.add_argument("--iterations", type=positive, metavar="STEPS", default=3000, help="of each row (default: 3000)")
    c.add_argument("--batch-size", type=positive, metavar="CROPS", default=12, help="crops a step (default: 12)")
    c.add_argument("--size", type=positive, metavar="PIXELS", default=256, help="side of the crops (default: 256)")
    c.add_argument("--seeds", type=count, nargs="+", metavar="N", default=[0], help="of weights and crops (default: 0)")
    c.add_argument("--workers", type=count, metavar="N", default=1, help="processes that prepare crops (default: 1)")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Train a network for each row and seed, and print its score when it is there."""
    faces, rows = load(), ladder()
    chosen = [*rows] if options.rows is None else options.rows
    if options.rows is not None:
        if max(options.rows) >= len(rows):
            raise CommandError(f"--rows: {max(options.rows)} found, numbers below {len(rows)} expected")
        chosen = [list(rows)[number] for number in options.rows]
    print(f"{faces.source}; {options.iterations} steps of {options.batch_size} crops of {options.size} pixels")
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in chosen:
        for seed in options.seeds:
            metrics = score_of(rows[name], faces, seed, options)
            found.setdefault(name, {})[str(seed)] = metrics
            said = "  ".join(f"{what} {value:.3f}" for what, value in metrics.items())
            print(f"{name:40}  seed {seed}  {said}", flush=True)
    write_json(options.json, found)


def score_of(row: Row, faces, seed: int, options) -> dict[str, float]:
    """Average precision of what a row learns."""
    given = {"iterations": options.iterations, "batch": options.batch_size, "sizes": (options.size,), "seed": seed}
    chosen = recipe("lite", **given, **row.options)
    model = Model(partial(MODELS[row.model], matching=row.matching), "auto", seed)
    crops = Crops(faces.train, chosen, view=row.view)
    with tempfile.TemporaryDirectory() as folder:
        batches = Background(crops, options.workers) if options.workers else crops
        try:
            every = options.iterations
            training = trainer(faces, chosen, model, batches, Path(folder), every, all_sizes=False)
            metrics = training.run(options.iterations, progress=False)
        finally:
            if isinstance(batches, Background):
                batches.close()
    return {name.removeprefix("validation_"): value for name, value in metrics.items()}


if __name__ == "__main__":
    sys.exit(main())
