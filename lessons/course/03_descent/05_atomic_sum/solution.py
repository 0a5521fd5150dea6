"""The loss so far of each output: an L2 loss, Murugan (2017), eq. 2.6, to which each batch is added by atomics."""

from kernels.gpu import cuda, float32, kernel

LINE = 18  # the number of the line that is at fault, in this file as you got it
KIND = "order"  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 32


@kernel
def add_loss(prediction, target, loss):
    """One warp per output: its lanes share the examples out, meet in a tree, and lane 0 adds the sum to the loss."""
    i = cuda.blockIdx.x
    total = float32(0)
    for r in range(cuda.threadIdx.x, prediction.shape[0], BLOCK):
        error = target[r, i] - prediction[r, i]
        total += error * error
    distance = BLOCK // 2
    while distance > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, distance)
        distance //= 2
    if cuda.threadIdx.x == 0:
        loss[i] += total


def launches(prediction, target, loss):
    return [add_loss[loss.size, BLOCK](prediction, target, loss)]
