"""Many threads, one sum: a tree in shared memory. It adds up the losses of a batch, as in Zozoulenko (2018), eq. 8."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def tree_sum(x, y):
    """One block for all values: each thread adds up a part of them, then the parts meet in a tree."""
    sums = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for i in range(t, x.size, BLOCK):
        total += x[i]
    ...  # total goes to sums[t]; then, level by level, half of the threads add the other half's values to theirs
    if t == 0:
        y[0] = sums[0]


def launches(x, y):
    return [tree_sum[1, BLOCK](x, y)]
