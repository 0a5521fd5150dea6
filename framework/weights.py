"""Weights files: what a model has learned, with its name and facts about how it came to be, for anyone to use."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from framework import checkpoint
from framework.checkpoint import CheckpointError
from framework.model import Build, Model
from framework.parameters import ParameterError
from kernels.device import Device


def save(model: Model, path: Path, /, **facts: Any) -> None:
    """Write a model's parameters and running averages, and facts (data, accuracy ...) as text."""
    text = {name: str(value) for name, value in {**facts, "model": model.name}.items()}
    checkpoint.write(path, model.parameters.download(), text)


def load(
    path: Path, models: Mapping[str, Build], device: Device | str = "auto", **choices: Mapping[str, Any]
) -> tuple[Model, dict[str, str]]:
    """The model that a weights file belongs to, and the facts that it was saved with.

    models     what can be built, by name
    choices    what else the file must say of how it is built, by the name of the option: matching={"paper": PAPER, ...}

    Raises CheckpointError for a file that is missing, is none, or belongs to another network, DeviceError.
    """
    tensors, facts = checkpoint.read(path)
    checkpoint.require_printable(path, (*facts, *facts.values()))
    for fact, known in {"model": models, **choices}.items():
        if facts.get(fact) not in known:
            found = f"{fact} {facts[fact]!r}" if fact in facts else f"no {fact}"
            raise CheckpointError(f"{path}: {found} found, one of {', '.join(known)} expected")
    build = partial(models[facts["model"]], **{option: known[facts[option]] for option, known in choices.items()})
    try:
        return Model(build, device, weights=tensors), facts
    except ParameterError as error:
        raise CheckpointError(f"{path}: {error}") from error


def begin_with(model: Model, path: Path) -> None:
    """Give a model the parameters and running averages of a file, to learn on from there.

    Raises CheckpointError for a file that is missing, is none, or belongs to another network.
    """
    tensors, _ = checkpoint.read(path)
    try:
        model.parameters.upload(tensors)
    except ParameterError as error:
        raise CheckpointError(f"{path}: {error}") from error
