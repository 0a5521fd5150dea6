"""A launch of a kernel, as the driver is asked for it."""

from dataclasses import dataclass

from kernels.gpu.driver.modules import Kernel


@dataclass
class Launched:
    """kernel, grid and block (x, y, z), bytes of dynamic shared memory, and for each parameter its bytes."""

    kernel: Kernel
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared_bytes: int
    values: list[bytes]
    is_cooperative: bool = False
