"""Addition in NumPy. Source: He et al. (2016), eq. 1, the residual connection.

a, b, y of one shape. y may be a itself: so the delta-errors of a value that fans out, each the
gradient of the loss with respect to it along one way, are added up.
"""


def forward(a, b, y):
    """y = a + b."""
    y[...] = a + b


def backward(dy, da, db):
    """da = dy and db = dy; either may be None."""
    for gradient in (da, db):
        if gradient is not None:
            gradient[...] = dy
