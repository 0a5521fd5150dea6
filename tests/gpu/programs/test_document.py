"""The programs of docs/run.md are run by `python -m kernels run`, and say what the document says."""

import re

import pytest

from tests.helpers import ROOT
from tests.helpers.programs import python

TEXT = (ROOT / "docs" / "run.md").read_text()
BLOCK = re.compile(r"^```python program\n(?P<code>(?:.*\n)*?)```\n\n(?P<said>(?: {4}.*\n)+)", re.M)
PROGRAMS = [(match["code"], match["said"]) for match in BLOCK.finditer(TEXT)]


def test_every_program_is_found():
    assert len(PROGRAMS) == TEXT.count("```python program") >= 3


@pytest.mark.parametrize(("code", "said"), PROGRAMS)
def test_a_program_has_the_fault_that_the_document_shows(code, said, tmp_path):
    (tmp_path / "program.py").write_text(code)
    done = python("-m", "kernels", "run", "program.py", cwd=tmp_path)
    assert done.returncode == 2
    assert without_compiled(done.stderr) == without_compiled(said)


def without_compiled(text):
    """Lines, but for those of PTX, which another version of the compiler writes otherwise."""
    return [line.strip() for line in text.splitlines() if line.strip() and "compiled  PTX line" not in line]
