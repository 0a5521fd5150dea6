"""docs/add-an-operation.md from top to bottom: its files are written, its commands run, its output compared.

So the page is proved, and with it that an operation is a folder and nothing else.
"""

import re
import shlex
from pathlib import Path

from tests.helpers import ROOT
from tests.helpers.programs import python

DOCUMENT = ROOT / "docs" / "add-an-operation.md"
BLOCKS = re.compile(r"^`([\w/]+\.py)`\n\n```python file\n(.*?)^```$|^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Where the reader keeps operations of his own, in the document.
HOME = "~/operations"


def test_the_document_is_true(tmp_path):
    folder = tmp_path / "operations"
    folder.mkdir()
    written, run, text = [], [], DOCUMENT.read_text()
    for file, source, session in BLOCKS.findall(text):
        if file:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(source)
            written.append(file)
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            compare(command, printed(command, folder), expected)
            run.append(command.split()[3] if "-m kernels" in command else command)
    assert (len(written), len(run)) == (text.count("```python file"), text.count("\n$ "))
    assert {"__init__.py", "reference.py", "cpu.py", "cuda.py", "torch.py"} <= {Path(file).name for file in written}
    assert {"list", "check", "inspect", "xray", "show", "profile"} <= set(run)


def printed(command: str, folder: Path) -> str:
    """What a command prints in the folder of the project, where `folder` holds operations."""
    program, *arguments = shlex.split(command.replace(HOME, str(folder)))
    assert program == "python"
    alone = "--operations" in arguments or arguments[0].endswith(".py")  # and needs no variable
    environment = {"HOME": str(folder.parent)} | ({} if alone else {"HANDWRITTEN_OPERATIONS": str(folder)})
    done = python(*arguments, cwd=ROOT, **environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def compare(command: str, got: str, expected: str) -> None:
    """Every line that the document shows is printed, but for its numbers, which differ between machines."""
    lines = {without_numbers(line) for line in got.splitlines()}
    for line in expected.splitlines():
        assert line == "..." or without_numbers(line) in lines, f"{command} does not print {line!r} but\n{got}"


def without_numbers(line: str) -> str:
    return " ".join(re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "#", line).split())


def test_a_folder_of_operations_does_not_hide_those_of_the_project(tmp_path):
    assert "conv2d:" in printed("python -m kernels list conv2d", tmp_path)
