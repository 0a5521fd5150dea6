"""Checkpoints of runs whose checksum is right. An input is the texts in one, a line NAME=TEXT each."""

import json
from dataclasses import asdict

import numpy as np

from tests.fuzz.target import Target, instrumented

with instrumented("framework.checkpoint", "framework.recipe", "framework.run_state", "framework.schedule"):
    from framework import checkpoint
    from framework.checkpoint import CheckpointError
    from framework.recipe import RecipeError
    from framework.run_state import VERSION, RunState

from apps.mnist.classifier import DigitRecipe


def seeds():
    settings = json.dumps({"model": "cnn6", "batch": 50, **asdict(DigitRecipe()), "data digest": "0" * 16})
    texts = {
        "version": VERSION,
        "step": "7",
        "seconds": "1.5",
        "settings": settings,
        "choices": "{}",
        "algorithms": "{}",
    }
    yield "\n".join(f"{name}={text}" for name, text in texts.items()).encode()
    yield b"version=2\nstep=-1\nsettings=[]"


def attempt(data, folder):
    path = folder / "checkpoint.safetensors"
    pairs = (line.partition("=") for line in data.decode("utf-8", "replace").split("\n"))
    tensors = {"w": np.zeros(2, np.float32), "optimizer.velocity.w": np.zeros(2, np.float32)}
    checkpoint.write(path, tensors, {name: text for name, _, text in pairs})
    RunState.read(path)
    recipe = DigitRecipe.of_run(path)
    str(recipe)
    rate = recipe.make_schedule()
    rate(0), rate(recipe.iterations - 1)


WORDS = (
    *b"settings= choices= algorithms= step= version=2 null true [] {} NaN Infinity 1e999 -1".split(),
    *(b'"milestones": ', b'"schedule": "step"', b'"optimizer": "sgd"', b'"iterations": ', b'"warmup": ', b'"seed": '),
)
TARGET = Target(attempt, (CheckpointError, RecipeError), seeds, WORDS)
