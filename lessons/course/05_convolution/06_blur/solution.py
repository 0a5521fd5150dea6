"""A blur of bytes: each pixel becomes the mean of the 3 x 3 pixels around it, Zozoulenko (2018), eq. 24."""

from kernels.gpu import cuda, int32, kernel, uint8

LINE = 17  # the number of the line that has to change, in this file as you got it
KIND = "overflow"  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 8
TILE = BLOCK + 2


@kernel
def blur(x, y):
    """One thread per output. A block adds up each column of three once, since three windows have it in common."""
    h_out, left = cuda.blockIdx.y, cuda.blockIdx.x * BLOCK
    t = cuda.threadIdx.x
    columns = cuda.shared.array(TILE, int32)
    for i in range(t, TILE, BLOCK):
        if left + i < x.shape[1]:
            columns[i] = x[h_out, left + i] + x[h_out + 1, left + i] + x[h_out + 2, left + i]
    cuda.syncthreads()  # the sums of all columns are there
    if left + t < y.shape[1]:
        total = columns[t] + columns[t + 1] + columns[t + 2]
        y[h_out, left + t] = uint8((total + 4) // 9)  # rounded to the nearest


def launches(x, y):
    """x (H, W), bytes -> y (H - 2, W - 2), bytes."""
    return [blur[(-(-y.shape[1] // BLOCK), y.shape[0]), BLOCK](x, y)]
