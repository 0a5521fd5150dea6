"""@guvectorize for the GPU: the moving mean of each row, and a product of matrices."""

import numpy as np
from numba import guvectorize


@guvectorize(["void(float64[:], int64[:], float64[:])"], "(n),()->(n)", target="cuda")
def moving_mean(x, window, out):
    total, count = 0.0, 0
    for i in range(x.shape[0]):
        total += x[i]
        count += 1
        if count > window[0]:
            total -= x[i - window[0]]
            count -= 1
        out[i] = total / count


@guvectorize(["void(float32[:,:], float32[:,:], float32[:,:])"], "(m,n),(n,p)->(m,p)", target="cuda")
def products(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


rng = np.random.default_rng(11)
x = rng.random((6, 20))
found = moving_mean(x, 5)
for row, means in zip(x, found, strict=True):
    assert np.allclose(means, [row[max(0, i - 4) : i + 1].mean() for i in range(20)])
a, b = rng.random((7, 3, 4), np.float32), rng.random((7, 4, 5), np.float32)
assert np.allclose(products(a, b), a @ b, rtol=1e-5)
print("generalised: moving means of 6 rows, 7 products")
