"""`python -m kernels run --count`: counts that a person derives, of programs that notice nothing of it."""

import json

import pytest

from tests.helpers.programs import python

# Reads 256 floats each in a sector of its own, and writes them side by side, by 4 blocks of 64; twice, then some by 2
# blocks. Counts depend on what was there before: the kernel changes what it reads.
STRIDED = """
import numpy as np
from numba import cuda, float32

@cuda.jit
def strided(x, y):
    row = cuda.shared.array((32, 32), float32)
    i, t = cuda.grid(1), cuda.threadIdx.x
    row[t % 32, t // 32] = x[8 * i]
    cuda.syncthreads()
    if x[8 * i] < 2.0:
        y[i] = row[t % 32, t // 32]
    x[8 * i] += 1.0

x, y = cuda.to_device(np.ones(2048, np.float32)), cuda.to_device(np.zeros(256, np.float32))
strided[4, 64](x, y)
strided[4, 64](x, y)
strided[2, 64](x, y)
print(x.copy_to_host().sum(), y.copy_to_host().sum())
"""

PRINTING = """
import numpy as np
from numba import cuda

@cuda.jit
def say(x):
    print(cuda.threadIdx.x, x[0])

say[1, 2](np.ones(1))
"""

ORDERED = """
import numpy as np
from numba import cuda

@cuda.jit
def relay(turn):
    while cuda.atomic.add(turn, 0, 0) != cuda.blockIdx.x:
        pass
    cuda.atomic.add(turn, 0, 1)

turn = cuda.to_device(np.zeros(1, np.int32))
relay[3, 1](turn)
print(turn.copy_to_host()[0])
"""

FAULTY = """
import numpy as np
from numba import cuda

@cuda.jit
def beyond(x):
    x[cuda.grid(1)] = 1

beyond[1, 32](cuda.to_device(np.zeros(16, np.int32)))
beyond[1, 32](cuda.to_device(np.zeros(32, np.int32)))
"""

MANY = """
import numpy as np
from numba import cuda

@cuda.jit
def fill(x):
    x[cuda.grid(1)] = 1

x = cuda.to_device(np.zeros(32 * 1000, np.int32))
fill[1000, 32](x)
print(x.copy_to_host().sum())
"""


@pytest.fixture
def run(tmp_path):
    """(the finished process, what it wrote as JSON) of a program."""

    def ran(text, *options):
        (tmp_path / "program.py").write_text(text)
        command = ["-W", "ignore", "-m", "kernels", "run", "--json", "found.json", *options, "program.py"]
        done = python(*command, cwd=tmp_path)
        return done, json.loads((tmp_path / "found.json").read_text())

    return ran


def accesses(found):
    """By line: requests, sectors, turns of banks of an x-ray, in the order of JSON."""
    lines: dict[tuple, list] = {}
    for each in found["accesses"]:
        here = lines.setdefault((each["line"], each["space"], each["kind"]), [0, 0, 0])
        for n, name in enumerate(("requests", "sectors", "wavefronts")):
            here[n] += each[name]
    return lines


@pytest.mark.parametrize("engine", ["emulate", "interpret"])
def test_launches_that_are_alike_are_counted_once_from_what_memory_held_before(engine, run):
    done, found = run(STRIDED, "--engine", engine, "--count")
    assert done.stdout == run(STRIDED, "--engine", engine)[0].stdout == "2688.0 256.0\n", done.stderr
    assert [each["launches"] for each in found["counts"]] == [[1, 2], [3]]
    assert [each["counts"] for each in found["launches"]] == [0, 0, 1]
    first, last = (each["found"]["xray" if engine == "emulate" else "accesses"] for each in found["counts"])
    first, last = (accesses(each if engine == "emulate" else {"accesses": each}) for each in (first, last))
    warps = 8  # of 4 blocks of 64 threads
    assert first[9, "global", "load"] == [warps, 32 * warps, 0]  # each lane its own sector
    assert first[9, "shared", "store"] == [warps, 0, 32 * warps]  # all lanes the same bank
    assert first[12, "global", "store"] == [warps, 4 * warps, 0]
    assert first[12, "shared", "load"] == [warps, 0, 32 * warps]
    assert (12, "global", "store") not in last  # the values were 3 by then
    assert "strided: 2 launches of a grid of 4 x 1 x 1 blocks of 64 x 1 x 1 threads, the first at" in done.stderr
    assert "program.py:16\ncounted: 4 blocks of 4\n" in done.stderr
    assert "row[t % 32, t // 32] = x[8 * i]" in done.stderr


def test_instructions_are_those_of_all_threads_that_were_counted(run):
    _, found = run(STRIDED, "--count")
    kinds = found["counts"][0]["found"]["kinds"]
    assert kinds["barrier and exchange"] == 256
    assert kinds["store"] == 3 * 256
    assert found["counts"][0]["found"]["arch"] == "sm_90"


def test_without_the_option_nothing_is_counted(run):
    done, found = run(STRIDED)
    assert found["counts"] == []
    assert {each["counts"] for each in found["launches"]} == {None}
    assert "counted" not in done.stderr


def test_of_large_grids_some_blocks_are_counted(run):
    done, found = run(MANY, "--count", "--no-check")
    assert done.stdout == "32000\n"
    (counts,) = found["counts"]
    assert counts["found"]["blocks"] == 64
    assert counts["found"]["totals"]["warps"] % 64 == 0
    assert "counted: 64 blocks of 1,000\n" in done.stderr
    assert "whole launch    15.625 times these counts" in done.stderr


def test_what_a_kernel_prints_it_prints_once(run):
    assert run(PRINTING, "--count")[0].stdout == "0 1.000000\n1 1.000000\n"


def test_blocks_that_wait_for_each_other_are_not_counted_and_this_is_said(run):
    done, found = run(ORDERED, "--count")
    assert (done.returncode, done.stdout) == (0, "3\n")
    (counts,) = found["counts"]
    assert counts["found"] is None
    assert counts["problem"].startswith("relay: block 1, thread 0: waits")
    assert f"not counted: {counts['problem']}" in done.stderr


def test_a_launch_with_a_fault_is_not_counted_and_the_next_is(run):
    done, found = run(FAULTY, "--count", "--keep-going")
    assert done.returncode == 2
    assert [each["counts"] for each in found["launches"]] == [None, 0]
    assert found["counts"][0]["launches"] == [2]
