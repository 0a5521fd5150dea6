"""Occupancy against cases computed by hand from the tables of the CUDA C++ Programming Guide."""

import pytest

from kernels.gpu.compiler import ARCHITECTURES, compute_capability
from kernels.gpu.occupancy import LIMITS, Occupancy, occupancy

TURING, AMPERE, HOPPER, GEFORCE_BLACKWELL = (7, 5), (8, 0), (9, 0), (12, 0)


def test_every_architecture_has_its_limits():
    assert set(LIMITS) >= {compute_capability(name) for name in ARCHITECTURES}


@pytest.mark.parametrize(
    ("capability", "threads", "registers", "shared", "expected"),
    [
        # 2048 threads are 8 blocks of 256; with 32 registers each they take exactly all 65536.
        (HOPPER, 256, 32, 0, Occupancy(8, 1.0, "threads")),
        # 33 registers are given as 40: a quarter (16384) holds 12 warps of 1280; 48 warps are 6 blocks of 8.
        (HOPPER, 256, 33, 0, Occupancy(6, 0.75, "registers")),
        # 92 registers are given as 96: a quarter holds 5 warps of 3072; 20 warps are 5 blocks of 4.
        (HOPPER, 128, 92, 5376, Occupancy(5, 0.3125, "registers")),
        # 255 registers are given as 256: a quarter holds 2 warps; 8 warps are 1 block of 8.
        (AMPERE, 256, 255, 0, Occupancy(1, 0.125, "registers")),
        # 32 blocks of one warp, whatever else there is room for.
        (AMPERE, 32, 16, 0, Occupancy(32, 0.5, "blocks")),
        # 48 KiB and the 1 KiB of the system go 3 times into 164 KiB, 4 times into 228 KiB.
        (AMPERE, 256, 32, 48 * 1024, Occupancy(3, 0.375, "shared memory")),
        (HOPPER, 256, 32, 48 * 1024, Occupancy(4, 0.5, "shared memory")),
        # Turing takes nothing for the system: 16 KiB go 4 times into 64 KiB, which are all its 1024 threads.
        (TURING, 256, 32, 16 * 1024, Occupancy(4, 1.0, "threads")),
        (TURING, 256, 32, 16 * 1024 + 1, Occupancy(3, 0.75, "shared memory")),
        # 1536 threads are 6 blocks of 256, or 24 of the 48 blocks of one warp; 100 KiB hold 2 times 48 KiB and 1 KiB.
        (GEFORCE_BLACKWELL, 256, 32, 0, Occupancy(6, 1.0, "threads")),
        (GEFORCE_BLACKWELL, 32, 16, 0, Occupancy(24, 0.5, "blocks")),
        (GEFORCE_BLACKWELL, 256, 32, 48 * 1024, Occupancy(2, 1 / 3, "shared memory")),
        # 1 thread takes the place of a warp.
        (AMPERE, 1, 16, 0, Occupancy(32, 0.5, "blocks")),
        # 48 threads take the place of two warps: 32 blocks are all 2048 threads.
        (HOPPER, 48, 32, 0, Occupancy(32, 1.0, "threads")),
        # 1024 threads of 65 registers (given as 72) would need 73728: the block does not run at all.
        (AMPERE, 1024, 65, 0, Occupancy(0, 0.0, "registers")),
    ],
)
def test_occupancy_is_what_the_tables_give_by_hand(capability, threads, registers, shared, expected):
    assert occupancy(capability, threads, registers, shared) == expected
