"""What Python prints above an error: the learner's own lines, and of this project no more than the method called."""

import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

from kernels.debugging import VARIABLE
from kernels.gpu import cuda, device, kernel
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import KernelError, LaunchError
from kernels.gpu.shown import shown
from kernels.gpu.xray import xray
from tests.gpu.test_interpreter_refusals import line_of_fault

HERE = Path(__file__)


@kernel
def reads_beyond(x, y):
    i = cuda.threadIdx.x
    y[i] = x[i + 1]  # fault


@device
def one_further(x, i):
    return x[i + 1]  # fault


@kernel
def calls_one_further(x, y):
    i = cuda.threadIdx.x
    y[i] = one_further(x, i)


@kernel
def takes_slice(x, y):
    y[:] = x  # fault


@kernel
def misses_a_type(x, y):
    tile = cuda.shared.array(8)  # fault
    y[0] = tile[0]


def frames(call, kind):
    """The frames of the error that a call raises, and all that Python prints of it."""
    with pytest.raises(kind) as caught:
        call()
    found = traceback.extract_tb(caught.value.__traceback__)
    return found, "".join(traceback.format_exception(caught.value))


def launch_of(mistake):
    return mistake[1, 8](np.zeros(8, np.float32), np.zeros(8, np.float32))


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "fast"])
@pytest.mark.parametrize(
    ("mistake", "at_fault"),
    [(reads_beyond, reads_beyond), (calls_one_further, one_further), (takes_slice, takes_slice)],
    ids=lambda value: value.source.name,
)
def test_an_error_ends_at_the_line_of_the_kernel_and_has_no_frame_of_the_interpreter(mistake, at_fault, checked):
    found, text = frames(lambda: launch_of(mistake).interpret(checked), KernelError)
    last = found[-1]
    assert (Path(last.filename), last.lineno) == (HERE, line_of_fault(at_fault.source.function))
    assert last.name == mistake.name
    ours = [Path(frame.filename) for frame in found if Path(frame.filename) != HERE]
    assert [path.name for path in ours] == ["kernel.py"]
    assert "The above exception" not in text
    assert "During handling" not in text
    assert "^" not in text.splitlines()[-2], "no part of the line is marked, since none is known"


def test_an_error_of_the_compiler_comes_without_numbas_page():
    found, text = frames(lambda: launch_of(misses_a_type).ptx("sm_90"), CompileError)
    assert [Path(frame.filename).name for frame in found[-1:]] == ["kernel.py"]
    assert "numba" not in "".join(frame.filename for frame in found)
    assert "The above exception" not in text
    assert "During handling" not in text


def test_a_launch_that_no_gpu_takes_comes_without_the_interpreter():
    found, _ = frames(lambda: reads_beyond[1, 2048](np.zeros(8), np.zeros(8)), LaunchError)
    assert [Path(frame.filename).name for frame in found[-1:]] == ["kernel.py"]


def test_an_x_ray_that_stumbles_ends_at_the_line_as_well():
    found, _ = frames(lambda: xray(launch_of(reads_beyond)), KernelError)
    assert (Path(found[-1].filename), found[-1].lineno) == (HERE, line_of_fault(reads_beyond.source.function))
    assert "checked.py" not in {Path(frame.filename).name for frame in found}


def test_all_frames_are_shown_to_whoever_asks(monkeypatch):
    monkeypatch.setenv(VARIABLE, "1")
    found, _ = frames(lambda: launch_of(reads_beyond).interpret(), KernelError)
    assert "arrays.py" in {Path(frame.filename).name for frame in found}
    found, text = frames(lambda: launch_of(misses_a_type).ptx("sm_90"), CompileError)
    assert "The above exception" in text
    monkeypatch.setenv(VARIABLE, "0")
    found, _ = frames(lambda: launch_of(reads_beyond).interpret(), KernelError)
    assert "checked.py" not in {Path(frame.filename).name for frame in found}


def test_an_error_about_no_line_that_can_be_read_has_no_frame():
    error = KernelError("something")
    assert shown(error) is error
    assert error.__traceback__ is None


SESSION = """
import numpy as np
from kernels.gpu import cuda, kernel
@kernel
def doubles(x):
    x[cuda.grid(1)] *= 2

doubles[1, 2](np.ones(2, np.float32)).{call}
"""


@pytest.mark.parametrize("call", ["interpret()", "ptx('sm_90')"])
def test_a_kernel_that_was_typed_where_no_source_is_kept_is_one_line(call):
    command = [sys.executable, "-"]
    session = SESSION.format(call=call)
    done = subprocess.run(command, input=session, capture_output=True, text=True, check=False, timeout=120)
    last = done.stderr.splitlines()[-1]
    assert last.endswith("SourceError: doubles: its source is not kept: put it into a file, from where it can be read")
    files = [line for line in done.stderr.splitlines() if line.startswith("  File ")]
    assert len(files) == 2, "the session's own line and the method"
