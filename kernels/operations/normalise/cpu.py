"""Normalisation on CPU cores: each core takes whole rows of pictures. Source: Zozoulenko (2018), eq. 39.

Shapes as in reference.py. Of colour pictures, where it counts, (x / 255 - mean) / std is one multiplication and one
addition for each value.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@checked
def forward(x, y, mean, std):
    """y[r,c,h,w] = (x[r,h,w,c] / 255 - mean[c]) / std[c]."""
    if x.shape[3] == 3:
        scale = (1 / (255 * np.array(std))).astype(np.float32)
        shift = (-np.array(mean) / np.array(std)).astype(np.float32)
        _three_channels(x, y, scale, shift)
    else:
        _channels(x, y, np.array(mean, np.float32), np.array(std, np.float32))


@njit(parallel=True, cache=True)
def _three_channels(x, y, scale, shift):
    """A pixel's three bytes at a time: with the stride known, the compiler picks them apart in vector registers."""
    R, H, W, _ = x.shape
    for rh in prange(R * H):
        r, h = rh // H, rh % H
        pixels = x[r, h].reshape(3 * W)
        red, green, blue = y[r, 0, h], y[r, 1, h], y[r, 2, h]
        for w in range(W):
            red[w] = np.float32(pixels[3 * w]) * scale[0] + shift[0]
            green[w] = np.float32(pixels[3 * w + 1]) * scale[1] + shift[1]
            blue[w] = np.float32(pixels[3 * w + 2]) * scale[2] + shift[2]


@njit(parallel=True, cache=True)
def _channels(x, y, mean, std):
    """Any other number of channels, one after the other."""
    R, H, W, C = x.shape
    for rh in prange(R * H):
        r, h = rh // H, rh % H
        for c in range(C):
            for w in range(W):
                y[r, c, h, w] = (np.float32(x[r, h, w, c]) / np.float32(255) - mean[c]) / std[c]
