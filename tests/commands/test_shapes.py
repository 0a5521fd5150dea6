"""--shape: whatever a user writes after it, the command works or ends in one line, and never takes all memory."""

import io
import math
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernels.__main__ import main
from kernels.bench import memory
from kernels.commands import targets
from kernels.commands.command_line import CommandError
from kernels.commands.targets import case_of, operations, require_operation, text_of, trial_of
from tests.helpers.strategies import HypothesisDraw

OPERATIONS = operations()
VALUES = (
    *(
        "",
        "0",
        "1",
        "3",
        "-1",
        "1,2",
        "2,2",
        "3,3",
        "1,1,1",
        "2,2,2",
        "4,4,4,4",
        "0,0",
        "-1,-1",
        "1,0",
        ",",
        "1,",
        "1,,2",
    ),
    *(
        "999999999999,1",
        "2147483647",
        "2147483648",
        "1000000000,1000000000",
        "9" * 40,
        "65536",
        "1_0",
        "0x10",
        "²",
        " 1",
    ),
    *("nan", "inf", "-inf", "1e400", "1.5", "0.5,0.5", "1e-300", "-0.0", "True", "False", "true", "relu", "foo", "x=1"),
)


@st.composite
def commands(draw):
    """An operation and words after --shape: those of a small case, some of them spoilt, doubled or left out."""
    operation = draw(st.sampled_from(sorted(OPERATIONS)))
    words = text_of(OPERATIONS[operation].case(HypothesisDraw(draw))).split()
    names = st.sampled_from((*OPERATIONS[operation].inputs, *OPERATIONS[operation].settings, "", "none"))
    values = st.sampled_from(VALUES) | st.text(max_size=5).filter(lambda text: not text.startswith("-"))
    for name, value in draw(st.lists(st.tuples(names, values), max_size=3)):
        same = [place for place, word in enumerate(words) if word.startswith(f"{name}=")]
        if same and draw(st.booleans()):
            words[same[0]] = f"{name}={value}"
        else:
            words.append(draw(st.sampled_from((f"{name}={value}", name, value))))
    return operation, words


@given(command=commands())
@example(("add", ["a=1", "-inf", "b=\x0c\n"]))  # which a terminal would break into lines
def test_any_words_work_or_end_in_one_line(command):
    operation, words = command
    printed, complained = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(complained):
        patch.setattr(targets, "memory", lambda: 2**24)  # what is too much for that is refused, so all else is quick
        try:
            code = main(["show", operation, "--shape", *words])
        except SystemExit as stopped:  # a word that argparse takes for an option
            code = stopped.code
    if code == 0:
        assert printed.getvalue().startswith(f"# {operation}.forward ")
        assert not complained.getvalue()
    else:
        assert len(complained.getvalue().splitlines()) == 1
        assert complained.getvalue().startswith(("kernels show: ", "kernels: "))


def test_arrays_that_memory_does_not_hold_are_refused_before_there_are_any(monkeypatch):
    add = require_operation("add")
    case = case_of(add, ["a=1024,256", "b=1024,256"])
    needed = 3 * 2**20 + 3 * 2**20  # a, b and y; dy, da and db
    assert memory.arrays_of(add, case) == needed
    monkeypatch.setattr(targets, "memory", lambda: 2 * needed)
    assert trial_of(add, case).shapes["y"] == (1024, 256)
    monkeypatch.setattr(targets, "memory", lambda: 2 * needed - 1)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: pytest.fail("arrays are drawn"))
    with pytest.raises(
        CommandError, match=r"^--shape: add with a=1024,256 b=1024,256 takes 0\.0 GiB, and at most half "
    ):
        trial_of(add, case)


def test_a_container_may_have_less_memory_than_its_machine(monkeypatch, tmp_path):
    of_machine = memory.memory()
    assert 2**28 < of_machine < 2**50
    for text, expected in (("max\n", of_machine), ("1048576\n", 2**20)):
        (tmp_path / "limit").write_text(text)
        monkeypatch.setattr(memory, "LIMITS", (tmp_path / "limit", tmp_path / "missing"))
        assert memory.memory() == expected if expected == 2**20 else memory.memory() >= of_machine


def test_settings_are_finite_and_as_their_defaults_are():
    assert case_of(require_operation("match_anchors"), ["anchors=2,4", "boxes=1,1,4", "label=1,1", "best=True"])["best"]
    assert case_of(require_operation("activation"), ["x=2", "function=tanh"]) == {"x": (2,), "function": "tanh"}
    for text in ("nan", "inf", "1e400", "", "a"):
        with pytest.raises(CommandError, match=r"is not a value for decay, as in decay=0\.0: finite numbers"):
            case_of(require_operation("sgd"), ["dw=2", "rate=1", "norm=1", f"decay={text}"])
    decay = case_of(require_operation("sgd"), ["dw=2", "rate=1", "norm=1", "decay=1e-4"])["decay"]
    assert math.isclose(decay, 1e-4)


def test_without_words_it_is_the_typical_case():
    for operation in OPERATIONS.values():
        assert case_of(operation, None) == dict(operation.typical)
