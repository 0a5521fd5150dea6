"""What a compiler says of a kernel, for any architecture and without a GPU.

Numba writes PTX, the portable assembly; ptxas turns it into machine code and counts what that takes of a
multiprocessor. A spill is a register that did not fit and lives in (slow) memory; a float64 instruction is nearly
always a literal that was not wrapped in float32, and runs at a 32nd of the speed or less.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kernels.gpu.kernel import Launch


class ReportError(RuntimeError):
    """A tool that is missing or refuses its input: one line."""


@dataclass(frozen=True)
class Report:
    """What a kernel takes on an architecture: registers a thread, bytes a block (shared) or a thread (the others)."""

    kernel: str
    architecture: str
    registers: int
    shared_bytes: int
    spill_bytes: int
    local_bytes: int
    float64: bool


def report(launch: Launch, architecture: str) -> Report:
    """Compile a launch's kernel for an architecture such as "sm_90" and count. Raises ReportError without ptxas."""
    ptx = launch.ptx(architecture)
    said = assemble(ptx, architecture)
    registers = _number(r"Used (\d+) registers", said)
    spills = _number(r"(\d+) bytes spill stores", said) + _number(r"(\d+) bytes spill loads", said)
    return Report(
        kernel=repr(launch.kernel),
        architecture=architecture,
        registers=registers,
        shared_bytes=_number(r"(\d+) bytes smem", said) + launch.shared_bytes,
        spill_bytes=spills,
        local_bytes=_number(r"(\d+) bytes stack frame", said),
        float64=".f64" in ptx,
    )


def assemble(ptx: str, architecture: str) -> str:
    """What ptxas says of PTX when it makes machine code of it. Raises ReportError."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(ptx)
        command = [find_ptxas(), "--verbose", f"--gpu-name={architecture}", f"--output-file={folder}/kernel.cubin"]
        done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReportError(f"ptxas refuses {architecture}: {done.stderr.strip().splitlines()[0]}")
    return done.stderr


def find_ptxas() -> str:
    """Where ptxas is: in the wheel nvidia-cuda-nvcc, or on the path. Raises ReportError."""
    try:
        from cuda.pathfinder import find_nvidia_binary_utility

        found = find_nvidia_binary_utility("ptxas")
    except ImportError:
        found = None
    if found := found or shutil.which("ptxas"):
        return found
    raise ReportError("ptxas: not found; pip install 'handwritten[test]', or put a CUDA toolkit on the path")


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match.group(1)) if match else 0
