"""Programs with a fault in each: what is said of it by each engine, and that nothing is said of the corrected program.

In a program of faults/ the line that is to be named ends in `# FAULT`, and `# RIGHT: ...` has what a line is to be.
"""

import json
from pathlib import Path

import pytest

from tests.gpu.programs.warm import Warm

FAULTS = Path(__file__).parent / "faults"
ENGINES = ("emulate", "interpret")
FIRST = (0, 0, 0)


def at(kind, kernel, block, thread, *words, **more):
    """What is expected of a fault: its kind, the kernel, block and thread or their first numbers, and words of it.

    engines    those that can find it
    emulate    what the emulator says otherwise
    launch     of the program, the number of the launch
    """
    return {"kind": kind, "kernel": kernel, "block": block, "thread": thread, "words": words, **more}


def beforehand(kind, kernel, *words):
    """What is expected of a fault that is found before anything runs: its line is that of the launch."""
    return at(kind, kernel, None, None, *words)


INTERPRET = {"engines": ("interpret",)}
EMULATE = {"engines": ("emulate",)}
EXPECTED = {
    "before_shared_memory": at(
        "OutOfBounds", "shift", 0, 0, "tile[-64] is out of bounds for shape (32,)",
        emulate={"words": ["tile[-32] is out of bounds for 32 elements"]},
    ),
    "before_the_start": at("OutOfBounds", "delayed", 0, 0, "x[-", "is out of bounds for shape (10,)"),
    "beyond_the_end": at("OutOfBounds", "differences", 1, 1, "x[10] is out of bounds for shape (10,)"),
    "flag_that_nobody_sets": at(
        "EndlessLoop", "hand_over", 0, 0, "loops for ever: nothing changes any more",
        emulate={"kind": "Endless", "words": ["waits for memory that nobody writes"]},
    ),
    "in_a_device_function": at("OutOfBounds", "smooth", 0, 9, "x[10] is out of bounds for shape (10,)"),
    "freed": beforehand("Freed", "double", "x lies in memory that was freed at ", "freed.py:16, allocated at "),
    "freed_address": at("Freed", "double", 0, 0, "lies in memory that was freed at ", "freed_address.py:17", **EMULATE),
    "loop_without_progress": at(
        "EndlessLoop", "first_above", 0, 0, "loops for ever",
        emulate={"kind": "Endless", "words": ["is still in this loop after 100,000,000 turns"]},
    ),
    "missing_argument": beforehand("Undeclared", "scale", "takes 2 arguments, and is given 1"),
    "misaligned": at("Misaligned", "double", 0, 0, "at an address that is no multiple of its 4 bytes"),
    "missed_barrier": at(
        "BarrierDivergence", "reverse", 0, 6, "waits for 2 of 8 threads; thread (0, 0, 0) waits",
        "thread (6, 0, 0) has returned",
    ),
    "missed_grid_barrier": at("BarrierDivergence", "steps", 0, 0, "this_grid().sync waits for all 4 blocks",
                              **INTERPRET),
    "missing_lane": at("BarrierDivergence", "totals", 0, 20, "waits for 12 of 32 threads", **INTERPRET),
    "negative_index": at("OutOfBounds", "delayed", 0, 0, "x[-1] is out of bounds for shape (10,)", **INTERPRET),
    "past_a_row": at(
        "OutOfBounds", "fill", 0, 5, "out[0, 5] is out of bounds for shape (3, 5)",
        emulate={"kind": "DataRace", "thread": (0, 1, 0), "words": ["writes out[1, 0]", "thread (5, 0, 0) writes"]},
    ),
    "past_a_slice": at("OutOfBounds", "clear", 0, 4, "x[4] is out of bounds for shape (4,)"),
    "past_constant_memory": at("OutOfBounds", "weigh", 0, 3, "is out of bounds", "3"),
    "past_dynamic_memory": at("OutOfBounds", "reverse", 0, 8, "is out of bounds"),
    "past_local_memory": at("OutOfBounds", "divisors", 0, 2, "found[4] is out of bounds for "),
    "past_shared_memory": at("OutOfBounds", "reverse", 0, 24, "is out of bounds", "24"),
    "past_the_end_atomically": at("OutOfBounds", "count", 0, 3, "bins[3] is out of bounds for shape (3,)"),
    "race_between_blocks": at("DataRace", "total", 1, 0, "out[0]", "which block (0, 0, 0)", "run in any order"),
    "race_in_shared_memory": at("DataRace", "rotate", 0, 1, "which thread (0, 0, 0) writes", "no barrier lies between"),
    "race_under_an_open_lock": at("DataRace", "count", 1, 0, "total[0]", "which block (0, 0, 0) writes"),
    "race_between_turns": at(
        "DataRace", "sums", 0, 1, "tile[0]", "is a turn of the loop at line",
        emulate={"words": ["reads tile[0]", "thread (0, 0, 0) writes at line 13: no barrier lies between them"]},
    ),
    "race_in_a_warp": at("DataRace", "total", 0, 2, "tile[2]", "no barrier lies between them"),
    "race_with_a_neighbour_block": at(
        "DataRace", "shift", 1, 0, "x[3]", "which block (0, 0, 0) writes",
        emulate={"block": 0, "thread": 2, "words": ["x[1]", "which thread (1, 0, 0) writes"]},
    ),
    "race_without_fence": at("DataRace", "sums", 3, 0, "parts[0]", "which block (0, 0, 0) writes"),
    "read_only": at("ReadOnly", "copy", 0, 0, "writes out[0], but out is read-only"),
    "second_launch": at("OutOfBounds", "fill", 0, 4, "x[4] is out of bounds for shape (4,)", launch=2),
    "two_barriers": at("BarrierDivergence", "halves", 0, 4, "waits for 4 of 8 threads; thread (0, 0, 0) waits"),
    "undeclared_layout": beforehand("Undeclared", "copy", "x is array(float32, 1d, A)", "as array(float32, 1d, C)"),
    "undeclared_type": beforehand("Undeclared", "copy", "x is array(float64, 1d, C)", "as array(float32, 1d, C)"),
    "undefined_conversion": at("Undefined", "roots", 0, 2, **INTERPRET),
    "unwritten_shared_memory": at("Uninitialised", "half", 0, 0, "is read before any thread of the block wrote it"),
    "unwritten_global_memory": at("Uninitialised", "add", 0, 0, "before anybody wrote it"),
    "unwritten_local_memory": at("Uninitialised", "most", 0, 0, "counts[1]", **INTERPRET),
}  # fmt: skip


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


