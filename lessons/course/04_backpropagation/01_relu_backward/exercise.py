"""The backward of ReLU: Zozoulenko (2018), eq. 30."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def relu_backward(dy, x, dx):
    """One thread per value."""
    i = cuda.grid(1)
    if i < x.size:
        ...  # dx[i], out of dy[i] and x[i]


def launches(dy, x, dx):
    return [relu_backward[-(-x.size // BLOCK), BLOCK](dy, x, dx)]
