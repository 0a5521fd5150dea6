"""Train a detector: recipes, batches of augmented photographs, and the score on those held out."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.faces.augment import Augmentation, paper_augmented
from apps.faces.data import Faces
from apps.faces.ends import FACES
from apps.faces.evaluation import sizes
from apps.faces.examples import Example, Examples
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS
from apps.faces.scoring import measured
from framework import Model, checkpoint
from framework.checkpoint import CheckpointError
from framework.loading import Batches
from framework.ranks import Ranks
from framework.recipe import Recipe, RecipeError, require_choice
from framework.sampling import Sampler
from framework.trainer import Trainer
from kernels.device import Device
from kernels.operations.labels import FACE, IGNORED_FACE, PADDING

# How crops are chosen, by name.
View = Callable[[Example, np.random.Generator, int, Callable[[], Example] | None], Example]
VARIED = Augmentation(sides=(12.0, 300.0), empty=0.05, turned=0.15, pasted=0.15, blurred=0.05, compressed=0.1)
AUGMENTATIONS: dict[str, View] = {"varied": VARIED, "faces": Augmentation(), "paper": paper_augmented}

# Of the loss, logged beside it.
PARTS = ("classification", "regression")


@dataclass(frozen=True)
class DetectorRecipe(Recipe):
    """How a run trains.

    sizes         sides in pixels of the crops; each step draws one
    augmentation  "faces" brings faces to all sizes; "varied" also turns crops, pastes faces and spoils the picture;
                  "paper" is that of Zozoulenko (2018)
    smallest      faces of fewer pixels, sqrt(w h), in a crop are neither learned nor taken for background
    matching      how anchors get labels and errors become a loss: a name in MATCHINGS
    frozen        whether a ResNet keeps the running averages that it came with
    """

    kind: ClassVar[str] = "a face detector"

    model: str = "scout"
    iterations: int = 30_000
    batch: int = 12
    rate: float = 0.0015
    optimizer: str = "adam"
    decay: float = 0.05
    milestones: tuple[float, ...] = (2 / 3, 8 / 9)
    warmup: int = 200
    sizes: tuple[int, ...] = (320,)
    average: float = 0.9995
    augmentation: str = "varied"
    smallest: float = 4.0
    matching: str = "quality"
    frozen: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("matching", self.matching, MATCHINGS)
        require_choice("augmentation", self.augmentation, AUGMENTATIONS)

    def __str__(self) -> str:
        sizes = " or ".join(map(str, self.sizes))
        return (
            f"{self.iterations} steps of {self.batch} crops of {sizes} pixels, {self.optimizer} at {self.rate:g}, "
            f"{self.schedule} schedule, {self.matching} matching, {self.augmentation} augmentation, seed {self.seed}"
        )

    def make_model(self, device: Device | str = "auto") -> Model:
        """The network, new. Raises RecipeError where what shall be frozen is not there."""
        options: dict[str, Any] = {"matching": MATCHINGS[self.matching]}
        if self.frozen:
            if "frozen" not in signature(MODELS[self.model]).parameters:
                raise RecipeError(f"--frozen: {self.model} has no ResNet that could come with averages")
            options["frozen"] = True
        return Model(partial(MODELS[self.model], **options), device, self.seed)


# The papers' own, and that of our first. 2018 prints no milestones for its detector; they are those of its digits, in
# proportion.
RECIPES: dict[str, dict[str, Any]] = {
    "lite": {
        "iterations": 9000,
        "batch": 16,
        "average": 0.0,
        "augmentation": "faces",
        "smallest": 8.0,
        "matching": "refined",
    },
    "facenet": {
        "iterations": 350_000,
        "batch": 3,
        "sizes": (512, 576, 640),
        "optimizer": "sgd",
        "rate": 0.005,
        "decay": 1e-4,
        "schedule": "step",
        "milestones": (200 / 350,),
        "average": 0.0,
        "augmentation": "paper",
        "smallest": 8.0,
        "matching": "per_level",
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
        "average": 0.0,
        "augmentation": "paper",
        "smallest": 8.0,
        "matching": "paper",
    },
}


def recipe(model: str, **options) -> DetectorRecipe:
    """The model's recipe with the given options in place of its own; None stands for its own. Raises RecipeError."""
    require_choice("model", model, MODELS)
    return DetectorRecipe.for_model(model, RECIPES.get(model, {}), **options)


