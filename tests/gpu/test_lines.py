"""Source lines in PTX: an instruction of a device function has its function's file and line, not the kernel's."""

import re

import numpy as np
import pytest

from kernels.gpu import cuda, device, kernel
from kernels.gpu.compiler import CompileError
from tests.gpu import test_interpreter_refusals as elsewhere

beyond = elsewhere.beyond


@device
def next_but_one(x, i):
    return beyond(x, i + 1)


@device
def same(x, i):
    return x[i]


@kernel
def calls_three(x, y):
    i = cuda.threadIdx.x
    y[i] = same(x, i) + next_but_one(x, i)


@device
def calls_itself(x, i):
    return x[i] + calls_itself(x, i)


@kernel
def calls_what_calls_itself(x, y):
    y[0] = calls_itself(x, 0)


def places(text):
    """{(file, line)} of all instructions of a text."""
    files = dict(re.findall(r'\.file\s+(\d+)\s+"([^"]+)"', text))
    return {(files[number], int(line)) for number, line in re.findall(r"\.loc\s+(\d+) (\d+)", text)}


def line_of(function, text):
    source = function.source
    return source.file, source.first_line + next(i for i, s in enumerate(source.text.splitlines()) if text in s)


def test_instructions_of_device_functions_come_from_their_own_files():
    x = np.zeros(4, np.float32)
    found = places(calls_three[1, 2](x, x).ptx("sm_90", lines=True))
    assert {line_of(same, "return"), line_of(beyond, "return"), line_of(calls_three, "y[i]")} <= found
    assert {file for file, _ in found} == {__file__, elsewhere.__file__}
    assert all(line < 10_000 for _, line in found)


def test_without_lines_a_text_names_none():
    x = np.zeros(4, np.float32)
    assert ".loc" not in calls_three[1, 2](x, x).ptx("sm_90")


def test_a_device_function_that_calls_itself_is_refused_with_lines_as_well():
    x = np.zeros(4, np.float32)
    with pytest.raises(CompileError, match="calls itself"):
        calls_what_calls_itself[1, 1](x, x).ptx("sm_90", lines=True)
