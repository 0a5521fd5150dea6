"""Convolution on a GPU, four ladders: forward, dx, dw and db. Source: Zozoulenko (2018), eq. 20-28.

Shapes as in reference.py; every kernel sums in float32 and in a fixed order, without atomics, so runs repeat
bit for bit. The first rungs are the equations, one thread for each value they define. The upper rungs see
that all three equations are matrix products, out[m, n] = sum over k of left[m, k] right[k, n]:

            m     n              k              left[m, k]          right[k, n]
    y       c'    (r, h', w')    (c, j, i)      w[c', c, j, i]      x[r, c, s h' + j - p, s w' + i - p]
    dx      c     (r, h, w)      (c', j, i)     w[c', c, j, i]      dy[r, c', (h + p - j) / s, (w + p - i) / s]
    dw      c'    (c, j, i)      (r, h', w')    dy[r, c', h', w']   x[r, c, s h' + j - p, s w' + i - p]

A place outside an array, in the padding or between strides, counts as 0.

The rungs, the files that they stand in, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   direct.py    one thread per output
              2   window.py    the inputs under a block's windows in shared memory: 18 times fewer sectors
              3   gemm.py      a matrix product, tiled in shared memory: 3.5 times less predicted time
              4   gemm.py      tiled once more, in registers: 1.9 times fewer sectors, 2.5 times fewer turns
              5   gemm.py      and read 16 bytes at a time: 3.1 times fewer turns, 3.1 times less predicted time
              6   placed.py    places as sums: what is left of index arithmetic is an addition
    dx        1   direct.py    one thread per input value, gathering
              2   gemm.py      a matrix product, tiled in shared memory: 9.0 times fewer sectors
              3   gemm.py      tiled once more, in registers: 2.5 times fewer sectors, 2.6 times fewer turns
              4   gemm.py      a product for each phase of the stride, wide reads: 3.4 times less predicted time
              5   placed.py    places as sums, and whether a weight meets an output as a bit
    dw        1   direct.py    one thread per weight
              2   reduced.py   one block per weight: 2.0 times fewer turns, 2.6 times less predicted time
              3   gemm.py      a matrix product tiled in registers, its sums in parts: 47 times fewer sectors
              4   gemm.py      and read 16 bytes at a time: 2.8 times fewer turns, 2.8 times less predicted time
              5   placed.py    places as sums: outputs are taken apart once for a block
    db        1   direct.py    one thread per channel
              2   reduced.py   one block per channel: 8.0 times fewer sectors, 610 times less predicted time
"""

from kernels.gpu import Ladder
from kernels.operations.conv2d.cuda.direct import db_1, dw_1, dx_1, forward_1
from kernels.operations.conv2d.cuda.gemm import dw_3, dw_4, dx_2, dx_3, dx_4, forward_3, forward_4, forward_5
from kernels.operations.conv2d.cuda.placed import dw_5, dx_5, forward_6
from kernels.operations.conv2d.cuda.reduced import db_2, dw_2
from kernels.operations.conv2d.cuda.window import forward_2

forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4, forward_5, forward_6)
backward = (
    Ladder("dx", dx_1, dx_2, dx_3, dx_4, dx_5, writes="dx")
    + Ladder("dw", dw_1, dw_2, dw_3, dw_4, dw_5, writes="dw")
    + Ladder("db", db_1, db_2, writes="db")
)
