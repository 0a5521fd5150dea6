"""What a GPU says of itself: the attributes of its device, by their names in CUdevice_attribute.

Limits that hold for every architecture are written here; those of a multiprocessor come from occupancy.py. Clocks and
numbers of multiprocessors are those of one card of each architecture, which programs take to choose their grids by.
"""

from kernels.gpu.occupancy import LIMITS, REGISTERS, THREADS_A_BLOCK, WARP

# By compute capability: a card, and how many multiprocessors it has.
CARDS = {
    (7, 5): ("T4", 40),
    (8, 0): ("A100", 108),
    (8, 6): ("A10", 72),
    (8, 9): ("L4", 58),
    (9, 0): ("H100", 132),
    (10, 0): ("B200", 148),
    (12, 0): ("RTX 5090", 170),
}
SHARED_BYTES = 48 * 1024  # that a block may have without asking for more


def attributes(capability: tuple[int, int]) -> dict[str, int]:
    """Of a GPU of a compute capability; what is not named is 0."""
    limits = LIMITS[capability]
    return {
        "MAX_THREADS_PER_BLOCK": THREADS_A_BLOCK,
        "MAX_BLOCK_DIM_X": THREADS_A_BLOCK,
        "MAX_BLOCK_DIM_Y": THREADS_A_BLOCK,
        "MAX_BLOCK_DIM_Z": 64,
        "MAX_GRID_DIM_X": 2**31 - 1,
        "MAX_GRID_DIM_Y": 65535,
        "MAX_GRID_DIM_Z": 65535,
        "MAX_SHARED_MEMORY_PER_BLOCK": SHARED_BYTES,
        "TOTAL_CONSTANT_MEMORY": 2**16,
        "WARP_SIZE": WARP,
        "MAX_PITCH": 2**31 - 1,
        "MAX_REGISTERS_PER_BLOCK": REGISTERS,
        "MAX_REGISTERS_PER_MULTIPROCESSOR": REGISTERS,
        "CLOCK_RATE": 10**6,
        "TEXTURE_ALIGNMENT": 512,
        "GPU_OVERLAP": 1,
        "MULTIPROCESSOR_COUNT": CARDS[capability][1],
        "CAN_MAP_HOST_MEMORY": 1,
        "CONCURRENT_KERNELS": 1,
        "ASYNC_ENGINE_COUNT": 1,
        "UNIFIED_ADDRESSING": 1,
        "PCI_BUS_ID": 1,
        "MAX_THREADS_PER_MULTIPROCESSOR": limits.threads,
        "MAX_BLOCKS_PER_MULTIPROCESSOR": limits.blocks,
        "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR": limits.shared_bytes,
        "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": limits.shared_bytes - limits.shared_system,
        "RESERVED_SHARED_MEMORY_PER_BLOCK": limits.shared_system,
        "COMPUTE_CAPABILITY_MAJOR": capability[0],
        "COMPUTE_CAPABILITY_MINOR": capability[1],
        "GLOBAL_L1_CACHE_SUPPORTED": 1,
        "LOCAL_L1_CACHE_SUPPORTED": 1,
        "MANAGED_MEMORY": 1,
        "CONCURRENT_MANAGED_ACCESS": 1,
        "COMPUTE_PREEMPTION_SUPPORTED": 1,
        "COOPERATIVE_LAUNCH": 1,
    }
