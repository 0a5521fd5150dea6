"""Softmax and its loss of your own in the place of this project's: Zozoulenko (2018), eq. 54-57."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def loss_forward(x, target, y, p):
    """One thread per example: the probabilities of its row, and the cross entropy of these with the target."""
    ...  # as in `softmax`, and the cross entropy of what comes out


@kernel
def loss_backward(dy, target, p, dx):
    """One thread per logit: the probability less the target, times what the loss of its example counts."""
    ...  # as in `cross_entropy`


def forward(x, target, y, p):
    return [loss_forward[-(-x.shape[0] // BLOCK), BLOCK](x, target, y, p)]


def backward(dy, target, p, dx):
    return [loss_backward[(-(-p.shape[1] // 8), -(-p.shape[0] // 8)), (8, 8)](dy, target, p, dx)]
