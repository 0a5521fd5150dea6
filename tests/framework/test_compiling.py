"""Whoever waits while kernels are compiled is told so, and not where nothing is compiled."""

import sys

import numba
import pytest

from apps.command_line import telling_of_compiling
from framework.compiling import when_compiling
from kernels.device import CudaDevice, Device


def compile_something():
    assert numba.njit(lambda x: x + 1)(1) == 2


def test_what_compiles_is_noticed_and_what_is_compiled_is_not():
    said = []
    function = numba.njit(lambda x: x + 2)
    for expected in (["compiling"], ["compiling"]):
        with when_compiling(Device("cpu"), lambda what: said.append("compiling")):
            function(1)
        assert said == expected
    compile_something()
    assert said == ["compiling"]


def test_for_a_gpu_it_is_said_at_the_start_as_other_processes_compile():
    said = []
    with when_compiling(object.__new__(CudaDevice), lambda what: said.append("compiling")):
        assert said == ["compiling"]


@pytest.mark.parametrize("terminal", [True, False])
def test_at_a_terminal_one_line_says_so(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with telling_of_compiling(Device("cpu")):
        compile_something()
        compile_something()
    assert capsys.readouterr().err == terminal * "note    compiling kernels, which takes a moment\n"
