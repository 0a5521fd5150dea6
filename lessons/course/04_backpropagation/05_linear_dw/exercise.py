"""The backward of a linear layer, for its weights: Zozoulenko (2018), eq. 17."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8, 4  # neighbours in x are neighbours in a row of dw


@kernel
def linear_dw(dy, x, dw):
    """One thread per weight: dw[j, i] collects from all examples."""
    ...  # find out which weight is yours, and write its dw, out of dy and x


def launches(dy, x, dw):
    """As many threads in x as dw has columns, or some more; as many in y as it has rows, or some more."""
    grid = -(-dw.shape[1] // BLOCK[0]), -(-dw.shape[0] // BLOCK[1])
    return [linear_dw[grid, BLOCK](dy, x, dw)]
