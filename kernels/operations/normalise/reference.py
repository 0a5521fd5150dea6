"""Normalisation in NumPy. Source: Zozoulenko (2018), eq. 39, with moments that are known beforehand.

x (R, H, W, C) uint8, channels last as pictures are stored -> y (R, C, H, W), channels first as convolutions read.
mean and std: C numbers each, of values between 0 and 1.
"""

import numpy as np


def forward(x, y, mean, std):
    """y[r,c,h,w] = (x[r,h,w,c] / 255 - mean[c]) / std[c]."""
    y[...] = ((x / 255 - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)
