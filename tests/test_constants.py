"""For every constant by which work is cut up there is a case, or a test, past it; tests/README.md has the table."""

import ast

import pytest

from tests import constants
from tests.constants import OTHER, PAST, README, WORKED_OUT, meeting
from tests.helpers import ROOT

CONSTANTS = constants.constants()


def test_every_constant_is_known():
    assert {(c.file, c.name) for c in CONSTANTS} == {(file, name) for file in PAST for name in PAST[file]}


def test_what_is_said_to_be_no_constant_exists():
    files = {str(p.relative_to(ROOT)): {c.name for c in constants.of_module(p)} for p in constants.paths()}
    for file, names in WORKED_OUT.items():
        assert names <= files[file], file
    assert set().union(*files.values()) >= OTHER


@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda c: f"{c.file}:{c.name}={c.value}")
def test_something_is_past_it(constant):
    for past in PAST[constant.file][constant.name]:
        if "::" in past:
            assert constant.name in text_of(past), f"{past} does not look at {constant.name}"
        else:
            assert meeting(constant, past), f"no case has {past}"


def text_of(test: str) -> str:
    """The source of a test, given as file::name."""
    file, name = test.split("::")
    text = (ROOT / file).read_text()
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    return ast.unparse(found)


def test_the_table_is_what_the_command_writes():
    text = README.read_text()
    assert constants.written(text) == text, "python -m tests.constants writes it anew"
