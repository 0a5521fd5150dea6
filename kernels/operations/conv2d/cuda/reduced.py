"""Rung 2 of dw and db: few values, each a long sum, so all threads of a block share one."""

from kernels.gpu import cuda, float32, kernel, rung
from kernels.gpu.index import split
from kernels.gpu.reduce import block_sum_of_warps, compensated


@kernel
def dw_reduced(dy, x, dw, stride_h, stride_w, pad_h, pad_w, *, WARPS=8):
    """One block per weight: its threads take turns over the outputs, then add up what they have."""
    sums = cuda.shared.array(WARPS, float32)
    cc, j, i = split(cuda.blockIdx.x, dw.shape[2], dw.shape[3])
    c_out = cc // dw.shape[1]
    c = cc % dw.shape[1]
    total = float32(0)
    for k in range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], WARPS * 32):
        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])
        row = h_out * stride_h + j - pad_h
        column = w_out * stride_w + i - pad_w
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            total += x[r, c, row, column] * dy[r, c_out, h_out, w_out]
    total = block_sum_of_warps(total, sums)
    if cuda.threadIdx.x == 0:
        dw[c_out, c, j, i] = total


@rung(registers=48, tiny={"WARPS": 2})
def dw_2(dy, x, dw, stride, padding, *, WARPS=8):
    """One block per weight: there are few weights and many outputs, so a sum is what must be shared out.

    By the x-ray: 1.2 times fewer sectors, 2.0 times fewer turns, 2.3 times fewer flops and 2.6 times less predicted
    time.
    """
    return [dw_reduced(WARPS=WARPS)[dw.size, WARPS * 32](dy, x, dw, *stride, *padding)]


@kernel
def db_reduced(dy, db, *, WARPS=8):
    """One block per channel: its threads take turns over the outputs, then add up what they have."""
    sums = cuda.shared.array(WARPS, float32)
    c_out = cuda.blockIdx.x
    total, lost = float32(0), float32(0)
    for k in range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], WARPS * 32):
        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])
        total, lost = compensated(total, lost, dy[r, c_out, h_out, w_out])
    total = block_sum_of_warps(total, sums)
    if cuda.threadIdx.x == 0:
        db[c_out] = total


@rung(registers=40, tiny={"WARPS": 2})
def db_2(dy, db, *, WARPS=8):
    """One block per channel: threads that follow each other read values that do, warps add theirs by shuffles.

    By the x-ray: 8.0 times fewer sectors, 20 times fewer turns and 610 times less predicted time.
    """
    return [db_reduced(WARPS=WARPS)[db.size, WARPS * 32](dy, db)]
