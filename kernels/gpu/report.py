"""What a compiler says of a kernel, for any architecture and without a GPU.

Numba writes PTX, the portable assembly; ptxas turns it into machine code and counts what that takes of a
multiprocessor. A spill is a register that did not fit and lives in (slow) memory; a vector load reads 8 or 16 bytes
at once; a float64 instruction is nearly always a literal that was not wrapped in float32, and runs at a 32nd of the
speed or less.
"""

import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kernels.gpu.compiler import compute_capability
from kernels.gpu.kernel import Launch
from kernels.gpu.occupancy import Occupancy, occupancy
from kernels.table import Row, Rows

# Instructions stand in lines of their own, perhaps behind a predicate; declarations begin with a dot.
FLOAT64 = re.compile(r"^\s*(?:@!?%\w+\s+)?[a-z][\w.]*\.f64\b", re.MULTILINE)
VECTOR_LOAD = re.compile(r"\bld\.\S*\.v[24]\.")
WHEELS = {"ptxas": "nvidia-cuda-nvcc", "nvdisasm": "nvidia-cuda-nvdisasm"}


class ReportError(RuntimeError):
    """A tool that is missing or refuses its input: one line."""


@dataclass(frozen=True, repr=False)
class Report(Row):
    """What a kernel takes on an architecture: registers a thread, bytes a block (shared) or a thread (the others).

    threads are those of a block; float64 and vector_loads are instructions in the PTX.
    """

    kernel: str
    architecture: str
    threads: int
    registers: int
    shared_bytes: int
    spill_bytes: int
    local_bytes: int
    float64: int
    vector_loads: int

    @property
    def occupancy(self) -> Occupancy:
        """How many blocks a multiprocessor holds. Raises KeyError for an architecture that occupancy.py has not."""
        return occupancy(compute_capability(self.architecture), self.threads, self.registers, self.shared_bytes)

    def row(self):
        held = self.occupancy
        return {
            "kernel": self.kernel,
            "arch": self.architecture,
            "registers": self.registers,
            "shared": self.shared_bytes,
            "spills": self.spill_bytes,
            "float64": self.float64,
            "vector loads": self.vector_loads,
            "occupancy": f"{held.fraction:.0%}",
            "limit": held.limit,
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        held, counted = self.occupancy, asdict(self)
        counted["arch"] = counted.pop("architecture")
        return counted | {"occupancy": held.fraction, "blocks": held.blocks, "limit": held.limit}


def report(launch: Launch, architecture: str) -> Report:
    """Compile a launch's kernel for an architecture such as "sm_90" and count. Raises ReportError without ptxas."""
    return _report(launch, launch.ptx(architecture), architecture)


def reports(wanted: Iterable[tuple[Launch, str]]) -> Rows[Report]:
    """Reports of many launches, each with its architecture: ptxas works on some while Numba compiles the next."""
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(_report, launch, launch.ptx(name), name) for launch, name in wanted]
    return Rows(each.result() for each in waiting)


def _report(launch: Launch, ptx: str, architecture: str) -> Report:
    said = assemble(ptx, architecture)
    registers = _number(r"Used (\d+) registers", said)
    spills = _number(r"(\d+) bytes spill stores", said) + _number(r"(\d+) bytes spill loads", said)
    return Report(
        kernel=repr(launch.kernel),
        architecture=architecture,
        threads=math.prod(launch.block),
        registers=registers,
        shared_bytes=_number(r"(\d+) bytes smem", said) + launch.shared_bytes,
        spill_bytes=spills,
        local_bytes=_number(r"(\d+) bytes stack frame", said),
        float64=len(FLOAT64.findall(ptx)),
        vector_loads=len(VECTOR_LOAD.findall(ptx)),
    )


def assemble(ptx: str, architecture: str, options: Sequence[str] = ()) -> str:
    """What ptxas says of PTX when it makes machine code of it, given these options besides. Raises ReportError."""
    with tempfile.TemporaryDirectory() as folder:
        return _assemble(ptx, architecture, Path(folder) / "kernel.cubin", options)


def sass(ptx: str, architecture: str) -> str:
    """The machine code that ptxas makes of PTX, as text. Raises ReportError."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        _assemble(ptx, architecture, cubin)
        command = [find_tool("nvdisasm"), "--print-code", str(cubin)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReportError(f"nvdisasm refuses {architecture}: {done.stderr.strip().splitlines()[0]}")
    return done.stdout


def _assemble(ptx: str, architecture: str, cubin: Path, options: Sequence[str] = ()) -> str:
    source = cubin.with_suffix(".ptx")
    source.write_text(ptx)
    command = [find_tool("ptxas"), "--verbose", f"--gpu-name={architecture}", f"--output-file={cubin}"]
    done = subprocess.run([*command, *options, str(source)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReportError(f"ptxas refuses {architecture}: {done.stderr.strip().splitlines()[0]}")
    return done.stderr


def find_tool(name: str) -> str:
    """Where ptxas or nvdisasm is: in its wheel, or on the path. Raises ReportError."""
    try:
        from cuda.pathfinder import find_nvidia_binary_utility

        found = find_nvidia_binary_utility(name)
    except ImportError:
        found = None
    if found := found or shutil.which(name):
        return found
    raise ReportError(f"{name}: not found; pip install {WHEELS[name]}, or put a CUDA toolkit on the path")


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match.group(1)) if match else 0
