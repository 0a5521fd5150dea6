"""Profiles of the apps' models: what `python -m kernels profile --model` runs."""

import numpy as np

from apps.mnist.models import MODELS
from framework import Model, Optimizer
from framework.profile import profile as profile_program


def profile(name: str, batch: int, device: str, seconds: float = 1.0) -> dict:
    """Where a training step of a model goes, on random images: see `framework.profile`."""
    optimizer = Optimizer("sgd", momentum=0.9)
    program = Model(MODELS[name], device).training(batch, optimizer)
    optimizer.set_rate(0.01, 0)
    generator = np.random.default_rng(0)
    image, target = (program.inputs[name].shape for name in ("image", "target"))
    labels = generator.integers(0, target[1], target[0])
    inputs = {"image": generator.random(image, np.float32), "target": np.eye(target[1], dtype=np.float32)[labels]}
    return {"model": name, "batch": batch, "device": device, **profile_program(program, seconds, **inputs)}
