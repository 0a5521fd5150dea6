"""The delta-error of a bias: Murugan (2017), eq. 3.72-3.74, of many examples."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def conv_db(dy, db):
    """One thread per channel."""
    c_out = cuda.grid(1)
    if c_out < db.size:
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    total += dy[r, c_out, h_out, w_out]
        db[c_out] = total


def launches(dy, db):
    """dy (R, C', H', W') -> db (C',)."""
    return [conv_db[-(-db.size // BLOCK), BLOCK](dy, db)]
