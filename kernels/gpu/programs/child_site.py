"""What a Python that a program starts executes first: it gets a GPU as soon as it imports something that wants one.

A copy of this file is called sitecustomize.py, beside session.json, in a folder before all others of PYTHONPATH:
children.py has put it there. It imports nothing of this project before it has to, as most processes want no GPU.
"""

import functools
import json
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec

HERE = os.path.dirname(__file__)
WANT_A_GPU = ("numba.cuda", "cuda.bindings", "cuda.core", "numba_cuda_mlir")
HAVE_ONE = ("kernels.commands", "kernels.pytest", "kernels.notebook")  # what gives the process one itself


class Watch:
    """Finds no module itself, but sees what is imported: behind the first that wants a GPU there is one."""

    def find_spec(self, name, path=None, target=None):
        if name not in WANT_A_GPU:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None and not any(name in sys.modules for name in HAVE_ONE):
            usual = spec.loader.exec_module
            spec.loader.exec_module = functools.partial(load, usual)  # type: ignore[method-assign]
        return spec


def load(usual, module):
    """Execute a module as usual, and give the process its GPU."""
    usual(module)
    if find_spec("kernels") is None:
        with open(os.path.join(HERE, "session.json")) as file:
            sys.path.append(json.load(file)["root"])
    from kernels.gpu.programs.children import begin

    begin(HERE)


def step_aside():
    """A sitecustomize that would have been executed, is."""
    sys.path[:] = [path for path in sys.path if path != HERE]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, Watch())
    step_aside()
