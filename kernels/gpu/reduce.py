"""Reductions: many threads hold a value each, and all of them get the sum or the largest.

A warp passes values from register to register (shuffles); a block passes them through shared memory. Either way
the order of the additions is a fixed tree, so runs repeat bit for bit.

Every thread of the warp, or of the block, must call: a thread without a value of its own brings 0 to a sum
and -inf to a maximum. Blocks have a power of two of threads, in x alone.
"""

from kernels.gpu.compiler import cuda, uint32
from kernels.gpu.source import device

WARP = 32
ALL_LANES = 0xFFFFFFFF


@device
def compensated(total, lost, value):
    """total + value, and what rounding added to it too much, to be given as `lost` next time (Kahan (1965)).

    For a thread that adds thousands of values: each addition to a float32 that has grown rounds its last digits away,
    and where values are alike it always rounds to the same side.
    """
    value -= lost
    larger = total + value
    return larger, (larger - total) - value


@device
def warp_sum(value):
    """The sum of `value` over the 32 threads of a warp, in 5 steps: each adds the value of the lane across.

    Lanes exchange in pairs and a + b is b + a, so all lanes end with the same bits.
    """
    lane_distance = 16
    while lane_distance > 0:
        value += cuda.shfl_xor_sync(ALL_LANES, value, lane_distance)
        lane_distance //= 2
    return value


@device
def warp_max(value):
    """The largest `value` of the 32 threads of a warp. A NaN may get lost."""
    lane_distance = 16
    while lane_distance > 0:
        value = max(value, cuda.shfl_xor_sync(ALL_LANES, value, lane_distance))
        lane_distance //= 2
    return value


@device
def block_sum(value, shared):
    """The sum of `value` over a block, as a tree in `shared`, which has one float32 for each thread of the block."""
    thread = cuda.threadIdx.x
    shared[thread] = value
    cuda.syncthreads()  # the values of all threads are there
    half = cuda.blockDim.x // 2
    while half > 0:
        if thread < half:
            shared[thread] += shared[thread + half]
        cuda.syncthreads()  # this level of the tree is complete
        half //= 2
    total = shared[0]
    cuda.syncthreads()  # everyone has read the total, so that `shared` may serve again
    return total


@device
def block_max(value, shared):
    """The largest `value` of a block, as a tree in `shared`: see `block_sum`. A NaN may get lost."""
    thread = cuda.threadIdx.x
    shared[thread] = value
    cuda.syncthreads()  # the values of all threads are there
    half = cuda.blockDim.x // 2
    while half > 0:
        if thread < half:
            shared[thread] = max(shared[thread], shared[thread + half])
        cuda.syncthreads()  # this level of the tree is complete
        half //= 2
    largest = shared[0]
    cuda.syncthreads()  # everyone has read the largest, so that `shared` may serve again
    return largest


@device
def block_argmax(value, index, shared, shared_index):
    """The largest `value` of a block and its `index`; of equal values the lowest index.

    A tree as in `block_sum`. `shared` has a float32 and `shared_index` an int32 for each thread. No value is NaN.
    """
    thread = cuda.threadIdx.x
    shared[thread] = value
    shared_index[thread] = index
    cuda.syncthreads()  # the values of all threads are there
    half = cuda.blockDim.x // 2
    while half > 0:
        if thread < half:
            other, other_index = shared[thread + half], shared_index[thread + half]
            if other > shared[thread] or (other == shared[thread] and other_index < shared_index[thread]):
                shared[thread] = other
                shared_index[thread] = other_index
        cuda.syncthreads()  # this level of the tree is complete
        half //= 2
    largest, where = shared[0], shared_index[0]
    cuda.syncthreads()  # everyone has read the result, so that the arrays may serve again
    return largest, where


@device
def block_sum_of_warps(value, shared):
    """The sum of `value` over a block of whole warps: each warp sums by shuffles, `shared` has a float32 per warp.

    Two barriers, where the tree of `block_sum` needs one for each of its levels.
    """
    thread = cuda.threadIdx.x
    value = warp_sum(value)
    if thread % WARP == 0:
        shared[thread // WARP] = value
    cuda.syncthreads()  # the sums of all warps are there
    # Each thread adds them in the same order: all read one address at a time, which shared memory broadcasts.
    total = shared[0]
    for warp in range(1, cuda.blockDim.x // WARP):
        total += shared[warp]
    cuda.syncthreads()  # everyone has read the sums, so that `shared` may serve again
    return total


@device
def block_sum_of_known_warps(value, shared):
    """As `block_sum_of_warps`, with a float32 for each warp and no more: a number that the compiler knows.

    So it writes the loop out, which otherwise computes an address for each warp.
    """
    thread = uint32(cuda.threadIdx.x)  # without a sign, a division by a power of two is a shift
    value = warp_sum(value)
    if thread % WARP == 0:
        shared[uint32(thread // WARP)] = value
    cuda.syncthreads()  # the sums of all warps are there
    total = shared[0]
    for warp in range(1, shared.size):
        total += shared[warp]
    cuda.syncthreads()  # everyone has read these, so that `shared` may serve again
    return total


@device
def block_max_of_warps(value, shared):
    """The largest `value` of a block of whole warps: see `block_sum_of_warps`. A NaN may get lost."""
    thread = cuda.threadIdx.x
    value = warp_max(value)
    if thread % WARP == 0:
        shared[thread // WARP] = value
    cuda.syncthreads()  # the largest values of all warps are there
    largest = shared[0]
    for warp in range(1, cuda.blockDim.x // WARP):
        largest = max(largest, shared[warp])
    cuda.syncthreads()  # everyone has read them, so that `shared` may serve again
    return largest
