"""kernels.notebook: the cells of a notebook written for Numba CUDA run without a GPU, and are told of their faults."""

import re

import pytest

pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.helpers import ROOT
from tests.helpers.notebooks import text_of

BEGIN = """
%load_ext kernels.notebook
import numpy as np
from numba import cuda


@cuda.jit
def fill(x, count):
    i = cuda.grid(1)
    if i < count:
        x[i] = i


x = cuda.to_device(np.zeros(4))
"""
RIGHT, WRONG = "fill[1, 8](x, 4)", "fill[1, 8](x, 8)"
TOLD = """fill: block (0, 0, 0), thread (4, 0, 0): x[4] is out of bounds for shape (4,)
source    In[1]:10: x[i] = i
launched  In[{cell}]:{line}: fill[1, 8](x, 8)
look at   a grid has often more threads than there are elements: `if i < x.size` before the access"""


@pytest.fixture(scope="module")
def outputs():
    """What stands below each of these cells, run one after another as a person would who has errors among them."""
    cells = {
        "begin": BEGIN,
        "right": f"{RIGHT}\nx.copy_to_host()",
        "wrong": f"{WRONG}\nprint('not reached')",
        "interpreted": f"%cuda --engine interpret\n{WRONG}",
        "after": f"%cuda\n{RIGHT}",
        "unchecked": f"%cuda --no-check --seed 3\n{RIGHT}",
        "counted": f"%cuda --count\n{RIGHT}",
        "not counted": f"{RIGHT}",
        "unknown": f"%cuda --engine interpet\n{RIGHT}\nprint('not reached')",
        "another": "1 / 0",
        "unwritten": "cuda.device_array(5).copy_to_host()[:0]",
        "again": f"%reload_ext kernels.notebook\n%cuda\n{RIGHT}",
    }
    notebook = new_notebook(cells=[new_code_cell(text.strip("\n")) for text in cells.values()])
    where = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True, resources=where).execute()
    return dict(zip(cells, (cell.outputs for cell in notebook.cells), strict=True))


@pytest.fixture
def below(outputs):
    return lambda name: "".join(map(text_of, outputs[name]))


def test_a_cell_that_is_right_says_what_it_prints_and_no_more(below):
    assert below("begin") == below("not counted") == ""
    assert below("right") == "array([0., 1., 2., 3.])"


@pytest.mark.parametrize(("name", "cell", "line"), [("wrong", 3, 1), ("interpreted", 4, 2)])
def test_a_fault_ends_its_cell_and_is_told_in_place_of_a_traceback(name, cell, line, outputs):
    (error,) = (each for each in outputs[name] if each.output_type == "error")
    assert error.ename == "OutOfBounds"
    said = [line for text in error.traceback for line in text.splitlines() if not line.startswith("compiled")]
    assert "\n".join(said) == TOLD.format(cell=cell, line=line)
    assert not any("not reached" in each.get("text", "") for each in outputs[name])


def test_options_hold_for_their_cell_alone(below):
    assert "note    1 launch of 1 kernel interpreted, checked: 1 fault\n" in below("interpreted")
    assert below("after") == "note    1 launch of 1 kernel emulated, checked: no fault\n"
    assert below("unchecked") == "note    1 launch of 1 kernel emulated, not checked: no fault\n"


def test_a_cell_is_counted(below):
    said = below("counted")
    assert said.startswith("fill: 1 launch of a grid of 1 x 1 x 1 blocks of 8 x 1 x 1 threads, at In[7]:2\n")
    assert "counted: 1 block of 1\n" in said
    assert re.search(r"\n +[\d,]+ +[\d.]+% +\d+% +10  +x\[i\] = i\n", said)


def test_an_option_that_is_none_ends_the_cell_with_a_line(below):
    assert below("unknown").strip() == "UsageError: %cuda: unknown engine 'interpet'; choose from emulate, interpret"


def test_other_errors_have_their_traceback(outputs):
    (error,) = outputs["another"]
    assert error.ename == "ZeroDivisionError"
    assert "1 / 0" in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))


def test_memory_that_nobody_wrote_is_noted(below):
    where = "In[11]:1"
    line = (
        f"note    copied to the host at {where}: 40 of 40 bytes that nobody wrote, of the array allocated at {where}\n"
    )
    assert line in below("unwritten")


def test_it_can_be_loaded_again(below):
    assert below("again") == "note    1 launch of 1 kernel emulated, checked: no fault\n"
