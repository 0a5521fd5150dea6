"""The backward of ReLU: Zozoulenko (2018), eq. 30."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def relu_backward(dy, x, dx):
    """One thread per value."""
    i = cuda.grid(1)
    if i < x.size:
        if x[i] > float32(0):
            dx[i] = dy[i]
        else:
            dx[i] = float32(0)


def launches(dy, x, dx):
    return [relu_backward[-(-x.size // BLOCK), BLOCK](dy, x, dx)]
