"""The interpreter where numba-cuda is not installed, and what it loads where it is."""

from tests.helpers import ROOT
from tests.helpers.programs import python

# Without what puts numba-cuda where numba.cuda would be found.
WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numba_cuda":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path[:] = [Missing(), *(finder for finder in sys.meta_path if type(finder).__name__ != "NumbaCudaFinder")]
"""

INTERPRETED = """
import sys
import numpy as np
from kernels.gpu import cuda
from kernels.operations.add import cuda as add

for launch in add.forward(a=np.ones(8, np.float32), b=np.ones(8, np.float32), y=np.ones(8, np.float32)):
    launch.interpret()
print([name for name in sys.modules if name.startswith(("numba.cuda.", "numba_cuda"))])
print(cuda.compile_ptx.__name__)
"""


def test_every_kernel_of_this_project_is_interpreted_without_numba_cuda():
    done = python("-c", f"{WITHOUT}\nfrom tests.gpu.without_numba_cuda import main\nmain()", cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_where_it_is_installed_the_interpreter_leaves_it_unloaded():
    done = python("-c", INTERPRETED, cwd=ROOT)
    assert done.stdout.splitlines() == ["[]", "compile_ptx"], done.stderr
