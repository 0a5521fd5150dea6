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
from kernels.operations.batchnorm.cuda.channels import BLOCK, in_two, rcs

TURNS = 4  # that a thread takes over a plane, about: more share more, fewer are more threads
TOGETHER = 8  # groups that a thread asks for at once where it sums over a channel
PAIRS = 4  # the same where it takes groups of two arrays


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
    """TEAM threads per plane (eq. 51 as corrected; as a sum, which a compiler makes a multiply-add)."""
    four, delta = cuda.local.array(4, float32), cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    plane = uint32(thread // TEAM)
    if plane < planes:
        c = uint32(plane % uint32(gamma.size))
        high = mean[0, c]
        scale = gamma[c] * inverse_std[c]
        slope = -dgamma[c] * inverse_std[c] / RHW
        shift = dbeta[c] / RHW + mean[1, c] * slope
        n, past = uint32(plane * groups + thread % TEAM), uint32(plane * groups + groups)
        while n < past:
            load_four(x, n, four)
            load_four(dy, n, delta)
            for k in range(4):
                delta[k] = scale * ((delta[k] - shift) + (four[k] - high) * slope)
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


# Sums over a channel: the grid is (channels, shares of its planes, pieces of a plane). The teams of a block take turns
# over the planes of its share, and of each the same piece: so nothing is divided to know where one stands. A thread
# takes TOGETHER groups before it compensates, and single ones at the end of a piece.


@device
def part_of(count, size, n):
    """(first, past) of part n of `count` things, cut into parts of `size`, of which the last may be shorter."""
    first = uint32(n * size)
    return first, uint32(min(count, uint32(first + size)))


@device
def group_of(r, c, C, groups, group):
    """The number of a group of plane (r, c), in the whole array."""
    return uint32(uint32(uint32(uint32(r * C) + c) * groups) + group)


@device
def sum_about(x, n, step, origin, *, GROUPS=TOGETHER):
    """The sum over GROUPS groups, `step` groups apart, of the distances of their values from `origin`."""
    four, part = cuda.local.array(4, float32), cuda.local.array(4, float32)
    for turn in range(GROUPS):
        load_four(x, n + turn * step, four)
        for k in range(4):
            distance = four[k] - origin
            part[k] = distance if turn == 0 else part[k] + distance
    return (part[0] + part[1]) + (part[2] + part[3])


@device
def squares_about(x, n, step, mean, *, GROUPS=TOGETHER):
    """The same of the squares of their distances from `mean`."""
    four, part = cuda.local.array(4, float32), cuda.local.array(4, float32)
    for turn in range(GROUPS):
        load_four(x, n + turn * step, four)
        for k in range(4):
            distance = four[k] - mean
            part[k] = distance * distance if turn == 0 else part[k] + distance * distance
    return (part[0] + part[1]) + (part[2] + part[3])


@device
def products_about(dy, x, n, step, mean, *, GROUPS=PAIRS):
    """The same of dy, and of the products of dy with the distances of x from `mean`."""
    four, delta = cuda.local.array(4, float32), cuda.local.array(4, float32)
    part, part_x = cuda.local.array(4, float32), cuda.local.array(4, float32)
    for turn in range(GROUPS):
        load_four(x, n + turn * step, four)
        load_four(dy, n + turn * step, delta)
        for k in range(4):
            product = delta[k] * (four[k] - mean)
            part[k] = delta[k] if turn == 0 else part[k] + delta[k]
            part_x[k] = product if turn == 0 else part_x[k] + product
    return (part[0] + part[1]) + (part[2] + part[3]), (part_x[0] + part_x[1]) + (part_x[2] + part_x[3])


sum_about_of_one, squares_about_of_one = sum_about(GROUPS=1), squares_about(GROUPS=1)
products_about_of_one = products_about(GROUPS=1)


@kernel
def statistics_parts_fours(x, parts, R, C, groups, share, piece, *, TEAM=WARP, BLOCK=BLOCK, WARPS=8):
    """One block per part: the number of its values, their mean in two float32, and the sum of squares about it.

    Squares are about the mean as one float32, the nearest, and no value lies between the two: so they are at most twice
    those about the mean, and what they are too much, low * low for each value, can be taken off their sum.

    Each value is read twice and takes two operations each time: with its loads, 2.25 instructions for 4 bytes.
    """
    shared = cuda.shared.array(WARPS, float32)
    thread, c = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    team, member, teams = uint32(thread // TEAM), uint32(thread % TEAM), uint32(BLOCK // TEAM)
    first_r, past_r = part_of(R, share, uint32(cuda.blockIdx.y))
    first, past = part_of(groups, piece, uint32(cuda.blockIdx.z))
    origin = x[4 * group_of(first_r, c, C, groups, first)]
    start, step = group_of(uint32(first_r + team), c, C, groups, first), uint32(uint32(teams * C) * groups)
    values = float32(uint32(4 * uint32(uint32(past_r - first_r) * uint32(past - first))))
    total, lost = float32(0), float32(0)
    r, n = uint32(first_r + team), start
    while r < past_r:
        i, end = uint32(n + member), uint32(n + past - first)
        while i + (TOGETHER - 1) * TEAM < end:
            total, lost = compensated(total, lost, sum_about(x, i, TEAM, origin))
            i = uint32(i + TOGETHER * TEAM)
        while i < end:
            total, lost = compensated(total, lost, sum_about_of_one(x, i, TEAM, origin))
            i = uint32(i + TEAM)
        r, n = uint32(r + teams), uint32(n + step)
    high, low = in_two(origin, block_sum_of_known_warps(total, shared) / values)
    square, lost = float32(0), float32(0)
    r, n = uint32(first_r + team), start
    while r < past_r:
        i, end = uint32(n + member), uint32(n + past - first)
        while i + (TOGETHER - 1) * TEAM < end:
            square, lost = compensated(square, lost, squares_about(x, i, TEAM, high))
            i = uint32(i + TOGETHER * TEAM)
        while i < end:
            square, lost = compensated(square, lost, squares_about_of_one(x, i, TEAM, high))
            i = uint32(i + TEAM)
        r, n = uint32(r + teams), uint32(n + step)
    square = block_sum_of_known_warps(square, shared)
    if thread == 0:
        part = uint32(uint32(cuda.blockIdx.y * cuda.gridDim.z) + cuda.blockIdx.z)
        parts[0, c, part] = values
        parts[1, c, part] = high
        parts[2, c, part] = low
        parts[3, c, part] = square - values * (low * low)


@kernel
def sums_parts_fours(dy, x, mean, parts, R, C, groups, share, piece, *, TEAM=WARP, BLOCK=BLOCK, WARPS=8):
    """One block per part: the sums of dy and of dy (x - mean) over it."""
    shared = cuda.shared.array(WARPS, float32)
    thread, c = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    team, member, teams = uint32(thread // TEAM), uint32(thread % TEAM), uint32(BLOCK // TEAM)
    first_r, past_r = part_of(R, share, uint32(cuda.blockIdx.y))
    first, past = part_of(groups, piece, uint32(cuda.blockIdx.z))
    high = mean[0, c]
    sum_dy, lost_dy, sum_dy_x, lost_dy_x = float32(0), float32(0), float32(0), float32(0)
    r, step = uint32(first_r + team), uint32(uint32(teams * C) * groups)
    n = group_of(r, c, C, groups, first)
    while r < past_r:
        i, end = uint32(n + member), uint32(n + past - first)
        while i + (PAIRS - 1) * TEAM < end:
            some_dy, some_dy_x = products_about(dy, x, i, TEAM, high)
            sum_dy, lost_dy = compensated(sum_dy, lost_dy, some_dy)
            sum_dy_x, lost_dy_x = compensated(sum_dy_x, lost_dy_x, some_dy_x)
            i = uint32(i + PAIRS * TEAM)
        while i < end:
            some_dy, some_dy_x = products_about_of_one(dy, x, i, TEAM, high)
            sum_dy, lost_dy = compensated(sum_dy, lost_dy, some_dy)
            sum_dy_x, lost_dy_x = compensated(sum_dy_x, lost_dy_x, some_dy_x)
            i = uint32(i + TEAM)
        r, n = uint32(r + teams), uint32(n + step)
    sum_dy = block_sum_of_known_warps(sum_dy, shared)
    sum_dy_x = block_sum_of_known_warps(sum_dy_x, shared)
    if thread == 0:
        part = uint32(uint32(cuda.blockIdx.y * cuda.gridDim.z) + cuda.blockIdx.z)
        parts[0, c, part] = sum_dy
        parts[1, c, part] = sum_dy_x - mean[1, c] * sum_dy


# How they are launched.


def planes_in_fours(x, *others):
    """(planes, groups of a plane) of x (R, C, H, W); None where planes are no whole groups."""
    R, C, S = rcs(x).shape
    return (np.uint32(R * C), np.uint32(S // FOUR)) if S % FOUR == 0 and in_fours(x, *others) else None


def team_of(groups):
    """Threads for a plane, a power of two: about TURNS groups each, not so few that they ask for single sectors."""
    return int(min(max(power_of_two(groups // TURNS), min(2 * power_of_two(groups - 1), WARP // FOUR)), BLOCK))


def team_of_sums(groups, planes, threads):
    """Threads for a plane that take TOGETHER groups each at every turn, with no more than one left over.

    As few as give `threads` in all: the fewer they are, the less often a plane begins and ends.
    """
    teams = [2**n for n in range(3, 9) if TOGETHER << n <= groups and math.ceil(groups / 2**n) % TOGETHER <= 1]
    enough = [team for team in teams if planes * team >= threads]
    return min(enough, default=max(teams, default=team_of(groups)))


def power_of_two(n):
    """The largest that is not above n, or 1/2 for 0."""
    return 2 ** (int(n).bit_length() - 1)


def over_planes(kernel, sizes, BLOCK):
    """A launch of a kernel that has a team for each plane, to be called with its arguments."""
    planes, groups = sizes
    team = team_of(groups)
    return kernel(TEAM=team, BLOCK=BLOCK)[math.ceil(int(planes) * team / BLOCK), BLOCK]


def over_parts(kernel, x, PIECE, BLOCK, BLOCKS):
    """(launch of a kernel over the parts of all channels, (C, parts), what it is told of x).

    Where the planes of a channel are fewer than fill a GPU, they are cut into pieces, of whole turns of a block.
    """
    R, C, S = rcs(x).shape
    groups = S // FOUR
    team = min(team_of_sums(groups, R * C, BLOCKS * BLOCK), BLOCK)
    share = math.ceil(R / min(math.ceil(R * team / BLOCK), math.ceil(BLOCKS / C)))
    shares = math.ceil(R / share)
    piece = PIECE * math.ceil(groups / math.ceil(BLOCKS / (C * shares)) / PIECE)
    pieces = math.ceil(groups / piece)
    sizes = [np.uint32(n) for n in (R, C, groups, share, piece)]
    launch = kernel(TEAM=team, BLOCK=BLOCK, WARPS=BLOCK // WARP)[(C, shares, pieces), BLOCK]
    return launch, (C, shares * pieces), sizes
