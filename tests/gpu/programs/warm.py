"""`python -m kernels run` many times, each time in a process of its own that has its libraries already.

To load Numba takes longer than most programs here. So one process loads it, and is forked for each run:

    with Warm() as warm:
        ran = warm.run("--engine", "interpret", "script.py", cwd=folder)
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers.programs import environment

SECONDS = 300  # after which a run is killed: the first one after a change compiles the emulator itself


class Warm:
    """A process that is forked for each run."""

    def __enter__(self):
        command = [sys.executable, "-m", "tests.gpu.programs.warm"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def run(self, *words, cwd=None) -> subprocess.CompletedProcess:
        """Run `python -m kernels run words`, with nothing to read."""
        words = [*map(str, words)]
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps([words, str(cwd or folder), folder]), file=self.process.stdin, flush=True)
            status = int(self.process.stdout.readline())
            out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(words, status, out, err)


def serve():
    """Fork for each line of standard input, and answer it with an exit status."""
    load()
    for line in sys.stdin:
        words, cwd, folder = json.loads(line)
        child = os.fork()
        if not child:
            become(words, cwd, folder)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def load():
    """What a run needs."""
    from numba import cuda

    import kernels.commands.run
    import kernels.gpu.driver.calls
    import kernels.gpu.driver.library
    import kernels.gpu.interpreter.checked
    import kernels.gpu.programs.emulated
    import kernels.gpu.programs.interpreted

    assert kernels
    assert cuda


def become(words, cwd, folder):
    """Be a process that runs a program; does not return."""
    from kernels.__main__ import main

    signal.alarm(SECONDS)
    os.chdir(cwd)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.exit(main(["run", *words]))


if __name__ == "__main__":
    serve()
