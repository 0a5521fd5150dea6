"""The notebooks, run: what each cell prints, without what differs from one run to the next.

    python -m tests.helpers.notebooks

runs them all and writes down what they print now.
"""

import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.helpers import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIMIT = 120  # seconds a cell
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FOLDER = re.compile(r"[^\s\"']*[/\\]ipykernel_\d+[/\\]")  # of the file that a cell is written into
COMPILED = re.compile(r"(?<=compiles: ).*")  # there is not a compiler everywhere


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run. Raises CellExecutionError for a cell that fails and is not said to."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                output.traceback = [tidied("\n".join(output.traceback))]
                output.evalue = tidied(output.evalue)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def tidied(text: str) -> str:
    """A text without colours, and without the folders in which the project and the cells lie."""
    return FOLDER.sub("", COLOUR.sub("", text)).replace(f"{ROOT}{os.sep}", "")


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell prints, a cell after the other: streams, results, errors; pictures and HTML are left out."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found.append(COMPILED.sub("", tidied("".join(text_of(output) for output in cell.outputs))))
    return found


def text_of(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return output.data.get("text/plain", "")


if __name__ == "__main__":
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(path.relative_to(ROOT))
