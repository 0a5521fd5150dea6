"""Values above a threshold, side by side and in their order: a warp votes, and counts the votes."""

from kernels.gpu import cuda, float32, int32, kernel

WARP = 32
ALL_LANES = 0xFFFFFFFF


@kernel
def compact(x, y, kept, threshold):
    """One warp, 32 values at a time. kept[0] becomes the number of values that are kept."""
    lane = cuda.threadIdx.x
    count = 0  # of those that are kept already, the same on all lanes
    for first in range(0, x.size, WARP):
        i = first + lane
        keeps = i < x.size and x[i] > threshold
        votes = cuda.ballot_sync(ALL_LANES, keeps)
        if keeps:
            y[count + cuda.popc(votes & ((1 << lane) - 1))] = x[i]
        count += cuda.popc(votes)
    if lane == 0:
        kept[0] = int32(count)


def launches(x, y, kept, threshold):
    """One warp, whatever the size of x."""
    return [compact[1, WARP](x, y, kept, float32(threshold))]
