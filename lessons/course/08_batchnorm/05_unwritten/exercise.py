"""The mean of each channel of a batch without pixels: Zozoulenko (2018), eq. 37. Its tests pass."""

from kernels.gpu import cuda, float32, kernel

LINE = ...  # the number of the line that is at fault, in this file as you got it
KIND = ...  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 16


@kernel
def channel_mean(x, mean):
    """One block per channel, one thread per example, of which there are at most BLOCK."""
    shared = cuda.shared.array(BLOCK, float32)
    c, t = cuda.blockIdx.x, cuda.threadIdx.x
    R = x.shape[0]
    if t < R:
        shared[t] = x[t, c]
    cuda.syncthreads()  # the values are there
    step = BLOCK // 2
    while step > 0:
        if t < step:
            shared[t] += shared[t + step]
        cuda.syncthreads()  # the sums of this step are there
        step //= 2
    if t == 0:
        mean[c] = shared[0] / float32(R)


def launches(x, mean):
    """As many blocks as channels."""
    return [channel_mean[x.shape[1], BLOCK](x, mean)]
