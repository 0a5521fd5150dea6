"""Run a Python module as a program above the driver without a GPU: python -m benchmarks.on_driver ENGINE MODULE ..."""

import runpy
import sys

from kernels.gpu.driver import Gpu, install


def emulate(launched) -> None:
    launched.kernel.loaded.run(launched.grid, launched.block, launched.values, launched.shared_bytes)


ENGINES = {"emulate": emulate}

if __name__ == "__main__":
    install(Gpu((9, 0), ENGINES[sys.argv[1]]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
