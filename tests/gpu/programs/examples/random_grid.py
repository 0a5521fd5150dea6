"""Random numbers in a grid of three dimensions, each thread with a generator and several cells; and normal ones."""

import numpy as np
from numba import cuda
from numba.cuda.random import (
    create_xoroshiro128p_states,
    xoroshiro128p_normal_float32,
    xoroshiro128p_uniform_float64,
)


@cuda.jit
def fill(cube, states):
    startx, starty, startz = cuda.grid(3)
    stridex, stridey, stridez = cuda.gridsize(3)
    own = (startz * stridey * stridex) + (starty * stridex) + startx
    for z in range(startz, cube.shape[0], stridez):
        for y in range(starty, cube.shape[1], stridey):
            for x in range(startx, cube.shape[2], stridex):
                cube[z, y, x] = xoroshiro128p_uniform_float64(states, own)


@cuda.jit
def walk(ends, states, steps):
    i = cuda.grid(1)
    if i < ends.shape[0]:
        place = np.float32(0)
        for _ in range(steps):
            place += xoroshiro128p_normal_float32(states, i)
        ends[i] = place


threads, blocks = (4, 2, 2), (2, 2, 1)
states = create_xoroshiro128p_states(4 * 2 * 2 * 4, seed=1)
cube = cuda.device_array((5, 9, 13), np.float64)
fill[blocks, threads](cube, states)
values = cube.copy_to_host()
assert ((values >= 0) & (values < 1)).all()
assert abs(values.mean() - 0.5) < 0.05
assert np.unique(values).size == values.size

ends = cuda.device_array(64, np.float32)
walk[2, 32](ends, states, 20)
assert 2 < ends.copy_to_host().std() < 8
print(f"random grid: {values.size} cells, 64 random walks")
