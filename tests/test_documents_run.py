"""The Python of the documents runs, and prints what they say it prints.

A ```python block is run as it stands, after those above it in its document. Indented lines below it are what it prints
or the error that it ends with. A ```python excerpt is a part of a source file, word for word. A ```python file is a
file of the reader's own, which tests/test_add_an_operation.py writes, and a ```python program is one that is run by
`python -m kernels run` (tests/gpu/programs/test_document.py).
"""

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers import ROOT
from tests.helpers.documents import DOCUMENTS, SOURCES, named

BLOCK = re.compile(r"^```python(?P<kind>.*)\n(?P<code>(?:.*\n)*?)```\n(?:\n(?P<said>(?: {4}.*\n|\n(?= {4}))+))?", re.M)


class Block(NamedTuple):
    """Code, what kind of block it is, and what the document says that it prints, where it does."""

    code: str
    kind: str
    said: str | None


def blocks(document: Path) -> list[Block]:
    return [Block(m["code"], m["kind"].strip(), m["said"]) for m in BLOCK.finditer(document.read_text())]


README = ROOT / "README.md"  # whose network is asked what it has learned, which differs a little between processors
RUN = {d: found for d in DOCUMENTS if d != README and (found := [b for b in blocks(d) if not b.kind])}
EXCERPTS = [(d, block.code) for d in DOCUMENTS for block in blocks(d) if block.kind == "excerpt"]


def said_by(code: str, file: str, names: dict) -> str:
    """What a block prints, and the error it ends with; written to a file, as kernels are compiled from their source."""
    Path(file).write_text(code)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            exec(compile(code, file, "exec"), names)
        except Exception as error:
            output.write(f"{type(error).__name__}: {error}")
    return output.getvalue()


def plainly(text: str) -> str:
    """Without line breaks, which the document chose, and without the name of the file, which is the reader's."""
    return re.sub(r"\b\w+\.py:", "FILE:", " ".join(text.split()))


@pytest.mark.parametrize("document", RUN, ids=named)
def test_the_blocks_of_a_document_run_and_print_what_it_says(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "document"}
    for number, block in enumerate(RUN[document]):
        got = said_by(block.code, f"block_{number}.py", names)
        assert plainly(got) == plainly(block.said or ""), block.code


def test_the_network_of_the_readme_learns_with_the_readers_own_kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks(README) if not block.kind)
    assert len([line for line in block.code.splitlines() if line.strip()]) <= 40
    printed = said_by(block.code, "readme.py", {})
    assert float(printed.partition("%")[0]) > 85, printed


def test_every_block_is_run_or_is_an_excerpt_or_a_file():
    for document in DOCUMENTS:
        kinds = [block.kind for block in blocks(document)]
        assert set(kinds) <= {"", "excerpt", "file", "program"}, document
        assert len(kinds) == document.read_text().count("\n```python"), document


@pytest.mark.parametrize(("document", "code"), EXCERPTS, ids=lambda given: getattr(given, "name", ""))
def test_an_excerpt_stands_in_a_source_file(document, code):
    assert any(code in source.read_text() for source in SOURCES)


def test_a_block_that_prints_something_else_or_fails_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said_by("print(1)\nprint(2)", "a.py", {}) == "1\n2\n"
    assert said_by("print(1)\n1 / 0", "b.py", {}) == "1\nZeroDivisionError: division by zero"
    document = tmp_path / "document.md"
    document.write_text(
        "Text\n\n```python\nx = 1\nprint(x)\n```\n\n    1\n\n    2\n\nmore\n\n```python excerpt\ny\n```\n"
    )
    assert blocks(document) == [("x = 1\nprint(x)\n", "", "    1\n\n    2\n"), ("y\n", "excerpt", None)]