@dataclass(frozen=True)
class Crops:
    """Batches of augmented examples: `Crops(examples, recipe)(step)`, a pure function of seed and step.

    rows    which of a batch are made, by default all
    view    how, by default as the recipe's augmentation does
    """

    examples: Examples
    recipe: DetectorRecipe
    rows: range | None = None
    view: View | None = None

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        recipe = self.recipe
        rows = range(recipe.batch) if self.rows is None else self.rows
        chosen = Sampler(len(self.examples), recipe.batch, recipe.seed)(step)[rows.start : rows.stop]
        size = int(np.random.default_rng((recipe.seed, step)).choice(recipe.sizes))
        view = self.view or AUGMENTATIONS[recipe.augmentation]
        views = []
        for row, number in zip(rows, chosen, strict=True):
            generator = np.random.default_rng((recipe.seed, step, row))
            another = partial(self._another, generator)
            views.append(view(self.examples[int(number)], generator, size, another))
        return inputs(views, recipe.smallest)

    def _another(self, generator: np.random.Generator) -> Example:
        return self.examples[int(generator.integers(len(self.examples)))]


def inputs(examples: Sequence[Example], smallest: float) -> dict[str, np.ndarray]:
    """What a detector is trained with, from examples of one size; faces below `smallest` pixels are to be ignored.

    image (R, H, W, 3) uint8; boxes (R, FACES, 4); label (R, FACES) int32: FACE, IGNORED_FACE or PADDING.
    """
    boxes = np.zeros((len(examples), FACES, 4), np.float32)
    label = np.full((len(examples), FACES), PADDING, np.int32)
    for row, example in enumerate(examples):
        side = sizes(example.boxes)
        # Where there are more faces than places the largest are kept.
        kept = np.argsort(-side, kind="stable")[:FACES]
        boxes[row, : len(kept)] = example.boxes[kept]
        label[row, : len(kept)] = np.where((example.invalid | (side < smallest))[kept], IGNORED_FACE, FACE)
    return {"image": np.stack([example.picture for example in examples]), "boxes": boxes, "label": label}


def load_backbone(model: Model, path: Path) -> None:
    """Start a ResNet-50 from weights of ImageNet, a safetensors file with torchvision's or timm's names (the same).

    What belongs to the classifier (`fc`) is left out. Raises CheckpointError, and ParameterError for other networks.
    """
    tensors, _ = checkpoint.read(path)
    prefix = "backbone.body."
    given = {f"{prefix}{name}": array for name, array in tensors.items()}
    ours = model.parameters.download()
    if not any(name.startswith(prefix) for name in ours):
        raise CheckpointError(f"{path}: {model.name} has no ResNet-50 that could start from it")
    started = {n: given.get(n, array) if n.startswith(prefix) else array for n, array in ours.items()}
    if missing := [n for n in ours if n.startswith(prefix) and n not in given]:
        raise CheckpointError(f"{path}: no {missing[0].removeprefix(prefix)} found, weights of a ResNet-50 expected")
    model.parameters.upload(started)


def trainer(
    faces: Faces,
    recipe: DetectorRecipe,
    model: Model,
    batches: Batches,
    folder: Path,
    evaluate_every: int = 1000,
    ranks: Ranks | None = None,
    all_sizes: bool = True,
) -> Trainer:
    """A trainer for the recipe, which scores the model on the photographs held out; of several ranks, of this one.

    With `all_sizes`, at the recipe's last step it scores them enlarged, too, which takes ten times as long.
    """

    def validate() -> dict[str, float]:
        metrics = measured(model, faces.validation, ranks, all_sizes and run.step == recipe.iterations)
        return {f"validation_{name}": value for name, value in metrics.items()}

    run = Trainer(
        model,
        recipe.make_optimizer(),
        recipe.batch,
        batches,
        recipe.make_schedule(),
        folder,
        {**dataclasses.asdict(recipe), "data digest": faces.digest},
        validate,
        evaluate_every,
        build=lambda inputs: {"size": inputs["image"].shape[1:3]},
        parts=PARTS,
        ranks=ranks,
        average=recipe.average,
    )
    return run
