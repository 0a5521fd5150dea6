"""Concatenation in NumPy. Source: Lin et al. (2017), Focal Loss, section 4.

a (R, M, N), b (R, P, N) -> y (R, M + P, N): with R pictures and N numbers for each anchor, the M anchors of one level
of a pyramid and then the P anchors of the next.
"""


def forward(a, b, y):
    """y[r,i,n] = a[r,i,n] for i < M, b[r,i-M,n] for the others."""
    M = a.shape[1]
    y[:, :M] = a
    y[:, M:] = b


def backward(dy, da, db):
    """da[r,m,n] = dy[r,m,n] and db[r,p,n] = dy[r,M+p,n]; either may be None."""
    if da is not None:
        da[...] = dy[:, : da.shape[1]]
    if db is not None:
        db[...] = dy[:, dy.shape[1] - db.shape[1] :]
