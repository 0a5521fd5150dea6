"""Train, evaluate and use a digit classifier: what the command line does, as functions."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from apps.mnist.data import Digits, drawn_forms, one_hot, varied
from apps.mnist.idx import CLASSES, SIDE, Rows
from apps.mnist.models import MODELS
from framework import Model, loading, weights
from framework.ranks import Ranks
from framework.recipe import Recipe, RecipeError, require_choice
from framework.sampling import Sampler
from framework.schedule import Schedule
from framework.trainer import Trainer
from kernels.device import Device

# Images a run when only looking. It divides the 10 000 and the 1 000 digits held out.
EVALUATION_BATCH = 250

# What they are looked at for.
OUTPUTS = ("probabilities", "losses")

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class DigitRecipe(Recipe):
    """How a run trains.

    shift      by up to so many pixels digits are moved, so that a network sees each in many forms,
    turn       turned, in degrees,
    stretch    and made higher or lower, wider or narrower: the logarithm of the factor (0.1 is about 10 %)
    smooth     how much of each target is spread over all ten digits (label smoothing)
    """

    kind: ClassVar[str] = "a digit classifier"

    model: str = "cnn6"
    iterations: int = 1200
    batch: int = 50
    rate: float = 0.006
    optimizer: str = "adam"
    warmup: int = 500
    smooth: float = 0.1
    shift: float = 2
    turn: float = 12
    stretch: float = 0.12

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in {"smooth": 1, "shift": SIDE, "turn": 180, "stretch": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise RecipeError(f"{name} {getattr(self, name)} must be a number from 0 to {most}")

    def make_schedule(self) -> Schedule:
        """Of a short run, a tenth warms up."""
        short = dataclasses.replace(self, warmup=min(self.warmup, self.iterations // 10))
        return super(DigitRecipe, short).make_schedule()

    def __str__(self) -> str:
        return (
            f"{self.iterations} steps of {self.batch}, {self.optimizer} at {self.rate:g}, {self.schedule} schedule, "
            f"digits moved by up to {self.shift:g} pixels, turned by {self.turn:g} degrees, stretched by "
            f"{self.stretch:.0%}, seed {self.seed}"
        )


# What suits the models without batch normalization.
GENTLE = {"rate": 0.002}
RECIPES = dict.fromkeys(("single", "pooled", "lenet5", "lenet5_max", "lenet5_conv"), GENTLE)


def recipe(model: str, **options) -> DigitRecipe:
    """The model's recipe with the given options in place of its own; None stands for its own. Raises RecipeError."""
    require_choice("model", model, MODELS)
    return DigitRecipe.for_model(model, RECIPES.get(model, {}), **options)


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches of digits, each in another form: `Batches(images, labels, recipe)(step)`, of seed and step alone.

    images (n, 28, 28) uint8 or Rows, of which a step reads its own alone; labels (n,); rows: which of a batch are made,
    by default all.
    """

    images: np.ndarray | Rows
    labels: np.ndarray
    recipe: DigitRecipe
    rows: range | None = None

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        recipe = self.recipe
        rows = slice(None) if self.rows is None else slice(self.rows.start, self.rows.stop)
        chosen = Sampler(len(self.images), recipe.batch, recipe.seed)(step)[rows]
        batch = self.images[chosen]
        if recipe.shift or recipe.turn or recipe.stretch:
            generator = np.random.default_rng((recipe.seed, step))
            forms = drawn_forms(recipe.batch, recipe.shift, recipe.turn, recipe.stretch, generator)
            batch = varied(batch, forms[rows])
        target = (1 - recipe.smooth) * one_hot(self.labels[chosen]) + np.float32(recipe.smooth / CLASSES)
        return {"image": batch[..., np.newaxis], "target": target}


def trainer(
    digits: Digits,
    recipe: DigitRecipe,
    model: Model,
    folder: Path,
    evaluate_every: int = 500,
    batches: loading.Batches | None = None,
    ranks: Ranks | None = None,
) -> Trainer:
    """A trainer for the recipe, which evaluates on the digits held out; of several ranks, that of this one.

    batches    may be those that workers make
    """
    look = Evaluation(model, digits, ranks)

    def evaluate():
        result = look()
        return {"validation_loss": result.loss, "validation_accuracy": result.accuracy}

    return Trainer(
        model,
        recipe.make_optimizer(),
        recipe.batch,
        batches or Batches(digits.train_images, digits.train_labels, recipe, (ranks or Ranks()).rows(recipe.batch)),
        recipe.make_schedule(),
        folder,
        {**dataclasses.asdict(recipe), "data digest": digits.digest},
        evaluate,
        evaluate_every,
        ranks=ranks,
        average=recipe.average,
    )


@dataclass(frozen=True)
class Result:
    """What an evaluation found: loss and accuracy (a fraction) over all digits, and the probabilities of each."""

    loss: float
    accuracy: float
    probabilities: np.ndarray

    @property
    def predictions(self) -> np.ndarray:
        return self.probabilities.argmax(axis=1)


class Evaluation:
    """Runs a model over the digits held out; several ranks each over a share, and then all know all."""

    def __init__(self, model: Model, digits: Digits, ranks: Ranks | None = None):
        self.ranks = ranks or Ranks()
        self.images, self.labels = digits.test_images, digits.test_labels
        self.batch = min(EVALUATION_BATCH, len(self.images))
        self.program = model.inference(self.batch, OUTPUTS)

    def __call__(self) -> Result:
        probabilities, losses = [np.empty((0, CLASSES), np.float32)], [np.empty(0, np.float32)]
        mine = self.ranks.share(len(self.images))
        for start in range(mine.start, mine.stop, self.batch):
            # The last batch may be short: repeat its last digit, and leave the repetitions out.
            rows = np.arange(start, start + self.batch).clip(max=mine.stop - 1)
            out = self.program(image=self.images[rows][..., np.newaxis], target=one_hot(self.labels[rows]))
            count = min(self.batch, mine.stop - start)
            probabilities.append(out["probabilities"][:count].astype(np.float32))
            losses.append(out["losses"][:count].astype(np.float32))
        result = self.ranks.join(np.concatenate(probabilities))
        accuracy = float((result.argmax(axis=1) == self.labels).mean())
        return Result(float(self.ranks.join(np.concatenate(losses)).mean()), accuracy, result)


def load_classifier(path: Path, device: Device | str = "auto") -> tuple[Model, dict[str, str]]:
    """A classifier from a weights file, and what the file says about it. Raises CheckpointError, DeviceError."""
    return weights.load(path, MODELS, device)
