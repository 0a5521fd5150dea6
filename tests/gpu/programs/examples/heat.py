"""Heat spreads along a rod: all time steps in one launch, the whole grid synchronised between them."""

import numpy as np
from numba import cuda, float32


@cuda.jit("void(float32[::1], float32[::1], int64, float32)")
def spread(now, after, steps, k):
    i = cuda.grid(1)
    grid = cuda.cg.this_grid()
    for step in range(steps):
        source, target = (now, after) if step % 2 == 0 else (after, now)
        if i < now.size:
            left = source[i - 1] if i > 0 else float32(0)
            right = source[i + 1] if i < now.size - 1 else float32(0)
            target[i] = source[i] + k * (left - float32(2) * source[i] + right)
        grid.sync()


size, steps, k = 201, 30, np.float32(0.25)
rod = np.zeros(size, np.float32)
rod[size // 2] = 100

threads = 64
blocks = -(-size // threads)
assert blocks <= spread.overloads[spread.signatures[0]].max_cooperative_grid_blocks(threads)
now, after = cuda.to_device(rod), cuda.to_device(np.zeros_like(rod))
spread[blocks, threads](now, after, steps, k)

expected = rod.astype(np.float64)
for _ in range(steps):
    padded = np.pad(expected, 1)
    expected = expected + 0.25 * (padded[:-2] - 2 * expected + padded[2:])
found = (now if steps % 2 == 0 else after).copy_to_host()
assert np.allclose(found, expected, atol=1e-4)
print(f"heat: {steps} steps of {size} cells, {found.sum():.2f} in all")