def three(number):
    """(x, y, z) of a block or thread that is told by its first number alone, or as it is."""
    return number if isinstance(number, tuple) else (number, 0, 0)


def line_of(text):
    return next(n for n, line in enumerate(text.splitlines(), 1) if "# FAULT" in line)


def corrected(text):
    """The program with all its lines as they are to be."""
    lines = []
    for line in text.splitlines():
        _, found, right = line.partition("# RIGHT: ")
        lines.append(line[: len(line) - len(line.lstrip())] + right if found else line)
    return "\n".join(lines)


CASES = [(name, engine) for name, each in EXPECTED.items() for engine in each.get("engines", ENGINES)]


@pytest.mark.parametrize(("name", "engine"), CASES)
def test_the_fault_is_told(name, engine, warm, tmp_path):
    expected = EXPECTED[name] | EXPECTED[name].get(engine, {})
    path = FAULTS / f"{name}.py"
    ran = warm.run("--engine", engine, "--json", "found.json", path, cwd=tmp_path)
    assert ran.returncode == 2, ran.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    (fault,) = found["faults"]
    assert fault["kind"] == expected["kind"]
    assert fault["kernel"] == expected["kernel"]
    assert fault["launch"] == expected.get("launch", 1)
    where = f"{path}:{line_of(path.read_text())}"
    if expected["block"] is None:
        assert [fault[name] for name in ("block", "thread", "file", "line")] == 4 * [None]
        assert found["launches"][fault["launch"] - 1]["place"] == where
        who = f"{expected['kernel']}: "
    else:
        block, thread = three(expected["block"]), three(expected["thread"])
        assert (tuple(fault["block"]), tuple(fault["thread"])) == (block, thread)
        assert f"{fault['file']}:{fault['line']}" == where
        assert f"source    {where}: " in ran.stderr
        who = f"{expected['kernel']}: block {block}, thread {thread}: "
    for words in expected["words"]:
        assert words in fault["message"]
    assert f"\n{who}" in ran.stderr
    assert f"launched  {path}:" in ran.stderr
    assert "look at   " in ran.stderr
    assert ran.stderr.endswith(": 1 fault\n")


@pytest.mark.parametrize(("name", "engine"), CASES)
def test_the_corrected_program_has_none(name, engine, warm, tmp_path):
    (tmp_path / "program.py").write_text(corrected((FAULTS / f"{name}.py").read_text()))
    ran = warm.run("--engine", engine, "program.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.endswith(": no fault\n")


@pytest.mark.parametrize("engine", ENGINES)
def test_cells_that_nobody_wrote_are_noted_where_they_are_copied_to_the_host(engine, warm, tmp_path):
    path = FAULTS / "unwritten_copy.py"
    ran = warm.run("--engine", engine, path, cwd=tmp_path)
    assert ran.returncode == 0
    assert "16 of 40 bytes that nobody wrote, of the array allocated at " in ran.stderr
    (tmp_path / "program.py").write_text(corrected(path.read_text()))
    assert "nobody wrote" not in warm.run("--engine", engine, "program.py", cwd=tmp_path).stderr


def test_each_program_is_run():
    assert {*EXPECTED, "unwritten_copy"} == {path.stem for path in FAULTS.glob("*.py")}
