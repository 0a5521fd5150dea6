"""From register to register: a warp adds up the squared errors of an example, Zozoulenko (2018), eq. 8."""

from kernels.gpu import cuda, float32, kernel

WARP = 32
ALL_LANES = 0xFFFFFFFF  # a bit for each lane that takes part


@kernel
def squared_error(prediction, target, y):
    """One warp per example: its lanes stride through the row, then their sums meet by shuffles."""
    r = cuda.blockIdx.x
    lane = cuda.threadIdx.x
    total = float32(0)
    for i in range(lane, prediction.shape[1], WARP):
        error = prediction[r, i] - target[r, i]
        total += error * error
    distance = WARP // 2
    while distance > 0:
        total += cuda.shfl_down_sync(ALL_LANES, total, distance)
        distance //= 2
    if lane == 0:
        y[r] = total / float32(prediction.shape[1])


def launches(prediction, target, y):
    """Blocks of one warp, one for each example."""
    return [squared_error[y.size, WARP](prediction, target, y)]
