"""The command line of `python -m kernels run`: a program finds what it would find if it were started by itself."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.gpu.programs.warm import Warm
from tests.helpers.programs import environment, python

FILL = """
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
    return x
"""


@pytest.fixture(scope="module")
def warm():
    with Warm() as process:
        yield process


@pytest.fixture
def run(warm, tmp_path):
    """Run a text as program.py in a folder of its own, interpreted unless said otherwise; options come first."""

    def run(text, *words, options=()):
        (tmp_path / "program.py").write_text(text)
        return warm.run("--engine", "interpret", *options, "program.py", *words, cwd=tmp_path)

    return run


def test_a_program_sees_itself_as_python_shows_it(run, tmp_path):
    text = "import sys, os; print(__name__, os.path.basename(sys.argv[0]), sys.argv[1:], __file__, sys.path[0])"
    ran = run(text, "--engine", "x", "-m", "7")
    assert ran.stdout == f"__main__ program.py ['--engine', 'x', '-m', '7'] {tmp_path}/program.py {tmp_path}\n"
    assert ran.stderr == "note    0 launches of 0 kernels interpreted, checked: no fault\n"
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit(True)", 1, ""),
        ("sys.exit('no data')", 1, "no data\n"),
        ("raise SystemExit(4)", 4, ""),
    ],
)
def test_the_exit_status_is_that_of_the_program(end, status, said, run):
    ran = run(f"import sys\n{end}")
    assert ran.returncode == status
    assert ran.stderr.startswith(said + "note    0 launches")


def test_a_fault_is_more_than_the_status_that_the_program_gives_itself(run):
    text = f"import sys\n{FILL}\ntry:\n    filled(4, 8)\nexcept Exception as error:\n    print(type(error).__name__)\n"
    for end in ("", "sys.exit(3)"):
        ran = run(text + end)
        assert ran.returncode == 2
        assert ran.stdout == "OutOfBounds\n"
        assert ran.stderr.count("x[4] is out of bounds") == 1


def test_a_traceback_is_of_the_program_and_of_libraries_alone(run, tmp_path):
    ran = run("def f():\n    return {}['missing']\n\nf()\n")
    place = f'  File "{tmp_path}/program.py", line'
    lines = f"{place} 4, in <module>\n    f()\n{place} 2, in f\n    return {{}}['missing']\n"
    without_marks = "".join(line for line in ran.stderr.splitlines(True) if set(line.strip()) - {"~", "^"})
    assert without_marks.startswith(f"Traceback (most recent call last):\n{lines}KeyError: 'missing'\nnote ")
    assert ran.returncode == 1


def test_a_traceback_through_numba_has_no_frame_of_ours(run):
    ran = run(
        "from numba import cuda\n@cuda.jit\ndef wrong(x):\n    x[0] = x.missing\nwrong[1, 1](cuda.device_array(4))\n",
        options=["--engine", "emulate"],
    )
    assert ran.returncode == 1
    assert "TypingError" in ran.stderr
    assert 'program.py", line 5, in <module>' in ran.stderr
    assert os.path.join("kernels", "gpu") not in ran.stderr


def test_an_error_that_another_one_caused_is_shown_with_it(run):
    ran = run("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('no') from error\n")
    assert (
        ran.stderr.index("ZeroDivisionError: ") < ran.stderr.index("direct cause") < ran.stderr.index("ValueError: no")
    )
    assert "runpy" not in ran.stderr
    ran = run("x = (1\n")
    assert "SyntaxError: '(' was never closed" in ran.stderr
    assert "runpy" not in ran.stderr


def test_a_module_of_a_package_is_run_by_its_name(warm, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "kernels_of_it.py").write_text(FILL)
    text = "import sys\nfrom .kernels_of_it import filled\n"
    text += "print(__name__, __package__, sys.argv, filled(3, 3).copy_to_host().tolist() == [0, 1, 2])\n"
    (package / "train.py").write_text(text)
    (package / "__main__.py").write_text("print('main of', __package__)")
    ran = warm.run("--engine", "interpret", "-m", "package.train", "--steps", "3", cwd=tmp_path)
    assert ran.stdout == f"__main__ package ['{package}/train.py', '--steps', '3'] True\n"
    assert ran.stderr.endswith("note    1 launch of 1 kernel interpreted, checked: no fault\n")
    assert warm.run("-m", "package", cwd=tmp_path).stdout == "main of package\n"
    ran = warm.run("-m", "package.missing", cwd=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("ImportError: No module named package.missing\nnote ")
    ran = warm.run("-m", "nowhere.missing", cwd=tmp_path)
    assert ran.stderr.startswith("ImportError: Error while finding module specification for 'nowhere.missing'")
    assert ran.stderr.count("\n") == 2


def test_a_script_in_another_folder_imports_what_lies_beside_it(warm, tmp_path):
    folder, elsewhere = tmp_path / "scripts", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "neighbour_of_it.py").write_text(FILL)
    (folder / "main.py").write_text("from neighbour_of_it import filled\nfilled(4, 8)\n")
    ran = warm.run("--engine", "interpret", folder / "main.py", cwd=elsewhere)
    assert ran.returncode == 2
    assert f"source    {folder}/neighbour_of_it.py:9: x[i] = i\n" in ran.stderr
    assert f"launched  {folder}/neighbour_of_it.py:13: fill[1, 8](x, count)\n" in ran.stderr
    ran = warm.run("--engine", "interpret", "main.py", cwd=folder)
    assert "source    neighbour_of_it.py:9: x[i] = i\n" in ran.stderr


def test_a_program_may_change_its_folder(run, tmp_path):
    (tmp_path / "inner").mkdir()
    ran = run(f"import os\n{FILL}\nos.chdir('inner')\nfilled(4, 8)\n", options=["--json", "found.json"])
    assert ran.returncode == 2
    assert "x[i] = i\n" in ran.stderr
    assert json.loads((tmp_path / "found.json").read_text())["faults"]


def test_all_faults_are_told_where_a_program_goes_on(run, tmp_path):
    text = f"{FILL}\n@cuda.jit\ndef clear(x):\n    x[cuda.grid(1)] = 0\n\n"
    text += "for size in (4, 8, 6):\n    x = filled(size, 8)\nclear[1, 9](x)\nprint(x.copy_to_host().tolist())\n"
    ran = run(text)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.endswith("note    1 launch of 1 kernel interpreted, checked: 1 fault\n")
    ran = run(text, options=["--keep-going", "--json", "found.json"])
    assert (ran.returncode, ran.stdout) == (2, "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]\n")
    assert ran.stderr.count("out of bounds") == 2  # of fill once, with how often, and of clear
    assert "and so in 1 more of its launches\n" in ran.stderr
    assert ran.stderr.endswith("note    4 launches of 2 kernels interpreted, checked: 3 faults\n")
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["engine"], found["checked"], found["seed"]) == ("interpret", True, None)
    assert found["capability"] == [9, 0]
    launches = [(each["kernel"], each["grid"], each["block"], bool(each["fault"])) for each in found["launches"]]
    fill = [("fill", [1, 1, 1], [8, 1, 1], is_faulty) for is_faulty in (True, False, True)]
    assert launches == [*fill, ("clear", [1, 1, 1], [9, 1, 1], True)]
    assert all(each["place"].startswith(f"{tmp_path}/program.py:") for each in found["launches"])
    assert all(each["seconds"] > 0 and each["engine"] == "interpret" for each in found["launches"])
    first = found["faults"][0]
    told = {name: first[name] for name in ("kind", "launch", "kernel", "block", "thread", "array", "index", "line")}
    assert told == {
        "kind": "OutOfBounds", "launch": 1, "kernel": "fill", "block": [0, 0, 0], "thread": [4, 0, 0], "array": "x",
        "index": 4, "line": 9,
    }  # fmt: skip
    assert first["file"] == f"{tmp_path}/program.py"
    assert [each["launch"] for each in found["faults"]] == [1, 3, 4]


ORDER = """
import numpy as np
from numba import cuda

