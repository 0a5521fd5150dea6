"""The notebooks run from top to bottom, and print what is written down in them."""

import json

import pytest

from tests.helpers import ROOT

pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")
pytest.importorskip("ipykernel", reason="the extra `notebook` is not installed")

import nbformat

from tests.helpers.notebooks import NOTEBOOKS, executed, texts

NAMES = {"first_kernel", "backward_pass", "climbing_convolution"}


def parametrized():
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_all_of_them_are_there():
    assert {path.stem for path in NOTEBOOKS} == NAMES


@parametrized()
def test_each_runs_and_prints_what_is_written_down(path):
    assert texts(executed(path)) == texts(nbformat.read(path, as_version=4))


@parametrized()
def test_each_is_valid_and_has_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell.outputs)
    assert notebook.cells[0].source.startswith("# ")


@parametrized()
def test_none_says_where_it_was_run(path):
    text = path.read_text()
    assert str(ROOT) not in text
    assert "ipykernel_" not in text
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info"}
