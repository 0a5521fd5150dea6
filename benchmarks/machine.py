"""What a machine has that times depend on: python -m benchmarks.machine"""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kernels.commands.command_line import add_json, command, run, write_json
from kernels.table import table

PACKAGES = ("numpy", "numba", "llvmlite", "numba-cuda", "cuda-core", "cuda-bindings", "cupy-cuda13x", "torch")
CPUS = Path("/proc/cpuinfo")
ASKED = "name,driver_version,memory.total,clocks.max.sm"


def main(arguments: list[str] | None = None) -> int:
    text = (
        "Print the processor, the GPU, its driver, and the versions of Python and of packages that kernels depend on."
    )
    c = command("python -m benchmarks.machine", show, text)
    add_json(c)
    return run(c, arguments)


def show(options) -> None:
    """Print a line for each."""
    found = {"processor": processor(), "Python": platform.python_version(), "GPU": gpu()}
    found |= {name: installed(name) for name in PACKAGES}
    print(table([(name, value) for name, value in found.items()], left=2))
    write_json(options.json, found)


def processor() -> str:
    """Its kind, its name where the system says it, and how many cores there are."""
    found = "" if not CPUS.exists() else CPUS.read_text()
    name = next((line.partition(":")[2].strip() for line in found.splitlines() if line.startswith("model name")), "")
    return f"{platform.machine()} {name}".strip() + f", {os.cpu_count()} cores"


def gpu() -> str:
    """What the driver says of the GPUs that are here."""
    if shutil.which("nvidia-smi") is None:
        return "none: nvidia-smi is not here"
    asked = ["nvidia-smi", f"--query-gpu={ASKED}", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return "; ".join((done.stdout or done.stderr).strip().splitlines())


def installed(name: str) -> str:
    """The version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
