"""Layers of neurons of your own in the place of this project's: Zozoulenko (2018), eq. 3, 15, 17 and 18."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

SIDE = 8


@kernel
def linear_forward(x, w, b, y):
    """One thread per output y[r, j]: the inputs of example r, weighed by row j of w, and a bias."""
    ...  # as in `neuron`


@kernel
def linear_dx(dy, w, dx):
    """One thread per input dx[r, i]: the delta-errors of example r, weighed by column i of w."""
    ...  # as in `linear_dx`


@kernel
def linear_dw(dy, x, dw):
    """One thread per weight dw[j, i]: over all examples, what it weighed times what came of it."""
    ...  # as in `linear_dw`


@kernel
def linear_db(dy, db):
    """One thread per bias: a column of delta-errors, added up."""
    ...  # as in `linear_db`


def grid(matrix):
    """Blocks of SIDE x SIDE threads for a thread for each element; x runs along rows."""
    return -(-matrix.shape[1] // SIDE), -(-matrix.shape[0] // SIDE)


@rung
def forward(x, w, b, y):
    return [linear_forward[grid(y), (SIDE, SIDE)](x, w, b, y)]


@rung
def dx(dy, w, dx):
    return [linear_dx[grid(dx), (SIDE, SIDE)](dy, w, dx)]


@rung
def dw(dy, x, dw):
    return [linear_dw[grid(dw), (SIDE, SIDE)](dy, x, dw)]


@rung
def db(dy, db):
    return [linear_db[-(-db.size // SIDE), SIDE](dy, db)]


# What is not wanted is not computed.
backward = Ladder("dx", dx, writes="dx") + Ladder("dw", dw, writes="dw") + Ladder("db", db, writes="db")
