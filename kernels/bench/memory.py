"""How much memory there is for the arrays of a case, asked before there are any."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernels.operation import Operation

# Where a container says how much it may have: control groups, version 2 and 1.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory() -> int:
    """Bytes of this machine, or of the container that this process is in."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in LIMITS:
        with suppress(OSError, ValueError):  # there is none, or it is "max"
            sizes.append(int(Path(file).read_text()))
    return min(sizes)


def arrays_of(operation: Operation, case: Mapping[str, Any]) -> int:
    """Bytes of all arrays of a case, forward and backward. Raises ShapeError."""
    settings = {name: case.get(name, default) for name, default in operation.settings.items()}
    shapes = {name: case.get(name) for name in operation.inputs}
    shapes = operation.all_shapes(shapes, settings)
    return sum(operation.bytes(direction, shapes) for direction in operation.directions)
