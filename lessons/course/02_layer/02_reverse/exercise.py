"""Each block turns its part round: kernels rotated by 180 degrees, rot(W) of Zozoulenko (2018), eq. 27."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 32  # threads of a block, at least as many as a kernel has weights


@kernel
def rotate(w):
    """One block per kernel, one thread per weight: it moves a weight to the opposite place, in w itself."""
    part = cuda.shared.array(BLOCK, float32)
    c, i = cuda.blockIdx.x, cuda.threadIdx.x
    ...  # five lines: weight i goes into part, all wait, place i gets its weight out of part


def launches(w):
    """A block for each kernel."""
    return [rotate[w.shape[0], BLOCK](w)]
