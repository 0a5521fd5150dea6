"""A number without a type: a leaky rectifier, Murugan (2017), table 1, that is right and slow."""

from kernels.gpu import cuda, float32, kernel

LINE = 19  # the number of the line that is at fault, in this file as you got it
KIND = "float64"  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 8


@kernel
def leaky_relu(x, y):
    """One thread per value: what is negative is made small."""
    i = cuda.grid(1)
    if i < x.size:
        if x[i] > float32(0):
            y[i] = x[i]
        else:
            y[i] = float32(0.01) * x[i]


def launches(x, y):
    return [leaky_relu[-(-x.size // BLOCK), BLOCK](x, y)]
