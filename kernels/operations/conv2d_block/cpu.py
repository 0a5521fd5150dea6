"""Convolution, normalization by running averages and ReLU on CPU cores: as conv2d, which finishes what it stores.

Shapes as in reference.py. Scale and shift of a channel are known before anything runs, so sums that are
still in the first-level cache are multiplied, added to and cut off there (kernels/cpu/finishing.py), and no array is
read and written again.
"""

import numpy as np

from kernels.cpu.finishing import LOWEST, NONE, Finish, bias
from kernels.cpu.ladder import Ladder, rung
from kernels.cpu.products import scratch
from kernels.operations.activation import cpu as activation
from kernels.operations.batchnorm import cpu as batchnorm
from kernels.operations.conv2d import cpu as conv2d


@rung
def forward_apart(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """One after the other: the convolution in tiles, normalization and ReLU, each of which reads and writes all."""
    channels = gamma, beta, running_mean, running_var

    def normalize(source, target):
        mean, inverse_std = np.empty((2, len(gamma)), np.float32), np.empty(len(gamma), np.float32)
        batchnorm.forward(source, *channels, target, mean, inverse_std, epsilon, 0.0, False)

    def apply(source, target):
        activation.forward(source, target, function)

    steps = [normalize] * (gamma is not None) + [apply] * (function != "none")
    arrays = y, scratch("between", y.size).reshape(y.shape)  # which take turns, so that the last result is in y
    conv2d.direct.forward(x, w, bias(b), arrays[len(steps) % 2], stride, padding)
    for number, step in enumerate(steps if order == "normalization first" else steps[::-1], 1):
        step(arrays[(len(steps) - number + 1) % 2], arrays[(len(steps) - number) % 2])


def finish(w, b, gamma, beta, running_mean, running_var, epsilon, function, order):
    """What becomes of the sums of each channel."""
    floor = np.float32(0) if function == "relu" else LOWEST
    shift = NONE if b is None else b
    if gamma is None:
        return Finish(shift, floor=floor)
    scale = gamma / np.sqrt(running_var + np.float32(epsilon))
    offset = beta - running_mean * scale
    if order == "function first":
        return Finish(shift, floor=floor, gain=scale, offset=offset)
    return Finish(offset if b is None else b * scale + offset, scale, floor)


@rung
def forward_direct(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """In one delivery: tiles of the product are finished in the first-level cache, before they are stored."""
    finished = finish(w, b, gamma, beta, running_mean, running_var, epsilon, function, order)
    conv2d.direct.forward(x, w, finished, y, stride, padding)


@rung(suits=conv2d.suits_strips)
def forward_strips(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """The same of many kernels and few pixels, of which strips stand in the lanes."""
    finished = finish(w, b, gamma, beta, running_mean, running_var, epsilon, function, order)
    conv2d.strips.correlate(y, x, w, finished, tuple(stride), tuple(padding))


@rung(suits=conv2d.suits_pixels)
def forward_pixels(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """The same of few channels, with neighbouring pixels in the lanes."""
    finished = finish(w, b, gamma, beta, running_mean, running_var, epsilon, function, order)
    conv2d.pixels.correlate(y, x, w, finished, padding)


@rung(suits=conv2d.suits_winograd)
def forward_winograd(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """The same by fewer products: lines of pixels are finished as they leave their points."""
    finished = finish(w, b, gamma, beta, running_mean, running_var, epsilon, function, order)
    conv2d.winograd.correlate(y, x, w, finished, padding, turned_round=False)


forward = Ladder("forward", forward_apart, forward_direct, forward_strips, forward_pixels, forward_winograd)
