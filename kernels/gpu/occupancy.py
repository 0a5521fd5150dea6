"""Occupancy: how many of the threads that a multiprocessor can hold, a kernel lets it hold.

Threads wait: for memory, for each other, for results. A multiprocessor hides that by running others meanwhile, so it
holds many; but it shares its registers and its shared memory out among all that it holds, in whole blocks. Which of
these runs out first is what limits the occupancy.

Source: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". Its numbers were compared with
two headers of NVIDIA's that state them for each architecture: arch_traits.h of libcudacxx, and cuda_occupancy.h of CUDA
13.0, which also has the rounding. On 20 000 random kernels that one and `occupancy` gave the same number of blocks.
"""

from dataclasses import dataclass

WARP = 32
REGISTERS = 65536  # of a multiprocessor, and the most that a block may have; so on every architecture below
REGISTERS_A_THREAD = 255
REGISTER_STEP = 256  # registers are given to a warp in steps of this
SUB_PARTITIONS = 4  # each with a quarter of the registers, for warps that do not move to another
THREADS_A_BLOCK = 1024
KIB = 1024


@dataclass(frozen=True)
class Limits:
    """What a multiprocessor has. Shared memory is the largest share that it can have of the L1 cache.

    shared_step      bytes in whose steps shared memory is given to a block
    shared_system    bytes of each block's shared memory that CUDA itself takes
    """

    threads: int
    blocks: int
    shared_bytes: int
    shared_step: int = 128
    shared_system: int = KIB


LIMITS = {
    (7, 5): Limits(threads=1024, blocks=16, shared_bytes=64 * KIB, shared_step=256, shared_system=0),
    (8, 0): Limits(threads=2048, blocks=32, shared_bytes=164 * KIB),
    (8, 6): Limits(threads=1536, blocks=16, shared_bytes=100 * KIB),
    (8, 9): Limits(threads=1536, blocks=24, shared_bytes=100 * KIB),
    (9, 0): Limits(threads=2048, blocks=32, shared_bytes=228 * KIB),
    (10, 0): Limits(threads=2048, blocks=32, shared_bytes=228 * KIB),
    (12, 0): Limits(threads=1536, blocks=24, shared_bytes=100 * KIB),
}


@dataclass(frozen=True)
class Occupancy:
    """Blocks that a multiprocessor holds at once, the share of its threads that they are, and what allows no more."""

    blocks: int
    fraction: float
    limit: str


def occupancy(capability: tuple[int, int], threads: int, registers: int, shared_bytes: int) -> Occupancy:
    """Of blocks of so many threads, with registers a thread and bytes of shared memory a block."""
    limits = LIMITS[capability]
    warps = _up(threads, WARP) // WARP
    warps_by_registers = REGISTERS // SUB_PARTITIONS // _up(max(registers, 1) * WARP, REGISTER_STEP) * SUB_PARTITIONS
    shared = _up(shared_bytes + limits.shared_system, limits.shared_step)
    fits = {
        "threads": limits.threads // (warps * WARP),
        "blocks": limits.blocks,
        "registers": warps_by_registers // warps if registers <= REGISTERS_A_THREAD else 0,
        "shared memory": limits.shared_bytes // shared if shared else limits.blocks,
    }
    blocks = min(fits.values()) if threads <= THREADS_A_BLOCK else 0
    limit = next(what for what, number in fits.items() if number == min(fits.values()))
    return Occupancy(blocks, blocks * warps * WARP / limits.threads, limit)


def _up(number: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-number // step) * step
