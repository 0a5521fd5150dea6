"""Linear layer on CPU cores: the three matrix products of eq. 3, 15 and 17 by NumPy's BLAS, straight into place.

Source: Zozoulenko (2018). Shapes as in reference.py.
"""

import numpy as np


def forward(x, w, b, y):
    """y = x wT + b (eq. 3). BLAS reads a transposed matrix where it stands."""
    np.matmul(x, w.T, out=y)
    if b is not None:
        y += b


def backward(dy, x, w, dx, dw, db):
    """dx = dy w, dw = dyT x, db = the column sums of dy."""
    if dx is not None:
        np.matmul(dy, w, out=dx)
    if dw is not None:
        np.matmul(dy.T, x, out=dw)
    if db is not None:
        np.sum(dy, axis=0, out=db)
