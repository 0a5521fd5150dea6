"""Profiles of the apps' models: what `python -m kernels profile --model` runs."""

from typing import Any

import numpy as np

import apps.faces.models
import apps.mnist.models
from framework import Model, Optimizer
from framework.profile import profile as profile_program

MODELS = {**apps.mnist.models.MODELS, **apps.faces.models.MODELS}
SIZED = apps.faces.models.MODELS

# Digits a step, unless something else is asked; detectors have recipes of their own.
DIGITS = 50


def profile(name: str, batch: int | None, size: int | None, device: str, seconds: float = 1.0) -> dict:
    """Where a training step of a model goes: see `framework.profile`. None stands for the model's own.

    size    side of the pictures in pixels, of the models in SIZED
    """
    if name in SIZED:
        model, inputs, options = _crowds(name, batch, size, device)
    else:
        model, inputs, options = _digits(name, batch, device)
    optimizer = Optimizer("sgd", momentum=0.9)
    program = model.training(len(inputs["image"]), optimizer, **options)
    optimizer.set_rate(0.01, 0)
    facts = {"model": name, "batch": len(inputs["image"]), "size": inputs["image"].shape[-2], "device": device}
    return facts | profile_program(program, seconds, **inputs)


def _digits(name: str, batch: int | None, device: str):
    """Random pictures and labels."""
    model, generator = Model(MODELS[name], device), np.random.default_rng(0)
    graph = MODELS[name](batch or DIGITS)
    image, target = (graph.values[value].shape for value in ("image", "target"))
    labels = generator.integers(0, target[1], target[0])
    inputs = {"image": generator.random(image, np.float32), "target": np.eye(target[1], dtype=np.float32)[labels]}
    return model, inputs, {}


def _crowds(name: str, batch: int | None, size: int | None, device: str):
    """Crops of composed crowds: how long matching takes depends on how many faces there are."""
    from apps.faces.crowds import Crowds  # here, because it loads slowly and is seldom needed
    from apps.faces.training import Crops, recipe

    chosen = recipe(name, batch=batch, sizes=None if size is None else (size,))
    inputs: dict[str, Any] = Crops(Crowds(chosen.batch, seed=0), chosen)(0)
    return chosen.make_model(device), inputs, {"size": inputs["image"].shape[1:3]}
