"""What the driver's functions do, by the chapters of NVIDIA's "CUDA Driver API" reference manual.

Whatever a program does on a stream is done when it asks for it; so there is nothing to wait for.
"""

from kernels.gpu.driver.calls import (
    contexts,
    devices,
    events,
    functions,
    graphs,
    launches,
    linking,
    memory,
    modules,
    pointers,
)

__all__ = [
    "contexts",
    "devices",
    "events",
    "functions",
    "graphs",
    "launches",
    "linking",
    "memory",
    "modules",
    "pointers",
]
