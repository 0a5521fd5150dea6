"""How programs start: what they load before it is needed, and what the first of them says while it compiles."""

import tomllib

import pytest

from kernels.commands.targets import single_ladders
from kernels.commands.written import written_ladders
from kernels.operation import all_operations
from tests.helpers import ROOT
from tests.helpers.programs import python

PROGRAMS = ("kernels", "apps.mnist", "apps.faces", "lessons")

# Libraries that load slowly, of which who computes nothing needs none.
SLOW = {"numba", "llvmlite", "cupy", "torch", "matplotlib", "scipy", "skimage", "pooch", "mlxtend"}

LOADED = """
import sys
from {program}.__main__ import main
try:
    main({words!r})
finally:
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def loaded(program, *words):
    """The packages that a command has loaded when it is done, which it is without an error."""
    done = python("-c", LOADED.format(program=program, words=list(words)), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", ["--help", "--version"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_who_asks_for_help_waits_for_no_library_that_computes(program, words):
    assert not loaded(program, words) & SLOW


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("kernels", "list"),
        ("kernels", "list conv2d"),
        ("apps.mnist", "train --help"),
        ("apps.mnist", "models"),
        ("apps.faces", "train --help"),
        ("apps.faces", "detect --help"),
        ("lessons", "where"),
        ("lessons", "list"),
    ],
)
def test_so_does_not_who_looks_at_what_there_is(program, words):
    assert not loaded(program, *words.split()) & SLOW


def test_what_is_loaded_is_seen():
    """A command that computes does load Numba."""
    assert "numba" in loaded("kernels", "show", "add")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_that_of_the_project(program):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert python("-m", program, "--version", cwd=ROOT).stdout == f"{project['name']} {project['version']}\n"


@pytest.mark.parametrize("name", all_operations())
def test_ladders_that_are_read_are_those_that_are_imported(name):
    operation = all_operations()[name]
    assert written_ladders(operation) == {target.name: target.adds for target in single_ladders(operation)}


# Whose kernels compile fast: gradients of a sum are numbers, and the loss is one too.
TRAINS = """
import sys
from pathlib import Path
from framework import Graph, Model, Optimizer, layers
from framework.trainer import Trainer
import numpy as np


def network(batch):
    graph = Graph("tiny")
    weight = graph.parameter("weight", (2, 3), layers.he_normal(3), decays=True)
    graph.output("loss", layers.mean(graph.add("add", a=graph.input("x", (2, 3)), b=weight)))
    return graph


x = np.ones((2, 3))
model, sgd, folder = Model(network, "cpu"), Optimizer("sgd"), Path(sys.argv[1])
run = Trainer(model, sgd, 2, lambda step: {"x": x}, lambda step: 0.1, folder, {})
run.run(2)
"""


def lines_of_training(folder, cache):
    """What a small training shows, line by line."""
    done = python("-c", TRAINS, folder, cwd=ROOT, NUMBA_CACHE_DIR=cache)
    assert done.returncode == 0, done.stderr
    return done.stderr.replace("\r", "\n").split("\n")


def test_the_first_start_says_what_it_compiles_and_the_second_has_nothing_to_say(tmp_path):
    first = [line for line in lines_of_training(tmp_path / "first", tmp_path / "cache") if "compiling" in line]
    assert first
    assert first[0].startswith("compiling add.forward (1 of 5):   0%|")
    assert all("/2 [" in line for line in first)
    second = lines_of_training(tmp_path / "second", tmp_path / "cache")
    assert any(line.startswith("100%|") for line in second)
    assert not [line for line in second if "compiling" in line]
