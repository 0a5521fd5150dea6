"""The backward of the sigmoid, out of what the forward pass has left; and a misprint in Murugan (2017), table 1."""

from kernels.gpu import cuda, float32, kernel

MISPRINT = "c"  # what is wrong with the slope as it is printed: "a", "b", "c" or "d" of the page

BLOCK = 8


@kernel
def sigmoid_backward(dy, y, dx):
    """One thread per value: dx = dy f'(x), where y = f(x) is known and x is not."""
    i = cuda.grid(1)
    if i < y.size:
        dx[i] = dy[i] * y[i] * (float32(1) - y[i])


def launches(dy, y, dx):
    return [sigmoid_backward[-(-y.size // BLOCK), BLOCK](dy, y, dx)]
