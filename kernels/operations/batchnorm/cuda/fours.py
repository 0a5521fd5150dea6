"""The highest rungs: four values at once, and by threads that stay in a channel.

A plane, which is a channel of an example, is S / 4 groups of four; a team of TEAM threads goes over it, so that each of
them computes once what all values of a channel share. x, y and their delta-errors are flat.

What remains of the mean in its second float32 is no longer taken off every value: where values are multiplied and added
up it is taken off the sum, and where they are scaled and shifted off the shift.
"""

import math

import numpy as np

from kernels.gpu import cuda, device, float32, kernel, uint32
from kernels.gpu.reduce import WARP, block_sum_of_known_warps, compensated
from kernels.gpu.vectors import FOUR, in_fours, load_four, store_four, thread_number
from kernels.operations.batchnorm.cuda.channels import BLOCK, centred, in_two, rcs

TURNS = 4  # that a thread takes over a plane, about: more share more, fewer are more threads


@kernel
def normalize_fours(x, gamma, beta, mean, inverse_std, y, planes, groups, *, TEAM=WARP, BLOCK=BLOCK):
    """TEAM threads per plane (eq. 39-40 as one multiply-add)."""
    four = cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    plane = uint32(thread // TEAM)
    if plane < planes:
        c = uint32(plane % uint32(gamma.size))
        high = mean[0, c]
        scale = gamma[c] * inverse_std[c]
        shift = beta[c] - mean[1, c] * scale
        n, past = uint32(plane * groups + thread % TEAM), uint32(plane * groups + groups)
        while n < past:
            load_four(x, n, four)
            for k in range(4):
                four[k] = (four[k] - high) * scale + shift
            store_four(y, n, four)
            n = uint32(n + TEAM)


@kernel
def input_delta_fours(
    dy, x, gamma, mean, inverse_std, dgamma, dbeta, dx, planes, groups, RHW, *, TEAM=WARP, BLOCK=BLOCK
):  # fmt: skip
    """TEAM threads per plane (eq. 51 as corrected)."""
    four, delta = cuda.local.array(4, float32), cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    plane = uint32(thread // TEAM)
    if plane < planes:
        c = uint32(plane % uint32(gamma.size))
        high = mean[0, c]
        scale = gamma[c] * inverse_std[c]
        slope = dgamma[c] * inverse_std[c] / RHW
        shift = dbeta[c] / RHW - mean[1, c] * slope
        n, past = uint32(plane * groups + thread % TEAM), uint32(plane * groups + groups)
        while n < past:
            load_four(x, n, four)
            load_four(dy, n, delta)
            for k in range(4):
                delta[k] = scale * ((delta[k] - shift) - (four[k] - high) * slope)
            store_four(dx, n, delta)
            n = uint32(n + TEAM)


@kernel
def input_delta_frozen_fours(dy, gamma, inverse_std, dx, planes, groups, *, TEAM=WARP, BLOCK=BLOCK):
    """TEAM threads per plane: running averages do not depend on it, so it is only scaled."""
    delta = cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    plane = uint32(thread // TEAM)
    if plane < planes:
        c = uint32(plane % uint32(gamma.size))
        scale = gamma[c] * inverse_std[c]
        n, past = uint32(plane * groups + thread % TEAM), uint32(plane * groups + groups)
        while n < past:
            load_four(dy, n, delta)
            for k in range(4):
                delta[k] *= scale
            store_four(dx, n, delta)
            n = uint32(n + TEAM)


# A channel is cut into pieces: piece 0 of example 0, piece 1, ..., piece 0 of example 1, and so on. A block has BLOCK /
# TEAM teams, each takes a piece, and all blocks of a channel together go on to the next ones.


@device
def plane_of(n, pieces, C, c):
    """The plane in which piece n of channel c is."""
    return uint32(uint32(n // pieces) * C + c)


@kernel
def statistics_parts_fours(x, parts, C, groups, pieces, count, *, PIECE=512, TEAM=WARP, BLOCK=BLOCK, WARPS=8):
    """One block per part: the number of its values, their mean in two float32, and the sum of squares about it.

    pieces    of a plane, PIECE groups each but for the last; `count` are those of a channel
    """
    shared, four = cuda.shared.array(WARPS, float32), cuda.local.array(4, float32)
    c, part, member = uint32(cuda.blockIdx.x), uint32(cuda.blockIdx.y), uint32(uint32(cuda.threadIdx.x) % TEAM)
    teams = uint32(BLOCK // TEAM)
    start, step = uint32(part * teams + uint32(cuda.threadIdx.x) // TEAM), uint32(cuda.gridDim.y * teams)
    origin = x[4 * uint32(plane_of(uint32(part * teams), pieces, C, c) * groups + part * teams % pieces * PIECE)]
    values = float32(0)
    total, lost = float32(0), float32(0)
    n = start
    while n < count:
        first = uint32(n % pieces * PIECE)
        last = uint32(min(groups, first + PIECE))
        values += float32(4 * (last - first)) if member == 0 else float32(0)
        plane = plane_of(n, pieces, C, c)
        i, past = uint32(plane * groups + first + member), uint32(plane * groups + last)
        while i < past:
            load_four(x, i, four)
            for k in range(4):
                four[k] -= origin
            total, lost = compensated(total, lost, (four[0] + four[1]) + (four[2] + four[3]))
            i = uint32(i + TEAM)
        n = uint32(n + step)
    values = block_sum_of_known_warps(values, shared)
    high, low = in_two(origin, block_sum_of_known_warps(total, shared) / values)
    square, lost = float32(0), float32(0)
    n = start
    while n < count:
        first = uint32(n % pieces * PIECE)
        plane = plane_of(n, pieces, C, c)
        i, past = uint32(plane * groups + first + member), uint32(plane * groups + min(groups, first + PIECE))
        while i < past:
            load_four(x, i, four)
            for k in range(4):
                four[k] = centred(four[k], high, low)
                four[k] *= four[k]
            square, lost = compensated(square, lost, (four[0] + four[1]) + (four[2] + four[3]))
            i = uint32(i + TEAM)
        n = uint32(n + step)
    square = block_sum_of_known_warps(square, shared)
    if cuda.threadIdx.x == 0:
        parts[0, c, part] = values
        parts[1, c, part] = high
        parts[2, c, part] = low
        parts[3, c, part] = square


@kernel
def sums_parts_fours(dy, x, mean, parts, C, groups, pieces, count, *, PIECE=512, TEAM=WARP, BLOCK=BLOCK, WARPS=8):
    """One block per part: the sums of dy and of dy (x - mean) over it; pieces and count as above."""
    shared, four, delta = cuda.shared.array(WARPS, float32), cuda.local.array(4, float32), cuda.local.array(4, float32)
    c, part, member = uint32(cuda.blockIdx.x), uint32(cuda.blockIdx.y), uint32(uint32(cuda.threadIdx.x) % TEAM)
    teams = uint32(BLOCK // TEAM)
    high = mean[0, c]
    sum_dy, lost_dy, sum_dy_x, lost_dy_x = float32(0), float32(0), float32(0), float32(0)
    n, step = uint32(part * teams + uint32(cuda.threadIdx.x) // TEAM), uint32(cuda.gridDim.y * teams)
    while n < count:
        first = uint32(n % pieces * PIECE)
        plane = plane_of(n, pieces, C, c)
        i, past = uint32(plane * groups + first + member), uint32(plane * groups + min(groups, first + PIECE))
        while i < past:
            load_four(x, i, four)
            load_four(dy, i, delta)
            for k in range(4):
                four[k] = delta[k] * (four[k] - high)
            sum_dy, lost_dy = compensated(sum_dy, lost_dy, (delta[0] + delta[1]) + (delta[2] + delta[3]))
            sum_dy_x, lost_dy_x = compensated(sum_dy_x, lost_dy_x, (four[0] + four[1]) + (four[2] + four[3]))
            i = uint32(i + TEAM)
        n = uint32(n + step)
    sum_dy = block_sum_of_known_warps(sum_dy, shared)
    sum_dy_x = block_sum_of_known_warps(sum_dy_x, shared)
    if cuda.threadIdx.x == 0:
        parts[0, c, part] = sum_dy
        parts[1, c, part] = sum_dy_x - mean[1, c] * sum_dy


# How they are launched.


def planes_in_fours(x, *others):
    """(planes, groups of a plane) of x (R, C, H, W); None where planes are no whole groups."""
    R, C, S = rcs(x).shape
    return (np.uint32(R * C), np.uint32(S // FOUR)) if S % FOUR == 0 and in_fours(x, *others) else None


def team_of(groups):
    """Threads for a plane, a power of two: about TURNS groups each, not so few that they ask for single sectors."""
    return min(max(power_of_two(groups // TURNS), min(2 * power_of_two(groups - 1), WARP // FOUR)), BLOCK)


def power_of_two(n):
    """The largest that is not above n, or 1/2 for 0."""
    return 2 ** (int(n).bit_length() - 1)


def over_planes(kernel, sizes, BLOCK):
    """A launch of a kernel that has a team for each plane, to be called with its arguments."""
    planes, groups = sizes
    team = int(team_of(groups))
    return kernel(TEAM=team, BLOCK=BLOCK)[math.ceil(int(planes) * team / BLOCK), BLOCK]


def over_parts(kernel, x, PIECE, BLOCK, BLOCKS):
    """(launch of a kernel over the parts of all channels, (C, parts), what it is told of x)."""
    R, C, S = rcs(x).shape
    groups = S // FOUR
    team, pieces = int(min(team_of(groups), BLOCK)), math.ceil(groups / PIECE)
    grid = C, min(math.ceil(R * pieces / (BLOCK // team)), math.ceil(BLOCKS / C))
    sizes = [np.uint32(n) for n in (C, groups, pieces, R * pieces)]
    return kernel(PIECE=PIECE, TEAM=team, BLOCK=BLOCK, WARPS=BLOCK // WARP)[grid, BLOCK], grid, sizes
