"""The loss so far of each output: an L2 loss, Murugan (2017), eq. 2.6, to which each batch is added by atomics."""

from kernels.gpu import cuda, kernel

LINE = ...  # the number of the line that is at fault, in this file as you got it
KIND = ...  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 32


@kernel
def add_loss(prediction, target, loss):
    """One thread per value: it adds its squared error to what the batches before left in the loss of its output."""
    n = cuda.grid(1)
    if n < prediction.size:
        r, i = n // prediction.shape[1], n % prediction.shape[1]
        error = target[r, i] - prediction[r, i]
        cuda.atomic.add(loss, i, error * error)


def launches(prediction, target, loss):
    return [add_loss[-(-prediction.size // BLOCK), BLOCK](prediction, target, loss)]
