"""Adaptive training sample selection on CPU cores: each core takes whole pictures. Source: Zhang et al. (2020).

Shapes and rules as in reference.py.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.iou import functions as iou
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE
from kernels.operations.match_atss import functions
from kernels.operations.match_atss.functions import SLACK

LANES = 64  # anchors that are looked at together


@checked
def forward(anchors, boxes, label, matched, levels, candidates, best):
    """matched[r,n] = argmax over m of IoU(anchors[n], boxes[r,m]), of the faces that claim the anchor."""
    loop = forward_loop(iou.overlap, iou.covered, iou.corners, functions.center, functions.inside)
    ends = np.cumsum(levels or anchors.shape[:1])
    loop(anchors, boxes, label, matched, ends, min(candidates, anchors.shape[0]), best)


@functools.cache
def forward_loop(overlap, covered, corners, center, inside):
    """A compiled loop over pictures and their faces, each of which looks at all anchors for those that are nearest."""
    overlap, covered, corners = jitable(overlap), jitable(covered), jitable(corners)
    center, inside = jitable(center), jitable(inside)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(anchors, boxes, label, matched, ends, candidates, best):
        N, M = anchors.shape[0], label.shape[1]
        x, y = np.empty(N, np.float32), np.empty(N, np.float32)
        for n in range(N):
            x[n], y[n] = center(corners(anchors, n))
        for r in prange(label.shape[0]):
            found = np.empty(ends.size * candidates, np.int64)
            ious = np.empty(ends.size * candidates, np.float32)
            distance = np.empty(N, np.float32)
            claim = np.zeros(N, np.float32)
            champion = np.full(M, -1)
            most = np.zeros(M, np.float32)
            holder = matched[r]
            holder[:] = BACKGROUND
            for m in range(M):
                if label[r, m] == FACE:
                    face = corners(boxes[r], m)
                    count = nearest(x, y, ends, center(face), candidates, distance, found)
                    for c in range(count):
                        n = found[c]
                        ious[c] = overlap(corners(anchors, n), face)
                        if ious[c] > most[m] or (ious[c] == most[m] and n < champion[m]):
                            champion[m], most[m] = n, ious[c]
                    least = threshold(ious[:count])
                    for c in range(count):
                        n = found[c]
                        # Only a larger overlap replaces the largest so far, so the first of equal faces wins.
                        if ious[c] >= least and ious[c] > claim[n] and inside((x[n], y[n]), face):
                            holder[n], claim[n] = m, ious[c]
            if best:
                crown(champion, most, holder, claim)
            for m in range(M):
                if label[r, m] == IGNORED_FACE:
                    box = corners(boxes[r], m)
                    for n in range(N):
                        if holder[n] == BACKGROUND and covered(corners(anchors, n), box) >= np.float32(0.5):
                            holder[n] = IGNORED_ANCHOR

    return loop


@njit(cache=True)
def nearest(x, y, ends, face, candidates, distance, found):
    """On each level the anchors whose centres x, y (N,) are nearest to that of a face: writes them to `found`.

    distance (N,) is room to work in. Returns how many there are.
    """
    near = np.empty(candidates, np.float32)
    begin, total = 0, 0
    for end in ends:
        level = distance[begin:end]
        bound = measure(x[begin:end], y[begin:end], face, candidates, level)
        near[:] = np.inf
        count = 0
        for first in range(0, level.size, LANES):
            part = level[first : first + LANES]
            within = 0
            for d in part:  # in vectors
                within += d <= bound
            for i in range(part.size if within else 0):
                if part[i] <= bound and part[i] < near[-1]:  # the first of equals is there already, and stays
                    count = min(count + 1, candidates)
                    place = count - 1
                    while place > 0 and near[place - 1] > part[i]:
                        near[place], found[total + place] = near[place - 1], found[total + place - 1]
                        place -= 1
                    near[place], found[total + place] = part[i], begin + first + i
        total += count
        begin = end
    return total


@njit(cache=True)
def measure(x, y, face, candidates, distance):
    """Write the squared distances of one level, and return what those of its candidates do not exceed.

    Every LANES-th anchor has a least distance; as many of these as there are candidates are candidates enough. So most
    anchors are seen in vectors only.
    """
    for n in range(distance.size):
        distance[n] = (x[n] - face[0]) * (x[n] - face[0]) + (y[n] - face[1]) * (y[n] - face[1])
    least = np.full(LANES, np.float32(np.inf))
    for first in range(0, distance.size, LANES):
        part = distance[first : first + LANES]
        for lane in range(part.size):
            least[lane] = part[lane] if part[lane] < least[lane] else least[lane]
    bound = np.float32(0)
    for value in least:
        below = 0
        for other in least:
            below += 1 if other < value else 0
        bound = max(bound, value) if below < candidates else bound
    return bound if candidates <= LANES else np.float32(np.inf)


@njit(cache=True)
def threshold(ious):
    """Mean and standard deviation of a face's candidates together."""
    mean, square = np.float32(0), np.float32(0)
    for overlap in ious:
        mean += overlap / np.float32(ious.size)
    for overlap in ious:
        square += (overlap - mean) * (overlap - mean)
    return mean + np.sqrt(square / np.float32(max(1, ious.size - 1))) - np.float32(SLACK)


@njit(cache=True)
def crown(champion, most, holder, claim):
    """Each face without an anchor claims its champion."""
    without = np.full(champion.size, True)
    for face in holder:
        if face >= 0:
            without[face] = False
    for m in range(champion.size):
        n = champion[m]
        if n >= 0 and without[m] and (most[m] > claim[n] or (most[m] == claim[n] and m < holder[n])):
            holder[n], claim[n] = m, most[m]
