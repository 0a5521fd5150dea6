"""Each block turns its part round: kernels rotated by 180 degrees, rot(W) of Zozoulenko (2018), eq. 27."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 32  # threads of a block, at least as many as a kernel has weights


@kernel
def rotate(w):
    """One block per kernel, one thread per weight: it moves a weight to the opposite place, in w itself."""
    part = cuda.shared.array(BLOCK, float32)
    c, i = cuda.blockIdx.x, cuda.threadIdx.x
    if i < w.shape[1]:
        part[i] = w[c, i]
    cuda.syncthreads()  # the weights are all in shared memory, and w may be written over
    if i < w.shape[1]:
        w[c, i] = part[w.shape[1] - 1 - i]


def launches(w):
    """A block for each kernel."""
    return [rotate[w.shape[0], BLOCK](w)]
