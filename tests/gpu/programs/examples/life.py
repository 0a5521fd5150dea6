"""Conway's game of life on a torus."""

import numpy as np
from numba import cuda


@cuda.jit
def generation(cells, after):
    row, column = cuda.grid(2)
    height, width = cells.shape
    if row >= height or column >= width:
        return
    around = 0
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            if dr != 0 or dc != 0:
                around += cells[(row + dr) % height, (column + dc) % width]
    after[row, column] = around == 3 or (around == 2 and cells[row, column] == 1)


cells = np.zeros((16, 16), np.uint8)
for row, column in ((0, 1), (1, 2), (2, 0), (2, 1), (2, 2)):  # a glider
    cells[row, column] = 1
now, after = cuda.to_device(cells), cuda.device_array_like(cells)
for _ in range(8):
    generation[(2, 2), (8, 8)](now, after)
    now, after = after, now
assert np.array_equal(now.copy_to_host(), np.roll(cells, (2, 2), (0, 1)))
print("life: a glider has gone two cells down and two to the right")
