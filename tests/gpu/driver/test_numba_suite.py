"""The script that runs numba-cuda's own tests, on tests of ours: each outcome is written, after a crash too."""

import os
import sys

import pytest

from benchmarks import numba_suite
from benchmarks.numba_suite import ERROR, FAILED, NOWHERE, PASSED, SIMULATOR, SKIPPED, Row, counts, judged, reasons

TESTS = """
import os, time, unittest
import cffi, pytest
from numba.cuda.testing import skip_on_cudasim, skip_unless_cudasim

class Outcomes(unittest.TestCase):
    def test_1_passes(self): pass
    def test_2_fails(self): self.assertEqual(1, 2)
    def test_3_says_nothing(self): assert [] == [0]
    def test_4_raises(self): raise KeyError("what")
    def test_5_is_skipped(self): self.skipTest("not today")
    def test_6_is_skipped_by_pytest(self): pytest.importorskip("no_such_package")
    def test_7_crashes(self): os._exit(3)
    def test_8_takes_too_long(self): time.sleep(60)
    @skip_on_cudasim("no driver")
    def test_9a(self): pass
    @skip_unless_cudasim("no GPU")
    def test_9b(self): pass
    def test_9c_fails_twice(self):
        for n in range(2):
            with self.subTest(n=n):
                self.assertEqual(n, 2)
    @unittest.expectedFailure
    def test_9d_fails_as_expected(self): self.fail()

def test_a_function(): pass
"""


@pytest.fixture
def found_of(tmp_path, monkeypatch):
    """(outcome, reason) of each of the tests of a text, by its name."""

    def called(engine, module, file, limit, check):
        path = os.pathsep.join([str(numba_suite.ROOT), str(tmp_path)])
        command = [sys.executable, "-m", "benchmarks.unittested", module, file, str(limit)]
        return command, {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}

    monkeypatch.setattr(numba_suite, "called", called)

    def run(text):
        (tmp_path / "numba_suite_example.py").write_text(text)
        rows = numba_suite.outcomes(SIMULATOR, "numba_suite_example", limit=3)
        return {row.test.rpartition(".")[2]: (row.outcome, row.reason) for row in rows}

    return run


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("import unittest; raise unittest.SkipTest('not here')", (SKIPPED, "not here")),
        ("import pytest; pytest.skip('not here', allow_module_level=True)", (SKIPPED, "not here")),
        ("import ml_dtypes_of_nobody", (NOWHERE, "another package: No module named 'ml_dtypes_of_nobody'")),
        ("1 / 0", (ERROR, "ZeroDivisionError: division by zero")),
        ("import os; os._exit(5)", (ERROR, "the process ended with 5")),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_test(found_of, text, outcome):
    assert found_of(text) == {"numba_suite_example": outcome}


def test_what_becomes_of_each_test_is_written(found_of):
    found = found_of(TESTS)
    assert found.pop("test_6_is_skipped_by_pytest")[0] == SKIPPED
    assert found == {
        "test_1_passes": (PASSED, ""),
        "test_2_fails": (FAILED, "AssertionError: 1 != 2"),
        "test_3_says_nothing": (FAILED, "AssertionError: def test_3_says_nothing(self): assert [] == [0]"),
        "test_4_raises": (ERROR, "KeyError: 'what'"),
        "test_5_is_skipped": (SKIPPED, "not today"),
        "test_7_crashes": (ERROR, "the process ended with 3"),
        "test_8_takes_too_long": (ERROR, "takes longer than the limit"),
        "test_9a": (SKIPPED, "not under the simulator: no driver"),
        "test_9b": (PASSED, ""),
        "test_9c_fails_twice": (FAILED, "AssertionError: 1 != 2"),
        "test_9d_fails_as_expected": (PASSED, ""),
        "test_a_function": (PASSED, ""),
    }


def row(name, outcome, reason="", engine="emulate"):
    return Row(f"numba.cuda.tests.{name}", engine, outcome, reason, 1.0)


@pytest.mark.parametrize(
    ("given", "outcome", "reason"),
    [
        (row("cudapy.test_a.T.t", PASSED), PASSED, ""),
        (row("cudapy.test_a.T.t", SKIPPED, "requires cffi"), NOWHERE, "another package: requires cffi"),
        (
            row("cudapy.test_a.T.t", SKIPPED, "only under the simulator: x"),
            NOWHERE,
            "the simulator itself: only under ",
        ),
        (
            row("cudapy.test_a.T.t", SKIPPED, "not under the simulator: x", SIMULATOR),
            SKIPPED,
            "not under the simulator",
        ),
        (row("cudapy.test_a.T.t", ERROR, "requires cffi"), ERROR, "requires cffi"),
        (row("cudapy.test_ipc.T.t", ERROR, "x"), NOWHERE, "memory of another process"),
        (row("cudapy.test_ipc.T.t", PASSED), PASSED, ""),
    ],
)
def test_a_test_is_not_applicable_for_a_stated_reason_alone(given, outcome, reason):
    found = judged(given)
    assert (found.outcome, found.reason[: len(reason)]) == (outcome, reason)


def test_outcomes_are_counted_by_folder_and_reasons_that_differ_in_numbers_are_one():
    rows = [
        row("core.test_a.T.t", PASSED),
        row("cudapy.test_a.T.t", ERROR, "line 5: no"),
        row("cudapy.test_a.T.u", ERROR, "line 77: no"),
        row("cudapy.test_a.T.v", FAILED, "1 != 2"),
    ]
    assert counts(rows)[1:] == [
        ["emulate", "core", 1, 1, 0, 0, 0, 0],
        ["emulate", "cudapy", 3, 0, 1, 2, 0, 0],
        ["emulate", "all", 4, 1, 1, 2, 0, 0],
    ]
    assert reasons(rows, (FAILED, ERROR))[1:] == [
        [2, ERROR, "line 5: no", "cudapy.test_a.T.t"],
        [1, FAILED, "1 != 2", "cudapy.test_a.T.v"],
    ]


def test_each_module_of_the_tests_is_known_by_its_folder():
    names = numba_suite.modules()
    assert "cudapy.test_array" in names
    assert {name.partition(".")[0] for name in names} == set(numba_suite.FOLDERS)
