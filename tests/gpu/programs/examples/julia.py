"""A Julia set in complex numbers, and an array of them as an argument."""

import numpy as np
from numba import cuda


@cuda.jit
def julia(start, c, turns, steps):
    i = cuda.grid(1)
    if i < start.size:
        z = start[i]
        n = 0
        while n < turns and abs(z) <= 2.0:
            z = z * z + c
            n += 1
        steps[i] = n
        start[i] = z


real, imaginary = np.meshgrid(np.linspace(-1.5, 1.5, 20), np.linspace(-1, 1, 15))
z = (real + 1j * imaginary).ravel()
d_z, steps = cuda.to_device(z), cuda.device_array(z.size, np.int32)
julia[5, 64](d_z, -0.7 + 0.27015j, 30, steps)
expected = np.zeros(z.size, np.int32)
for _ in range(30):
    inside = np.abs(z) <= 2
    z[inside] = z[inside] ** 2 + (-0.7 + 0.27015j)
    expected += inside
found = steps.copy_to_host()
assert (found == expected).mean() > 0.98
same = found == expected
assert np.allclose(d_z.copy_to_host()[same], z[same], rtol=1e-3)
print(f"julia: {(found == 30).sum()} of {found.size} points never leave")
