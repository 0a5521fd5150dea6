"""The same programs, written for numba-cuda-mlir: they are run, and their faults told, where that is installed."""

import importlib.util
import json

import pytest

from tests.gpu.programs.test_examples import EXAMPLES
from tests.gpu.programs.test_faults import EXPECTED, FAULTS, corrected, line_of
from tests.gpu.programs.warm import Warm

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda_mlir") is None, reason="numba-cuda-mlir is not installed"
)

# Those that name nothing of numba itself, and that the package compiles.
RIGHT = ("constants", "host_memory", "julia", "life", "mandelbrot", "printing", "records", "sessions", "streams",
         "universal_functions", "vector_addition", "views", "whole_arrays")  # fmt: skip
WRONG = ("before_the_start", "beyond_the_end", "in_a_device_function", "misaligned", "past_a_slice",
         "past_constant_memory", "past_the_end_atomically", "race_between_blocks", "race_with_a_neighbour_block",
         "second_launch", "unwritten_global_memory")  # fmt: skip


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


def translated(text):
    """The program as its author would write it for that package."""
    assert text.count("\nfrom numba import cuda\n") == 1
    return text.replace("\nfrom numba import cuda\n", "\nfrom numba_cuda_mlir import cuda\n")


@pytest.fixture
def run(warm, tmp_path):
    def run(text):
        (tmp_path / "program.py").write_text(translated(text))
        ran = warm.run("--json", "found.json", "program.py", cwd=tmp_path)
        return ran, json.loads((tmp_path / "found.json").read_text())

    return run


@pytest.mark.parametrize("name", RIGHT)
def test_a_program_runs_and_nothing_is_found(name, run):
    ran, found = run((EXAMPLES / f"{name}.py").read_text())
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    assert found["launches"]
    assert not found["faults"]


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_told_and_the_corrected_program_has_none(name, run):
    text = (FAULTS / f"{name}.py").read_text()
    ran, found = run(text)
    assert ran.returncode == 2, ran.stderr
    (fault,) = found["faults"]
    assert (fault["kind"], fault["kernel"]) == (EXPECTED[name]["kind"], EXPECTED[name]["kernel"])
    assert fault["line"] == line_of(text)
    ran, found = run(corrected(text))
    assert ran.returncode == 0, ran.stderr
    assert found["launches"]
    assert not found["faults"]
