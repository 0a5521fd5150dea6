"""Programs as users of Numba CUDA write them, of its documentation's subjects and others: each asserts its result.

They run unedited, by each engine, compiled ones without checks too, and nothing is found in them.
"""

from pathlib import Path

import pytest

from tests.gpu.programs.warm import Warm

EXAMPLES = Path(__file__).parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
HOW = (("emulate", "--check"), ("emulate", "--no-check"), ("interpret", "--check"))
PARTLY = {"calling_c", "captured_array"}  # interpreted, since there is no source of what they name


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


def cases():
    for name in NAMES:
        for engine, check in HOW:
            yield pytest.param(name, engine, check, id=f"{name}-{engine}{check.removeprefix('-')}")


@pytest.mark.parametrize(("name", "engine", "check"), list(cases()))
def test_a_program_runs_and_nothing_is_found(name, engine, check, warm):
    ran = warm.run("--engine", engine, check, EXAMPLES / f"{name}.py")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    (said,) = (line for line in ran.stderr.splitlines() if line.startswith("note "))
    how = "emulated" if engine == "emulate" else "interpreted (1 emulated)" if name in PARTLY else "interpreted"
    assert f" {how}" in said
    assert said.endswith(f"{', checked' if check == '--check' else ', not checked'}: no fault")
