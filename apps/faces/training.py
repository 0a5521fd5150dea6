"""Train a detector: recipes, batches of augmented photographs, and the score on those held out."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.faces.augment import augmented, paper_augmented
from apps.faces.data import Examples, Faces
from apps.faces.detect import Detector
from apps.faces.detector import FACES
from apps.faces.evaluation import Curve, Truth, evaluate, ignored_below, sizes
from framework import Model, Optimizer
from framework.loading import Batches
from framework.sampling import Sampler
from framework.schedule import Schedule, cosine_schedule, step_schedule
from framework.trainer import Trainer

# The least score that counts when average precision is measured: nearly all, for the tail of the curve.
EVERYTHING = 0.02


@dataclass(frozen=True)
class Recipe:
    """How a run trains.

    sizes         sides in pixels of the crops; each step draws one
    schedule      "cosine", down to 0, or "step": a tenth at each of `milestones`, fractions of the run
    warmup        steps until the rate is full
    augmentation  "faces" brings faces to all sizes, "paper" is that of Zozoulenko (2018)
    smallest      faces of fewer pixels, sqrt(w h), in a crop are neither learned nor taken for background
    """

    model: str = "lite"
    iterations: int = 8000
    batch: int = 16
    sizes: tuple[int, ...] = (320,)
    optimizer: str = "adam"
    rate: float = 0.0015
    decay: float = 0.01
    schedule: str = "cosine"
    milestones: tuple[float, ...] = ()
    warmup: int = 200
    augmentation: str = "faces"
    smallest: float = 8.0
    seed: int = 0

    def make_schedule(self) -> Schedule:
        if self.schedule == "cosine":
            return cosine_schedule(self.rate, self.iterations, self.warmup)
        return step_schedule(self.rate, [int(m * self.iterations) for m in self.milestones])


# The papers' own. 2018 prints no milestones for its detector; they are those of its digits, in proportion.
RECIPES: dict[str, dict[str, Any]] = {
    "facenet": {
        "iterations": 350_000,
        "batch": 3,
        "sizes": (512, 576, 640),
        "optimizer": "sgd",
        "rate": 0.005,
        "decay": 1e-4,
        "schedule": "step",
        "milestones": (200 / 350,),
        "augmentation": "paper",
    },
    "faceresnet": {
        "iterations": 700_000,
        "batch": 2,
        "sizes": (512, 640),
        "optimizer": "sgd",
        "rate": 0.001,
        "decay": 1e-4,
        "schedule": "step",
        "milestones": (1 / 3, 2 / 3),
        "augmentation": "paper",
    },
}


def recipe(model: str, **options) -> Recipe:
    """The model's recipe with the given options in place of its own; None stands for its own."""
    given = {name: value for name, value in options.items() if value is not None}
    return dataclasses.replace(Recipe(model=model), **{**RECIPES.get(model, {}), **given})


@dataclass(frozen=True)
class Crops:
    """Batches of augmented examples: `Crops(examples, recipe)(step)`, a pure function of seed and step.

    image (R, S, S, 3) uint8; boxes (R, FACES, 4); label (R, FACES): 1 a face, -1 one to be ignored, 0 none.
    """

    examples: Examples
    recipe: Recipe

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        recipe = self.recipe
        chosen = Sampler(len(self.examples), recipe.batch, recipe.seed)(step)
        size = int(np.random.default_rng((recipe.seed, step)).choice(recipe.sizes))
        view = {"faces": augmented, "paper": paper_augmented}[recipe.augmentation]
        image = np.empty((recipe.batch, size, size, 3), np.uint8)
        boxes = np.zeros((recipe.batch, FACES, 4), np.float32)
        label = np.zeros((recipe.batch, FACES), np.int32)
        for row, index in enumerate(chosen):
            example = view(self.examples[int(index)], np.random.default_rng((recipe.seed, step, row)), size)
            side = sizes(example.boxes)
            ignored = example.invalid | (side < recipe.smallest)
            # Where there are more faces than places the largest are kept.
            kept = np.argsort(-side, kind="stable")[:FACES]
            image[row] = example.picture
            boxes[row, : len(kept)] = example.boxes[kept]
            label[row, : len(kept)] = np.where(ignored[kept], -1, 1)
        return {"image": image, "boxes": boxes, "label": label}


@dataclass(frozen=True)
class Score:
    """Average precision at IoU 0.5: all valid faces, and those of 16 pixels and more."""

    all_faces: Curve
    from_16: Curve

    @property
    def metrics(self) -> dict[str, float]:
        return {"ap": self.all_faces.ap, "ap_16": self.from_16.ap}


def score(model: Model, examples: Examples, progress: Callable = iter) -> Score:
    """Detect in every example at its stored size, in one pass, and compare with the truth."""
    detector = Detector(model, threshold=EVERYTHING)
    found, truths = [], []
    for example in progress(examples):
        found.append(detector(example.picture))
        truths.append(Truth(example.boxes, example.invalid))
    return Score(evaluate(found, truths), evaluate(found, [ignored_below(t, 16) for t in truths]))


def trainer(
    faces: Faces, recipe: Recipe, model: Model, batches: Batches, folder: Path, evaluate_every: int = 1000
) -> Trainer:
    """A trainer for the recipe, which scores the model on the photographs held out."""
    momentum = {"momentum": 0.9} if recipe.optimizer == "sgd" else {}
    return Trainer(
        model,
        Optimizer(recipe.optimizer, decay=recipe.decay, **momentum),
        recipe.batch,
        batches,
        recipe.make_schedule(),
        folder,
        {**dataclasses.asdict(recipe), "data": faces.source},
        lambda: score(model, faces.validation).metrics,
        evaluate_every,
        build=lambda inputs: {"size": inputs["image"].shape[1:3]},
        parts=("classification", "regression"),
    )