@cuda.jit
def arrive(count, order):
    order[cuda.grid(1)] = cuda.atomic.add(count, 0, 1)

order = np.zeros(24, np.int32)
arrive[3, 8](np.zeros(1, np.int32), order)
print(order.tolist())
"""


@pytest.mark.parametrize("engine", ["interpret", "emulate"])
def test_the_same_seed_is_the_same_order(engine, run):
    orders = [run(ORDER, options=["--engine", engine, "--seed", seed]).stdout for seed in "334"]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(json.loads(orders[0])) == [*range(24)]


def test_without_checks_nothing_is_looked_for(run):
    race = f"{FILL}\n@cuda.jit\ndef race(x):\n    x[0] = cuda.grid(1)\n\nrace[2, 2](cuda.to_device(np.zeros(1)))\n"
    assert run(race).returncode == 2
    ran = run(race, options=["--no-check"])
    assert ran.returncode == 0
    assert ran.stderr.endswith(" interpreted, not checked: no fault\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["missing.py"], 1, "kernels run: missing.py: No such file or directory\n"),
        (["a.ipynb"], 1, "kernels run: a.ipynb is a notebook: ipython --ext=kernels.notebook a.ipynb\n"),
        (["--engine", "guess", "x.py"], 2, "unknown engine 'guess'; choose from emulate, interpret\n"),
        (["--arch", "sm_35", "x.py"], 1, "kernels run: unknown architecture 'sm_35'; choose from sm_75, sm_80,"),
        (["--seed", "-1", "x.py"], 2, "kernels run: argument --seed: '-1' is not a whole number of at least 0\n"),
        (
            ["--json", "no/where.json", "x.py"],
            2,
            "kernels run: argument --json: 'no/where.json': there is no folder no",
        ),
        ([], 2, "kernels run: the following arguments are required: SCRIPT.py|MODULE, ...\n"),
    ],
)
def test_an_error_in_the_words_is_one_line(words, status, said, warm):
    ran = warm.run(*words)
    assert ran.returncode == status
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def test_an_architecture_is_the_one_that_the_program_finds(run):
    ran = run(
        "from numba import cuda\nprint(*cuda.get_current_device().compute_capability)", options=["--arch", "sm_80"]
    )
    assert ran.stdout == "8 0\n"


LONG = """
import numpy as np
from numba import cuda

