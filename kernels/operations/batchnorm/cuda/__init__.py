"""Batch normalization on a GPU, a ladder of four rungs each way.

Source: Zozoulenko (2018), eq. 37-42 and 51-53, of which 51 is corrected. Shapes as in reference.py; the kernels see x,
y and their delta-errors as (R, C, S), S = H * W or 1. Both directions launch twice: first every channel is summed up,
then every value is computed. The rungs differ in how they sum; all use float32 and a fixed order, without atomics, so
runs repeat bit for bit.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    statistics   1   one thread per channel
                 2   one block per channel: 8.0 times fewer sectors, 960 times less predicted time
                 3   several blocks per channel: 1.2 times less predicted time
                 4   four values at once
    values       1   one thread per value
                 2   four values at once, by threads that stay in a channel
    backward     1   one thread per channel for the sums, one per value for dx
                 2   one block per channel for the sums: 3.1 times fewer sectors, 240 times less predicted time
                 3   several blocks per channel for the sums
                 4   four values at once, by threads that stay in a channel

Values far from zero would cost a sum its digits. So what is added up is the distance from one value of the channel
for the mean, and the distance from the mean for the variance, in a second run over the channel; and the mean is kept
in two float32, since the distance from a rounded mean is another one.
"""

from kernels.gpu import Ladder
from kernels.operations.batchnorm.cuda.backward import backward_1, backward_2, backward_3, backward_4
from kernels.operations.batchnorm.cuda.forward import (
    statistics_1,
    statistics_2,
    statistics_3,
    statistics_4,
    values_1,
    values_2,
)

forward = Ladder("statistics", statistics_1, statistics_2, statistics_3, statistics_4) + Ladder(
    "values", values_1, values_2
)
backward = Ladder("backward", backward_1, backward_2, backward_3, backward_4)
