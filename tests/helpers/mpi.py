"""Ranks that are processes, started by mpirun on this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

pytest.importorskip("mpi4py.MPI", reason="needs MPI: pip install 'handwritten[cluster]'", exc_type=ImportError)
# That of the same environment goes before another's.
MPIRUN = shutil.which("mpirun", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
if MPIRUN is None:
    pytest.skip("needs mpirun", allow_module_level=True)


def started(ranks: int, *command: object, folder: Path, **environment: str) -> subprocess.Popen:
    """`python` with these arguments on so many ranks, under way in a folder."""
    return subprocess.Popen(
        [MPIRUN, "-n", str(ranks), sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def carried_out(ranks: int, *command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """The same, when it has ended."""
    process = started(ranks, *command, folder=folder, **environment)
    out, error = process.communicate(timeout=300)
    return subprocess.CompletedProcess(command, process.returncode, out, error)
