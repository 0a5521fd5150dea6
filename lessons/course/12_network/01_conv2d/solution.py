"""Convolution of your own in the place of this project's: Zozoulenko (2018), eq. 22-28."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

BLOCK = 64


@kernel
def conv_forward(x, w, b, y, stride_h, stride_w, pad_h, pad_w):
    """One thread per output y[r, d, h_out, w_out]: its window of x, times the weights of channel d, and a bias."""
    n = cuda.grid(1)
    if n < y.size:
        w_out = n % y.shape[3]
        h_out = n // y.shape[3] % y.shape[2]
        d = n // (y.shape[3] * y.shape[2]) % y.shape[1]
        r = n // (y.shape[3] * y.shape[2] * y.shape[1])
        top, left = h_out * stride_h - pad_h, w_out * stride_w - pad_w
        total = b[d]
        for c in range(x.shape[1]):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    row, column = top + j, left + i
                    if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                        total += x[r, c, row, column] * w[d, c, j, i]
        y[r, d, h_out, w_out] = total


@kernel
def conv_dx(dy, w, dx, stride_h, stride_w, pad_h, pad_w):
    """One thread per input dx[r, c, row, column]: it collects from the outputs whose windows it stood in."""
    n = cuda.grid(1)
    if n < dx.size:
        column = n % dx.shape[3]
        row = n // dx.shape[3] % dx.shape[2]
        c = n // (dx.shape[3] * dx.shape[2]) % dx.shape[1]
        r = n // (dx.shape[3] * dx.shape[2] * dx.shape[1])
        total = float32(0)
        for j in range(w.shape[2]):
            for i in range(w.shape[3]):
                top, left = row + pad_h - j, column + pad_w - i
                if top % stride_h == 0 and left % stride_w == 0:
                    h_out, w_out = top // stride_h, left // stride_w
                    if 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:
                        for d in range(w.shape[0]):
                            total += dy[r, d, h_out, w_out] * w[d, c, j, i]
        dx[r, c, row, column] = total


@kernel
def conv_dw(dy, x, dw, stride_h, stride_w, pad_h, pad_w):
    """One thread per weight dw[d, c, j, i]: over all examples and places, what it weighed times what came of it."""
    n = cuda.grid(1)
    if n < dw.size:
        i = n % dw.shape[3]
        j = n // dw.shape[3] % dw.shape[2]
        c = n // (dw.shape[3] * dw.shape[2]) % dw.shape[1]
        d = n // (dw.shape[3] * dw.shape[2] * dw.shape[1])
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    row, column = h_out * stride_h + j - pad_h, w_out * stride_w + i - pad_w
                    if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                        total += x[r, c, row, column] * dy[r, d, h_out, w_out]
        dw[d, c, j, i] = total


@kernel
def conv_db(dy, db):
    """One thread per bias: the sum of the delta-errors of its channel."""
    d = cuda.grid(1)
    if d < db.size:
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    total += dy[r, d, h_out, w_out]
        db[d] = total


def blocks(array):
    """Enough for a thread for each element."""
    return -(-array.size // BLOCK)


@rung
def forward(x, w, b, y, stride, padding):
    return [conv_forward[blocks(y), BLOCK](x, w, b, y, *stride, *padding)]


@rung
def dx(dy, w, dx, stride, padding):
    return [conv_dx[blocks(dx), BLOCK](dy, w, dx, *stride, *padding)]


@rung
def dw(dy, x, dw, stride, padding):
    return [conv_dw[blocks(dw), BLOCK](dy, x, dw, *stride, *padding)]


@rung
def db(dy, db):
    return [conv_db[blocks(db), BLOCK](dy, db)]


# What is not wanted is not computed: of the first layer nobody wants dx.
backward = Ladder("dx", dx, writes="dx") + Ladder("dw", dw, writes="dw") + Ladder("db", db, writes="db")
