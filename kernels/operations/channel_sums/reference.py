"""Sums over each channel in NumPy. Source: Zozoulenko (2018), eq. 37-38, their sums.

x (R, C, H, W) or (R, C) -> sums (2, C) float64: of the values, and of their squares. Of n values the mean is
sums[0] / n and the variance sums[1] / n - mean^2. float64, since that difference costs digits where the mean is far
from zero: of the 16 there are, twice as many as the mean is longer than the deviation.
"""

from kernels.operations.batchnorm.reference import all_but_channels


def forward(x, sums):
    """sums[0, c] = sum of x, sums[1, c] = sum of x^2, over r, h and w."""
    sums[0] = x.sum(axis=all_but_channels(x), dtype="float64")
    sums[1] = (x.astype("float64") ** 2).sum(axis=all_but_channels(x))
