"""Batch normalization on CPU cores, climbed from the loop to pieces that stay in the cache.

Source: Zozoulenko (2018), eq. 37-42 and 51-53, of which 51 is corrected. Shapes as in ../reference.py. Forward and
backward run over the input for the sums of every channel, and once more to write the result; what happens per channel
in between is NumPy, the same for all rungs but the highest. The rungs (docs/cpu.md climbs them, with what each gained):

    forward    1   the loop: a channel after the other, a value after the other
               2   once a channel: its root and its quotient are taken out of the loop over its values
               3   vectors: sums of several values side by side
               4   all cores
               5   pieces: float32 sums of what fits into the first-level cache, where it is read twice
               6   whole: a core takes a channel from its sums to its result, and cores are called once
    backward   1   the loop
               2   vectors: sums of several values side by side
               3   all cores
               4   pieces: float32 sums of what fits into the first-level cache
               5   whole: a core takes a channel from its sums to its result

The loops stand in channels.py, pieces.py and whole.py.
"""

import numpy as np

from kernels.cpu.ladder import Ladder, rung
from kernels.operations.batchnorm.cpu import channels, pieces, whole
from kernels.operations.batchnorm.cpu.channels import in_channels
from kernels.operations.batchnorm.cpu.pieces import in_memory


@rung
def forward_loops(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """The equations, word for word, on one core: y = gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    x, y = in_channels(x), in_channels(y)
    given = x, running_mean, running_var, mean, inverse_std, epsilon, momentum, training
    exact_mean, var = (found.astype(np.float64) for found in statistics(channels.moments, *given))
    channels.normalize(x, exact_mean, var, epsilon, gamma, beta, y)


@rung
def forward_once(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """Once a channel: a value is multiplied and added, and nobody divides by the same root again."""
    loops = channels.moments, channels.scale_and_shift
    state = running_mean, running_var
    normalized(loops, in_channels, x, gamma, beta, *state, y, mean, inverse_std, epsilon, momentum, training)


@rung
def forward_vectors(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """Vectors: values may be added in another order, so a core takes several of them at once."""
    loops = channels.moments_in_vectors, channels.scale_and_shift
    state = running_mean, running_var
    normalized(loops, in_channels, x, gamma, beta, *state, y, mean, inverse_std, epsilon, momentum, training)


@rung
def forward_cores(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """All cores: each sums whole channels, and writes whatever part of the result."""
    loops = channels.moments_on_cores, pieces.scale_and_shift
    state = running_mean, running_var
    normalized(loops, in_channels, x, gamma, beta, *state, y, mean, inverse_std, epsilon, momentum, training)


@rung
def forward_pieces(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """Pieces: a core reads 16 KiB twice while they are in its first-level cache, and adds float32 about their mean."""
    loops = pieces.moments, pieces.scale_and_shift
    state = running_mean, running_var
    normalized(loops, in_memory, x, gamma, beta, *state, y, mean, inverse_std, epsilon, momentum, training)


@rung(suits=whole.suits)
def forward_whole(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """Whole channels: a core writes a channel's result while its values, just summed, are in the second-level cache."""
    state = running_mean, running_var
    whole.normalize(in_memory(x), gamma, beta, *state, in_memory(y), mean, inverse_std, epsilon, momentum, training)


def statistics(moments, x, running_mean, running_var, mean, inverse_std, epsilon, momentum, training):
    """The mean and the variance to normalize with (eq. 37-38), kept for backward; running averages move (eq. 41-42)."""
    if training:
        exact_mean, var = moments(x)
        running_mean[...] = momentum * exact_mean + (1 - momentum) * running_mean
        running_var[...] = momentum * var + (1 - momentum) * running_var
    else:
        exact_mean, var = running_mean, running_var
    mean[0] = exact_mean
    mean[1] = exact_mean - mean[0]
    inverse_std[...] = 1 / np.sqrt(var + epsilon)
    return exact_mean, var


def normalized(
    loops, view, x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training
):
    """y = (x - mean[0] - mean[1]) scale + beta, of which all that is the same for a channel is added in one go."""
    moments, scale_and_shift = loops
    x, y = view(x), view(y)
    statistics(moments, x, running_mean, running_var, mean, inverse_std, epsilon, momentum, training)
    scale = gamma * inverse_std
    scale_and_shift(x, mean[0], scale, beta - mean[1] * scale, y)  # eq. 39-40


@rung
def backward_loops(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """The equations, word for word, on one core: eq. 51-53, the first as corrected."""
    dy, x = in_channels(dy), in_channels(x)
    sum_dy, sum_dy_x_hat = delta_sums(channels.delta_sums, dy, x, mean, inverse_std, dgamma, dbeta)
    if dx is None:
        return
    if training:
        exact_mean = mean[0].astype(np.float64) + mean[1]
        given = gamma, exact_mean, inverse_std, sum_dy, sum_dy_x_hat
        channels.input_delta(dy, x, *given, in_channels(dx))
    else:
        frozen_delta(channels.scale_and_shift, dy, gamma, inverse_std, in_channels(dx))


@rung
def backward_vectors(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """Vectors: values may be added in another order, several of them at once; what a channel shares, once."""
    loops = channels.delta_sums_in_vectors, channels.subtract, channels.scale_and_shift
    deltas(loops, in_channels, dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training)


@rung
def backward_cores(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """All cores: each sums whole channels, and writes whatever part of the result."""
    loops = channels.delta_sums_on_cores, pieces.input_delta, pieces.scale_and_shift
    deltas(loops, in_channels, dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training)


@rung
def backward_pieces(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """Pieces: float32 sums of 16 KiB, twice as many side by side, which are added up in float64."""
    loops = pieces.delta_sums, pieces.input_delta, pieces.scale_and_shift
    deltas(loops, in_memory, dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training)


@rung(suits=lambda x, dx, training: dx is not None and training and whole.suits(x))
def backward_whole(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """Whole channels: a core writes a channel's dx while what it summed is in the second-level cache."""
    sums = (np.empty_like(gamma) if wanted is None else wanted for wanted in (dgamma, dbeta))
    whole.input_delta(in_memory(dy), in_memory(x), gamma, mean, inverse_std, in_memory(dx), *sums)


def deltas(loops, view, dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """dx = gamma inverse_std (dy - mean of dy - x_hat (mean of dy x_hat)); frozen statistics leave its first term."""
    sums, subtract, scale_and_shift = loops
    dy, x = view(dy), view(x)
    sum_dy, sum_dy_x_hat = delta_sums(sums, dy, x, mean, inverse_std, dgamma, dbeta)
    if dx is None:
        return
    if training:
        RHW = x.size // x.shape[1]
        slope = inverse_std * sum_dy_x_hat / RHW
        offset = sum_dy / RHW - mean[1] * slope
        given = mean[0], gamma * inverse_std, offset.astype(x.dtype), slope.astype(x.dtype)
        subtract(dy, x, *given, view(dx))
    else:
        frozen_delta(scale_and_shift, dy, gamma, inverse_std, view(dx))


def delta_sums(sums, dy, x, mean, inverse_std, dgamma, dbeta):
    """The sums of dy (eq. 53) and of dy x_hat (eq. 52) over each channel, which are dbeta and dgamma."""
    sum_dy, sum_dy_x = sums(dy, x, mean[0])
    sum_dy_x_hat = (sum_dy_x - mean[1] * sum_dy) * inverse_std
    if dgamma is not None:
        dgamma[...] = sum_dy_x_hat
    if dbeta is not None:
        dbeta[...] = sum_dy
    return sum_dy, sum_dy_x_hat


def frozen_delta(scale_and_shift, dy, gamma, inverse_std, dx):
    """dx where the statistics were not the batch's own and so do not depend on x."""
    scale = gamma * inverse_std
    zero = np.zeros_like(scale)
    scale_and_shift(dy, zero, scale, zero, dx)


forward = Ladder("forward", forward_loops, forward_once, forward_vectors, forward_cores, forward_pieces, forward_whole)
backward = Ladder("backward", backward_loops, backward_vectors, backward_cores, backward_pieces, backward_whole)
