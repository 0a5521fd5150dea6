"""kernels.pytest: tests of programs for Numba CUDA, run without a GPU, fail where a kernel has a fault."""

import pytest

from tests.helpers.programs import python

TESTS = """
import numpy as np
from numba import cuda


@cuda.jit
def fill(x, count):
    i = cuda.grid(1)
    if i < count:
        x[i] = i


def filled(size, count):
    x = cuda.to_device(np.zeros(size))
    fill[1, 8](x, count)
    return x.copy_to_host().tolist()


def test_right():
    assert filled(4, 4) == [0, 1, 2, 3]


def test_wrong_result():
    assert filled(4, 3) == [0, 1, 2, 3]


def test_faulty():
    filled(4, 8)


def test_right_after_a_fault():
    assert filled(2, 2) == [0, 1]
"""
OWN = ("-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir=.")


@pytest.fixture
def run(tmp_path):
    """Run the tests of a text with the plug-in, interpreted unless said otherwise."""

    def run(*words, text=TESTS, start=("-m", "kernels.pytest"), engine="interpret"):
        (tmp_path / "test_fill.py").write_text(text)
        return python(*start, *OWN, f"--cuda-engine={engine}", *words, cwd=tmp_path)

    return run


def assert_one_fault_is_told(ran):
    assert ran.returncode == 1
    assert "2 failed, 2 passed" in ran.stdout
    assert "E       assert [0.0, 1.0, 2.0, 0.0] == [0, 1, 2, 3]" in ran.stdout
    assert "FAILED test_fill.py::test_faulty - kernels.gpu.interpreter" in ran.stdout
    assert "fill: block (0, 0, 0), thread (4, 0, 0): x[4] is out of bounds for shape (4,), at " in ran.stdout
    assert "numba_host.py" not in ran.stdout
    assert "session.py" not in ran.stdout


@pytest.mark.parametrize("engine", ["interpret", "emulate"])
def test_a_fault_fails_the_test_that_launches(engine, run):
    ran = run(engine=engine)
    assert_one_fault_is_told(ran)
    how = {"interpret": "interpreted", "emulate": "emulated"}[engine]
    assert f"4 launches of 1 kernel {how}, checked: 1 fault" in ran.stdout


def test_it_is_a_plug_in_of_pytest_as_well(run):
    assert_one_fault_is_told(run(start=("-m", "pytest", "-p", "kernels.pytest")))


def test_workers_of_xdist_have_a_gpu_each_and_tell_what_they_launched(run):
    ran = run("-n", "2", text=TESTS + """

def test_unwritten():
    cuda.device_array(4).copy_to_host()
""")  # fmt: skip
    assert "2 failed, 3 passed" in ran.stdout
    assert "x[4] is out of bounds for shape (4,), at " in ran.stdout
    assert ran.stdout.count("4 launches of 1 kernel interpreted, checked: 1 fault\n") == 1
    assert ran.stdout.count("note    copied to the host at test_fill.py:") == 1
    assert "32 of 32 bytes that nobody wrote" in ran.stdout


def test_a_worker_that_is_killed_tells_nothing(run):
    ran = run("-n", "1", "--max-worker-restart=0", "-k", "killed", text=TESTS + """

def test_killed():
    import os
    os._exit(3)
""")  # fmt: skip
    assert ran.returncode == 1
    assert "1 failed" in ran.stdout
    assert "INTERNALERROR" not in ran.stdout


def test_options(run):
    ran = run("--no-cuda-check", "--cuda-seed=3", "--cuda-arch=sm_80", "-k", "wrong or arch", text=TESTS + """

def test_arch():
    assert cuda.get_current_device().compute_capability == (8, 0)
""")  # fmt: skip
    assert "1 failed, 1 passed" in ran.stdout
    assert "1 launch of 1 kernel interpreted, not checked: no fault" in ran.stdout


def test_a_test_may_expect_a_fault_and_go_on(run):
    ran = run("-k", "expected", text=TESTS + """

def test_expected():
    import pytest
    with pytest.raises(Exception, match="x.4. is out of bounds"):
        filled(4, 8)
    assert filled(4, 4) == [0, 1, 2, 3]
""")  # fmt: skip
    assert "1 passed" in ran.stdout, ran.stdout
    assert "2 launches of 1 kernel interpreted, checked: 1 fault" in ran.stdout


def test_an_unknown_architecture_is_one_line(run):
    ran = run("--cuda-arch=sm_35")
    assert ran.returncode == 4
    assert ran.stderr.strip().startswith("ERROR: unknown architecture 'sm_35'; choose from sm_75, ")
    assert ran.stderr.strip().count("\n") == 0


def test_without_launches_nothing_is_added(run):
    ran = run(text="def test_nothing():\n    pass\n")
    assert ran.returncode == 0
    assert "no fault" not in ran.stdout
