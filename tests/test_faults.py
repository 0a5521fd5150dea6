"""The list of planted faults: it fits the files as they are, and tests/README.md says which test finds each."""

from pathlib import Path

import pytest

from tests.faults.__main__ import FAULTS
from tests.faults.fault import ROOT
from tests.faults.report import rows

ids = [f"{Path(fault.file).parent.name}/{Path(fault.file).name}: {fault.what}" for fault in FAULTS]
every_fault = pytest.mark.parametrize("fault", FAULTS, ids=ids)


@every_fault
def test_a_fault_can_be_planted(fault):
    assert (ROOT / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old
    assert fault.tests


@every_fault
def test_the_table_says_which_test_finds_it(fault):
    file, _, name = rows()[fault.file, fault.what].partition("::")
    assert f"def {name.split('::')[-1]}(" in (ROOT / file).read_text()
    assert file in fault.tests, "a test of another place"


def test_there_are_a_hundred_and_half_of_them_show_only_past_a_constant():
    assert len({(fault.file, fault.what) for fault in FAULTS}) == len(FAULTS) >= 100
    assert 2 * sum(bool(fault.past) for fault in FAULTS) >= len(FAULTS)


def test_the_table_has_nothing_else():
    assert list(rows()) == [(fault.file, fault.what) for fault in FAULTS]
