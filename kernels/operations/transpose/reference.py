"""Transposition in NumPy. Source: Ruetsch and Micikevicius (2009).

x (R, M, N) -> y (R, N, M): each of the R matrices by itself. With the channels of a picture as its M rows and the
H * W places as its N columns, the channels of a place become neighbours: channels go last.
"""


def forward(x, y):
    """y[r,n,m] = x[r,m,n]."""
    y[...] = x.swapaxes(1, 2)


def backward(dy, dx):
    """dx[r,m,n] = dy[r,n,m]: what was moved moves back."""
    dx[...] = dy.swapaxes(1, 2)
