"""The Mandelbrot set: a device function that takes a complex number apart, and a grid of two dimensions."""

import numpy as np
from numba import cuda


@cuda.jit(device=True)
def escape(real, imaginary, limit):
    c = complex(real, imaginary)
    z = 0.0j
    for n in range(limit):
        z = z * z + c
        if z.real * z.real + z.imag * z.imag >= 4:
            return n
    return limit


@cuda.jit
def mandelbrot(left, right, bottom, top, image, limit):
    height, width = image.shape
    dx, dy = (right - left) / width, (top - bottom) / height
    startx, starty = cuda.grid(2)
    stridex, stridey = cuda.gridDim.x * cuda.blockDim.x, cuda.gridDim.y * cuda.blockDim.y
    for x in range(startx, width, stridex):
        for y in range(starty, height, stridey):
            image[y, x] = escape(left + x * dx, bottom + y * dy, limit)


image = np.zeros((16, 24), np.uint8)
mandelbrot[(2, 2), (8, 4)](-2.0, 1.0, -1.0, 1.0, image, 20)

xs, ys = np.meshgrid(-2 + np.arange(24) * 0.125, -1 + np.arange(16) * 0.125)
c, z, expected = xs + 1j * ys, np.zeros(xs.shape, complex), np.full(xs.shape, 20)
for n in range(20):
    z = np.where(np.abs(z) < 1e3, z * z + c, z)
    expected = np.where((expected == 20) & (np.abs(z) >= 2), n, expected)
assert (image == expected).mean() > 0.99
print(f"mandelbrot: {(image == 20).sum()} of {image.size} points never leave")
