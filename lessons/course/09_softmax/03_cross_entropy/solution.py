"""The backward of softmax and cross entropy in one: Zozoulenko (2018), eq. 57 put into eq. 55, the last corrected."""

from kernels.gpu import cuda, kernel

MISPRINT = "b"  # "a", "b" or "c": what is wrong with eq. 55

BLOCK = 8


@kernel
def cross_entropy_backward(dy, target, p, dx):
    """One thread per score."""
    R, C = p.shape
    n = cuda.grid(1)
    if n < R * C:
        r, c = n // C, n % C
        dx[r, c] = dy[r] * (p[r, c] - target[r, c])


def launches(dy, target, p, dx):
    """dy (R,); target, p and dx (R, C)."""
    return [cross_entropy_backward[-(-p.size // BLOCK), BLOCK](dy, target, p, dx)]