@cuda.jit
def count(x):
    for k in range(10**12):
        x[0] ^= k

print("begun", flush=True)
count[1, 1](np.zeros(1, np.int64))
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("import time\nprint('begun', flush=True)\ntime.sleep(60)\n", 0), (LONG, 3)],
    ids=["sleep", "kernel"],
)
def test_an_interrupt_ends_the_program(text, seconds, tmp_path):
    """seconds: until a kernel is compiled and runs, most of the time; unchecked, or its loop would be refused."""
    (tmp_path / "program.py").write_text(text)
    command = [sys.executable, "-W", "ignore", "-m", "kernels", "run", "--no-check", "program.py"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=pipe, stderr=pipe, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "kernels run: interrupted\n"
    assert process.returncode == 130


def test_a_program_reads_what_it_is_given(tmp_path):
    (tmp_path / "program.py").write_text("print(sum(int(input()) for _ in range(2)))")
    command = [sys.executable, "-m", "kernels", "run", "program.py"]
    how = {"cwd": tmp_path, "env": environment(), "capture_output": True, "text": True, "timeout": 300, "check": False}
    assert subprocess.run(command, input="3\n4\n", **how).stdout == "7\n"


def test_what_numba_prints_of_what_it_compiles_is_of_the_program_alone(tmp_path):
    """Not of the functions by which a kernel is executed: Numba compiles those as well."""
    script = tmp_path / "program.py"
    script.write_text(FILL + "filled(8, 8)\n")
    done = python("-m", "kernels", "run", script, NUMBA_DUMP_ASSEMBLY="1")
    assert done.returncode == 0, done.stderr
    assert [line.strip("-") for line in done.stdout.splitlines() if "ASSEMBLY" in line] == ["ASSEMBLY fill"]


def test_a_program_prints_where_it_likes(run, tmp_path):
    text = "import contextlib, io, sys\n" + FILL
    text += "sys.stdout, sys.stderr = open('out.txt', 'w'), io.StringIO()\nprint('kept')\nfilled(4, 8)\n"
    ran = run(text)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "x[4] is out of bounds" in ran.stderr
    assert (tmp_path / "out.txt").read_text() == "kept\n"


def test_threads_that_a_program_leaves_are_waited_for(run):
    text = f"import threading, time\nfrom concurrent.futures import ThreadPoolExecutor\n{FILL}\n"
    text += "def late():\n    time.sleep(0.3)\n    filled(4, 4)\n\n"
    text += "threading.Thread(target=late).start()\nThreadPoolExecutor(1).submit(late)\n"
    ran = run(text)
    assert ran.stderr.endswith("note    2 launches of 1 kernel interpreted, checked: no fault\n")


@pytest.mark.parametrize("before", ["", "filled(4, 4)\n"])
def test_a_process_that_is_forked_has_no_gpu_and_the_other_one_goes_on(before, run):
    text = f"import os, sys\n{FILL}\n{before}child = os.fork()\nif not child:\n    try:\n        filled(4, 3)\n"
    text += "    except Exception as error:\n        print(type(error).__name__, flush=True)\n        sys.exit(7)\n"
    text += "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(filled(4, 3).copy_to_host().sum()))\n"
    ran = run(text)
    assert ran.stdout.splitlines()[1:] == ["7 3"]
    assert ran.stderr.count("a process that is forked has no GPU: kernels run in the program's own process\n") == 1
    assert ran.stderr.count("note ") == 1
    assert ran.stderr.endswith(" interpreted, checked: no fault\n")


def test_it_runs_as_a_user_runs_it(tmp_path):
    (tmp_path / "program.py").write_text(f"{FILL}\nprint(filled(4, 4).copy_to_host().sum())")
    ran = python("-m", "kernels", "run", "program.py", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "6.0\n")
    assert ran.stderr.endswith("note    1 launch of 1 kernel emulated, checked: no fault\n")
