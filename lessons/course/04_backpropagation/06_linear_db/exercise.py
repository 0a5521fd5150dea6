"""The backward of a linear layer, for its biases: Zozoulenko (2018), eq. 18."""

from kernels.gpu import cuda, float32, kernel

SIDE = 8


@kernel
def linear_db(dy, db):
    """A block for 8 columns of dy, 8 threads to each: they share the examples out, and their sums meet in a tree."""
    sums = cuda.shared.array((SIDE, SIDE), float32)
    tj = ...  # which of the 8 columns is yours, from 0 to 7
    tr = ...  # which share of its examples, from 0 to 7
    j = ...  # which column of dy it is
    total = float32(0)
    ...  # add up your share of column j in total: every 8th example, beginning at tr
    sums[tr, tj] = total
    half = SIDE // 2
    while half > 0:
        cuda.syncthreads()  # the level above is complete
        if tr < half:
            sums[tr, tj] += sums[tr + half, tj]
        half //= 2
    if tr == 0 and j < db.size:
        db[j] = sums[0, tj]


def launches(dy, db):
    """A block of 8 times 8 threads for each 8 biases."""
    return [linear_db[-(-db.size // SIDE), (SIDE, SIDE)](dy, db)]
