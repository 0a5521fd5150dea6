"""Processes that a program starts: those of Python have a GPU of their own, and their launches are told."""

import re

import pytest

from tests.gpu.programs.warm import Warm
from tests.helpers.programs import python

WORK = """
import numpy as np
from numba import cuda

@cuda.jit
def count(x, size):
    i = cuda.grid(1)
    if i < size:
        x[i] += 1

def counted(size):
    x = cuda.to_device(np.zeros(4))
    count[1, 8](x, size)
    return x.copy_to_host().sum()
"""
BEGIN = """
import concurrent.futures, multiprocessing, os, subprocess, sys
from work import counted

SPAWN = multiprocessing.get_context("spawn")
CHILD = "from work import counted; print(counted(int(sys.argv[1])), flush=True)"

if __name__ == "__main__":
"""
WAYS = {
    "subprocess": "    print(subprocess.run([sys.executable, '-c', 'import sys; ' + CHILD, '{0}']).returncode)\n",
    "with an environment": (
        "    env = {{'HOME': os.environ['HOME'], 'PYTHONPATH': os.getcwd(), 'PYTHONWARNINGS': 'ignore'}}\n"
        "    print(subprocess.run([sys.executable, '-c', 'import sys; ' + CHILD, '{0}'], env=env).returncode)\n"
    ),
    "a line": ("    print(subprocess.run(sys.executable + ' child.py {0}', shell=True).returncode)\n"),
    "a child's child": (
        "    text = 'import subprocess, sys; sys.exit(subprocess.run(' + repr([sys.executable, 'child.py', '{0}'])\n"
        "    print(subprocess.run([sys.executable, '-c', text + ').returncode)']).returncode)\n"
    ),
    "spawn": (
        "    process = SPAWN.Process(target=counted, args=({0},))\n"
        "    process.start()\n    process.join()\n    print(4.0)\n    print(process.exitcode)\n"
    ),
    "executor": (
        "    with concurrent.futures.ProcessPoolExecutor(1, mp_context=SPAWN) as pool:\n"
        "        print(pool.submit(counted, {0}).result())\n    print(0)\n"
    ),
}


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


@pytest.fixture
def run(tmp_path, warm):
    """Run the end of a program in a folder with its module."""

    def of(text, *options):
        (tmp_path / "work.py").write_text(WORK)
        (tmp_path / "child.py").write_text("import sys\nfrom work import counted\nprint(counted(int(sys.argv[1])))\n")
        (tmp_path / "program.py").write_text(BEGIN + text)
        return python("-m", "kernels", "run", *options, "program.py", cwd=tmp_path)

    return of


@pytest.mark.parametrize("way", WAYS)
def test_a_python_that_is_started_has_a_gpu(way, run):
    done = run(WAYS[way].format(4) + "    print(counted(4))\n")
    assert done.stdout == "4.0\n0\n4.0\n", done.stderr
    assert done.stderr == "note    2 launches of 1 kernel emulated, checked: no fault\n"


def test_all_that_descend_from_a_program_are_counted(run):
    run("    pass\n")
    text = "    child = 'import subprocess, sys; from work import counted; counted(4); '\n"
    text += '    child += \'subprocess.run([sys.executable, "child.py", "4"])\'\n'
    done = run(f"{text}    subprocess.run([sys.executable, '-c', child])\n    counted(4)\n")
    assert done.stderr == "note    3 launches of 1 kernel emulated, checked: no fault\n"


@pytest.mark.parametrize("way", WAYS)
def test_a_fault_of_one_is_a_fault_of_the_program(way, run):
    done = run(WAYS[way].format(5), "--engine", "interpret")
    assert done.returncode == 2
    assert done.stderr.count("look at ") == 1
    assert re.search(r"\ncount: block \(0, 0, 0\), thread \(4, 0, 0\): x\[4\] is out of bounds", done.stderr)
    assert done.stderr.endswith("note    1 launch of 1 kernel interpreted, checked: 1 fault\n")


def test_one_that_wants_no_gpu_imports_what_it_would(run, tmp_path):
    """Also a sitecustomize of somebody else's, which is executed as ever; and nothing of this project."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("print('customized')\n")
    look = "import sys\nprint(sys.path[1], 'kernels' in sys.modules, sys.modules['sitecustomize'].__file__[-20:])\n"
    (tmp_path / "look.py").write_text(look)
    text = "    command, env = [sys.executable, 'look.py'], {**os.environ, 'PYTHONPATH': 'own'}\n"
    text += "    print(subprocess.check_output(command, env=env, text=True), env['PYTHONPATH'])\n"
    done = run(text)
    folder = str(tmp_path / "own")
    assert done.stdout == f"customized\n{folder} False own/sitecustomize.py\n own\n", done.stderr
    assert done.stderr == "note    0 launches of 0 kernels emulated, checked: no fault\n"


@pytest.mark.parametrize(
    "start",
    [
        "multiprocessing.get_context('fork').Process(target=print).start()",
        "subprocess.run([sys.executable, '-I', '-c', 'pass'])",
    ],
)
def test_it_is_said_where_one_has_none(start, run):
    done = run(f"    subprocess.run(['true'])\n    {start}\n")
    said = "note    the process started at program.py:10 has no GPU: kernels run in the program's own process\n"
    assert done.stderr == said + "note    0 launches of 0 kernels emulated, checked: no fault\n"
