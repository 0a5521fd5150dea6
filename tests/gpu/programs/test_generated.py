"""Kernels that Numba writes around a function, for @vectorize and @guvectorize: interpreted from the text it writes."""

import json
from pathlib import Path

import pytest

from tests.gpu.programs.warm import Warm

EXAMPLES = Path(__file__).parent / "examples"

BEYOND = """
import numpy as np
from numba import float64, guvectorize


@guvectorize([(float64[:], float64[:])], "(n)->(n)", target="cuda")
def differences(row, out):
    for i in range(row.size):
        out[i] = row[i + 1] - row[i]


differences(np.zeros((3, 4)))
"""


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


@pytest.mark.parametrize("name", ["black_scholes", "generalised", "reduce_decorator"])
def test_all_launches_of_a_program_are_interpreted(name, warm, tmp_path):
    ran = warm.run("--engine", "interpret", "--json", "found.json", EXAMPLES / f"{name}.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    launches = json.loads((tmp_path / "found.json").read_text())["launches"]
    assert {launch["engine"] for launch in launches} == {"interpret"}


@pytest.mark.parametrize("engine", ["emulate", "interpret"])
def test_a_fault_in_the_function_is_told_of_its_line(engine, warm, tmp_path):
    (tmp_path / "program.py").write_text(BEYOND)
    ran = warm.run("--engine", engine, "program.py", cwd=tmp_path)
    assert ran.returncode == 2
    assert "OutOfBounds" in ran.stderr or "is out of bounds" in ran.stderr
    assert "program.py:9: out[i] = row[i + 1] - row[i]" in ran.stderr
