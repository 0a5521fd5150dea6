"""ReLU of your own in the place of this project's: Zozoulenko (2018), eq. 5, 29 and 30."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def relu_forward(x, y):
    """One thread per value; arrays are flat."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = max(x[i], float32(0))


@kernel
def relu_backward(dy, x, dx):
    """One thread per value: where x was not negative, its delta-error is that of y."""
    i = cuda.grid(1)
    if i < x.size:
        dx[i] = dy[i] if x[i] >= float32(0) else float32(0)


def flat(function, *arrays):
    """The arrays as vectors, whatever their shape. Other functions than ReLU are not here."""
    if function != "relu":
        raise ValueError(f"this activation is relu alone, and not {function}")
    return [array.reshape(-1) for array in arrays]


def forward(x, y, function):
    return [relu_forward[-(-x.size // BLOCK), BLOCK](*flat(function, x, y))]


def backward(dy, x, dx, function):
    return [relu_backward[-(-x.size // BLOCK), BLOCK](*flat(function, dy, x, dx))]
