"""Convolution on a GPU, four ladders: forward, dx, dw and db. Source: Zozoulenko (2018), eq. 20-28.

Shapes as in reference.py; every kernel sums in float32 and in a fixed order, without atomics, so runs repeat
bit for bit. The first rungs are the equations, one thread for each value they define. The upper rungs see
that all three equations are matrix products, out[m, n] = sum over k of left[m, k] right[k, n]:

            m     n              k              left[m, k]          right[k, n]
    y       c'    (r, h', w')    (c, j, i)      w[c', c, j, i]      x[r, c, s h' + j - p, s w' + i - p]
    dx      c     (r, h, w)      (c', j, i)     w[c', c, j, i]      dy[r, c', (h + p - j) / s, (w + p - i) / s]
    dw      c'    (c, j, i)      (r, h', w')    dy[r, c', h', w']   x[r, c, s h' + j - p, s w' + i - p]

The left and right matrices are never stored ("implicit GEMM"): a small device function looks up element (m, k)
or (k, n) in the arrays that are there, and the matrix product around it is the same for all. A place outside an
array, in the padding or between strides, counts as 0.

Kernel size, stride and padding are compile-time parameters of these products: a network has only a handful of
them, a division by a constant compiles to a multiplication, and a multiplication by stride 1 to nothing.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, int64, kernel, rung, scratch, uint32
from kernels.gpu.reduce import block_sum_of_warps

BLOCK = 256
SHARED_BYTES = 48 * 1024  # what a block may have on every GPU without asking
GPU_BLOCKS = 264  # two for each multiprocessor of a large GPU

# Where an index (outer, row, column) that counts through an image or a kernel stands.


@device
def split(index, rows, columns):
    """(outer, row, column) of index = (outer * rows + row) * columns + column.

    In unsigned 32 bits, because a 64-bit division takes a GPU several times as long: index must be below 2**32.
    """
    index_32, columns_32 = uint32(index), uint32(columns)
    outer = index_32 // uint32(rows * columns)
    row = index_32 // columns_32 % uint32(rows)
    return int64(outer), int64(row), int64(index_32 % columns_32)


# Rung 1 of each ladder: the equations, one thread for each value.


@kernel
def forward_direct(x, w, b, y, stride_h, stride_w, pad_h, pad_w, *, BIAS=True, BLOCK=BLOCK):
    """One thread per output: it weighs its window, channel by channel and row by row."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        C, H, W = x.shape[1], x.shape[2], x.shape[3]
        rc, h_out, w_out = split(n, y.shape[2], y.shape[3])
        r = rc // y.shape[1]
        c_out = rc % y.shape[1]
        total = b[c_out] if BIAS else float32(0)
        for c in range(C):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
                    if 0 <= row < H and 0 <= column < W:
                        total += x[r, c, row, column] * w[c_out, c, j, i]
        y[r, c_out, h_out, w_out] = total


@kernel
def dx_direct(dy, w, dx, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per input value: it collects the delta-errors of the outputs it took part in, each with its weight.

    Through weight (j, i) it took part in output (h', w') where s h' = h + p - j, if that divides.
    """
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        H_out, W_out = dy.shape[2], dy.shape[3]
        rc, row, column = split(n, dx.shape[2], dx.shape[3])
        r = rc // dx.shape[1]
        c = rc % dx.shape[1]
        total = float32(0)
        for c_out in range(w.shape[0]):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    h_out = (row + pad_h - j) // stride_h
                    w_out = (column + pad_w - i) // stride_w
                    divides = h_out * stride_h == row + pad_h - j and w_out * stride_w == column + pad_w - i
                    if divides and 0 <= h_out < H_out and 0 <= w_out < W_out:
                        total += dy[r, c_out, h_out, w_out] * w[c_out, c, j, i]
        dx[r, c, row, column] = total


@kernel
def dw_direct(dy, x, dw, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per weight: it goes through all outputs of its channel, in all images."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dw.size:
        H, W = x.shape[2], x.shape[3]
        cc, j, i = split(n, dw.shape[2], dw.shape[3])
        c_out = cc // dw.shape[1]
        c = cc % dw.shape[1]
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
                    if 0 <= row < H and 0 <= column < W:
                        total += x[r, c, row, column] * dy[r, c_out, h_out, w_out]
        dw[c_out, c, j, i] = total


@kernel
def db_direct(dy, db, *, BLOCK=BLOCK):
    """One thread per channel: it adds up the delta-errors of all its outputs, in all images."""
    c_out = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if c_out < db.size:
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    total += dy[r, c_out, h_out, w_out]
        db[c_out] = total


# Rung 2 of forward: shared memory. Rung 2 of dw and db: a block shares a sum.


@kernel
def forward_window(
    x, w, b, y, *, BIAS=True, KERNEL=(3, 3), STRIDE=(1, 1), PADDING=(0, 0), TILE=16, ROWS=18, COLUMNS=18
):
    """One block per TILE x TILE outputs of a channel. ROWS x COLUMNS inputs lie under them, one channel at a time."""
    x_tile = cuda.shared.array((ROWS, COLUMNS), float32)
    w_tile = cuda.shared.array(KERNEL, float32)
    tx, ty = int64(uint32(cuda.threadIdx.x)), int64(uint32(cuda.threadIdx.y))  # never negative: see `own`
    t = ty * TILE + tx
    THREADS, INPUTS, WEIGHTS = TILE * TILE, ROWS * COLUMNS, KERNEL[0] * KERNEL[1]
    r = cuda.blockIdx.x // y.shape[1]
    c_out = cuda.blockIdx.x % y.shape[1]
    h_out = cuda.blockIdx.y * TILE + ty
    w_out = cuda.blockIdx.z * TILE + tx
    top = cuda.blockIdx.y * TILE * STRIDE[0] - PADDING[0]
    left = cuda.blockIdx.z * TILE * STRIDE[1] - PADDING[1]
    total = b[c_out] if BIAS else float32(0)
    for c in range(x.shape[1]):
        # Loops of a length that the compiler knows: one from t to INPUTS would need registers to count its turns.
        for turn in range((INPUTS + THREADS - 1) // THREADS):
            place = turn * THREADS + t
            if place < INPUTS:
                row = top + place // COLUMNS
                column = left + place % COLUMNS
                inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
                x_tile[place // COLUMNS, place % COLUMNS] = x[r, c, row, column] if inside else float32(0)
        for turn in range((WEIGHTS + THREADS - 1) // THREADS):
            place = turn * THREADS + t
            if place < WEIGHTS:
                w_tile[place // KERNEL[1], place % KERNEL[1]] = w[c_out, c, place // KERNEL[1], place % KERNEL[1]]
        cuda.syncthreads()  # both tiles are complete
        for j in range(KERNEL[0]):
            for i in range(KERNEL[1]):
                total += x_tile[ty * STRIDE[0] + j, tx * STRIDE[1] + i] * w_tile[j, i]
        cuda.syncthreads()  # nobody reads these tiles any more: the next channel may overwrite them
    if h_out < y.shape[2] and w_out < y.shape[3]:
        y[r, c_out, h_out, w_out] = total


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


@kernel
def db_reduced(dy, db, *, WARPS=8):
    """One block per channel: its threads take turns over the outputs, then add up what they have."""
    sums = cuda.shared.array(WARPS, float32)
    c_out = cuda.blockIdx.x
    total = float32(0)
    for k in range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], WARPS * 32):
        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])
        total += dy[r, c_out, h_out, w_out]
    total = block_sum_of_warps(total, sums)
    if cuda.threadIdx.x == 0:
        db[c_out] = total


# Elements of the matrices in the table above. GEOMETRY is stride, padding and phase, rows and columns of each.

PLAIN = (1, 1, 0, 0, 0, 0)


@device
def weight(w, c_out, c, j, i, GEOMETRY):
    """left[m, k] of forward: m = c', k = (c, j, i)."""
    return w[c_out, c, j, i]


@device
def input_under(x, r, h_out, w_out, c, j, i, GEOMETRY):
    """right[k, n] of forward and of dw: the input that weight (j, i) meets at output (h', w'), eq. 22-24."""
    stride_h, stride_w, pad_h, pad_w, _, _ = GEOMETRY
    row = h_out * stride_h + j - pad_h
    column = w_out * stride_w + i - pad_w
    value = float32(0)
    if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
        value = x[r, c, row, column]
    return value


@device
def weight_back(w, c, c_out, j, i, GEOMETRY):
    """left[m, k] of dx: m = c, k = (c', j, i). The kernels stand with their channels exchanged."""
    return w[c_out, c, j, i]


@device
def error_over(dy, r, row, column, c_out, j, i, GEOMETRY):
    """right[k, n] of dx: the delta-error of the output in which input (h, w) met weight (j, i), if there is one."""
    stride_h, stride_w, pad_h, pad_w, _, _ = GEOMETRY
    h_out = (row + pad_h - j) // stride_h
    w_out = (column + pad_w - i) // stride_w
    divides = h_out * stride_h == row + pad_h - j and w_out * stride_w == column + pad_w - i
    value = float32(0)
    if divides and 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:
        value = dy[r, c_out, h_out, w_out]
    return value


@device
def weight_of_phase(w, c, c_out, j, i, GEOMETRY):
    """left[m, k] of one phase of dx: of the weights only every s-th, from the first that meets this phase."""
    stride_h, stride_w, pad_h, pad_w, phase_h, phase_w = GEOMETRY
    return w[c_out, c, (phase_h + pad_h) % stride_h + j * stride_h, (phase_w + pad_w) % stride_w + i * stride_w]


@device
def error_of_phase(dy, r, row, column, c_out, j, i, GEOMETRY):
    """right[k, n] of one phase of dx: s divides every distance, so neighbours in the phase are neighbours in dy."""
    stride_h, stride_w, pad_h, pad_w, phase_h, phase_w = GEOMETRY
    h_out = row + (phase_h + pad_h) // stride_h - j
    w_out = column + (phase_w + pad_w) // stride_w - i
    value = float32(0)
    if 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:
        value = dy[r, c_out, h_out, w_out]
    return value


# The matrix products. `rows` and `columns` are the size of the image through which n counts.


@kernel
def product_tiled(
    left, right, b, out, M, K, rows, columns,
    *, LEFT=weight, RIGHT=input_under, BIAS=True, KERNEL=(3, 3), GEOMETRY=PLAIN, TILE=16,
):  # fmt: skip
    """One thread per output, one block per TILE x TILE of them.

    Along k it goes in steps of TILE: each thread loads one element of either matrix, and each serves TILE threads.
    """
    left_tile = cuda.shared.array((TILE, TILE), float32)
    right_tile = cuda.shared.array((TILE, TILE), float32)
    tn, tm = cuda.threadIdx.x, cuda.threadIdx.y
    m = cuda.blockIdx.y * TILE + tm
    n = cuda.blockIdx.x * TILE + tn
    N = out.shape[0] * rows * columns
    r, row, column = split(n, rows, columns)
    total = float32(0)
    for first_k in range(0, K, TILE):
        left_value, right_value = float32(0), float32(0)
        if m < M and first_k + tn < K:
            channel, j, i = split(first_k + tn, KERNEL[0], KERNEL[1])
            left_value = LEFT(left, m, channel, j, i, GEOMETRY)
        if n < N and first_k + tm < K:
            channel, j, i = split(first_k + tm, KERNEL[0], KERNEL[1])
            right_value = RIGHT(right, r, row, column, channel, j, i, GEOMETRY)
        left_tile[tm, tn] = left_value
        right_tile[tm, tn] = right_value
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += left_tile[tm, k] * right_tile[k, tn]
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    if m < M and n < N:
        out[r, m, row, column] = total + b[m] if BIAS else total


@device
def own(t, i, THREADS, GROUP):
    """The i-th of the rows (or columns) of a tile that belong to thread t: groups of GROUP that stand side by side.

    With GROUP = 1, threads that follow each other read words that do, which fall into different banks of shared
    memory. With GROUP = 4 they read 16 bytes at once, in one instruction. For that the compiler must know that the
    address is a multiple of 16, which it does not while t might be negative and the index so count from the end.
    """
    return (i // GROUP * THREADS + t) * GROUP + i % GROUP


@device
def multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE):
    """total[i, j] += sum over k of left[m_i, k] right[k, n_j], for the PER_M x PER_N outputs of one thread.

    A value read from shared memory goes to a register first and from there into PER_N, or PER_M, products.
    """
    TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP = SHAPE
    for k in range(TILE_K):
        for i in range(PER_M):
            left_values[i] = left_tile[k, own(tm, i, THREADS_M, GROUP)]
        for j in range(PER_N):
            right_values[j] = right_tile[k, own(tn, j, THREADS_N, GROUP)]
        for i in range(PER_M):
            for j in range(PER_N):
                total[i, j] += left_values[i] * right_values[j]


@device
def side_by_side(total, tile, tm, tn, SHAPE):
    """Exchange outputs within each row, so that threads that follow each other hold columns that do, as with GROUP = 1.

    Stored as they are, groups of 4 would leave the lanes of a warp 16 bytes apart: each store would touch 4 times the
    sectors that it fills. So each row of threads sends its outputs through a row of shared memory, THREADS_M <= TILE_K
    of them. Its threads belong to one warp, for THREADS_N divides 32, so nobody else need wait.
    """
    _, PER_M, PER_N, _, THREADS_N, GROUP = SHAPE
    if GROUP > 1:
        for i in range(PER_M):
            for j in range(PER_N):
                tile[tm, own(tn, j, THREADS_N, GROUP)] = total[i, j]
            cuda.syncwarp()  # the row is complete
            for j in range(PER_N):
                total[i, j] = tile[tm, own(tn, j, THREADS_N, 1)]
            cuda.syncwarp()  # nobody reads it any more: the next outputs may overwrite it


@kernel
def product_registers(
    left, right, b, out, M, K, rows, columns,
    *, LEFT=weight, RIGHT=input_under, BIAS=True, KERNEL=(3, 3), GEOMETRY=PLAIN, STEP=(1, 1),
    TILE_M=64, TILE_N=64, TILE_K=8, PER_M=4, PER_N=4, GROUP=1, WIDTH_M=68, WIDTH_N=68,
):  # fmt: skip
    """One block per TILE_M x TILE_N outputs, one thread per PER_M x PER_N of them, which it keeps in registers.

    Output (row, column) of the image stands at row * STEP + phase: for all but the phases of dx, at (row, column).
    """
    left_tile = cuda.shared.array((TILE_K, WIDTH_M), float32, alignment=16)
    right_tile = cuda.shared.array((TILE_K, WIDTH_N), float32, alignment=16)
    left_values = cuda.local.array(PER_M, float32)
    right_values = cuda.local.array(PER_N, float32)
    total = cuda.local.array((PER_M, PER_N), float32)
    THREADS_M, THREADS_N = TILE_M // PER_M, TILE_N // PER_N
    THREADS = THREADS_M * THREADS_N
    SHAPE = (TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP)
    t = int64(uint32(cuda.threadIdx.x))  # never negative: see `own`
    tm, tn = t // THREADS_N, t % THREADS_N
    first_m = int64(uint32(cuda.blockIdx.y)) * TILE_M
    first_n = int64(uint32(cuda.blockIdx.x)) * TILE_N
    N = out.shape[0] * rows * columns
    # Threads that follow each other load elements that do: of the left matrix along k, of the right one along n.
    # So a thread always loads the same column n, and takes it apart once.
    own_n = t % TILE_N
    r, row, column = split(first_n + own_n, rows, columns)
    for i in range(PER_M):
        for j in range(PER_N):
            total[i, j] = float32(0)
    for first_k in range(0, K, TILE_K):
        for step in range(TILE_M * TILE_K // THREADS):
            m = (step * THREADS + t) // TILE_K
            k = t % TILE_K
            value = float32(0)
            if first_m + m < M and first_k + k < K:
                channel, j, i = split(first_k + k, KERNEL[0], KERNEL[1])
                value = LEFT(left, first_m + m, channel, j, i, GEOMETRY)
            left_tile[k, m] = value
        for step in range(TILE_N * TILE_K // THREADS):
            k = (step * THREADS + t) // TILE_N
            value = float32(0)
            if first_n + own_n < N and first_k + k < K:
                channel, j, i = split(first_k + k, KERNEL[0], KERNEL[1])
                value = RIGHT(right, r, row, column, channel, j, i, GEOMETRY)
            right_tile[k, own_n] = value
        cuda.syncthreads()  # both tiles are complete
        multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    side_by_side(total, right_tile, tm, tn, SHAPE)
    _, _, _, _, phase_h, phase_w = GEOMETRY
    for j in range(PER_N):
        n = first_n + own(tn, j, THREADS_N, 1)
        if n < N:
            r, row, column = split(n, rows, columns)
            for i in range(PER_M):
                m = first_m + own(tm, i, THREADS_M, GROUP)
                if m < M:
                    value = total[i, j] + b[m] if BIAS else total[i, j]
                    out[r, m, row * STEP[0] + phase_h, column * STEP[1] + phase_w] = value


@kernel
def dw_product(
    dy, x, parts, part_length,
    *, KERNEL=(3, 3), GEOMETRY=PLAIN,
    TILE_M=64, TILE_N=64, TILE_K=16, PER_M=4, PER_N=4, GROUP=1, WIDTH_M=66, WIDTH_N=66,
):  # fmt: skip
    """As `product_registers`, of dw; each layer of blocks sums part_length of the R H' W' products of a weight.

    Here k runs through an image, so for both matrices threads that follow each other load along k.
    """
    left_tile = cuda.shared.array((TILE_K, WIDTH_M), float32, alignment=16)
    right_tile = cuda.shared.array((TILE_K, WIDTH_N), float32, alignment=16)
    left_values = cuda.local.array(PER_M, float32)
    right_values = cuda.local.array(PER_N, float32)
    total = cuda.local.array((PER_M, PER_N), float32)
    THREADS_M, THREADS_N = TILE_M // PER_M, TILE_N // PER_N
    THREADS = THREADS_M * THREADS_N
    SHAPE = (TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP)
    t = int64(uint32(cuda.threadIdx.x))  # never negative: see `own`
    tm, tn = t // THREADS_N, t % THREADS_N
    first_m = int64(uint32(cuda.blockIdx.y)) * TILE_M
    first_n = int64(uint32(cuda.blockIdx.x)) * TILE_N
    part = cuda.blockIdx.z
    H_out, W_out = dy.shape[2], dy.shape[3]
    M = dy.shape[1]
    N = x.shape[1] * KERNEL[0] * KERNEL[1]
    K = min(dy.shape[0] * H_out * W_out, (part + 1) * part_length)
    own_k = t % TILE_K
    for i in range(PER_M):
        for j in range(PER_N):
            total[i, j] = float32(0)
    for first_k in range(part * part_length, K, TILE_K):
        k_is_there = first_k + own_k < K
        r, h_out, w_out = split(first_k + own_k, H_out, W_out)
        for step in range(TILE_M * TILE_K // THREADS):
            m = (step * THREADS + t) // TILE_K
            value = float32(0)
            if k_is_there and first_m + m < M:
                value = dy[r, first_m + m, h_out, w_out]
            left_tile[own_k, m] = value
        for step in range(TILE_N * TILE_K // THREADS):
            n = (step * THREADS + t) // TILE_K
            value = float32(0)
            if k_is_there and first_n + n < N:
                c, j, i = split(first_n + n, KERNEL[0], KERNEL[1])
                value = input_under(x, r, h_out, w_out, c, j, i, GEOMETRY)
            right_tile[own_k, n] = value
        cuda.syncthreads()  # both tiles are complete
        multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    side_by_side(total, right_tile, tm, tn, SHAPE)
    for j in range(PER_N):
        n = first_n + own(tn, j, THREADS_N, 1)
        if n < N:
            for i in range(PER_M):
                m = first_m + own(tm, i, THREADS_M, GROUP)
                if m < M:
                    parts[part, m, n] = total[i, j]


@kernel
def add_parts(parts, dw, *, BLOCK=BLOCK):
    """One thread per weight: it adds the parts of its sum, always from the first to the last."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dw.size:
        total = parts[0, n]
        for part in range(1, parts.shape[0]):
            total += parts[part, n]
        dw[n] = total


# The rungs: what they add, and how they are launched.


@rung(registers=40, tiny={"BLOCK": 8})
def forward_1(x, w, b, y, stride, padding, *, BLOCK=BLOCK):
    """One thread per output: eq. 24 word for word, with the stride of eq. 22-23."""
    grid = math.ceil(y.size / BLOCK)
    return [forward_direct(BIAS=b is not None, BLOCK=BLOCK)[grid, BLOCK](x, w, or_any(b, x), y, *stride, *padding)]


@rung(registers=32, tiny={"TILE": 2})
def forward_2(x, w, b, y, stride, padding, *, TILE=16):
    """Shared memory: the windows of neighbours overlap, so a block reads the inputs under all of them once."""

    def under(tile):
        return tuple((tile - 1) * s + k for s, k in zip(stride, w.shape[2:], strict=True))

    # The tile of inputs takes half of the shared memory at most. That leaves room for the weights, which are fewer.
    while 4 * math.prod(under(TILE)) > SHARED_BYTES // 2:
        if TILE == 1:
            return forward_1(x, w, b, y, stride, padding)
        TILE //= 2
    rows, columns = under(TILE)
    tiled = forward_window(
        BIAS=b is not None, KERNEL=w.shape[2:], STRIDE=stride, PADDING=padding, TILE=TILE, ROWS=rows, COLUMNS=columns
    )
    grid = (y.shape[0] * y.shape[1], math.ceil(y.shape[2] / TILE), math.ceil(y.shape[3] / TILE))
    return [tiled[grid, (TILE, TILE)](x, w, or_any(b, x), y)]


@rung(registers=40, tiny={"TILE": 4})
def forward_3(x, w, b, y, stride, padding, *, TILE=16):
    """Implicit GEMM: one long sum over channels and window, so that weights, too, are read once for many outputs.

    Tiles no longer depend on overlapping windows, so they pay for a kernel of 1 and for large strides as well.
    """
    geometry = (*stride, *padding, 0, 0)
    return [tiled_launch(weight, input_under, w, x, b, y, w.shape[1:], geometry, TILE)]


@rung(registers=48, tiny={"TILE_M": 8, "TILE_N": 4, "TILE_K": 4, "PER": 2})
def forward_4(x, w, b, y, stride, padding, *, TILE_M=64, TILE_N=64, TILE_K=8, PER=4, GROUP=1):
    """Register tiles: a thread computes PER x PER outputs, so a value read from shared memory serves PER products."""
    geometry, tiles = (*stride, *padding, 0, 0), (TILE_M, TILE_N, TILE_K, PER, GROUP)
    return [registers_launch(weight, input_under, w, x, b, y, y.shape[2:], w.shape[1:], geometry, (1, 1), tiles)]


@rung(registers=88, tiny={"TILE_M": 16, "TILE_N": 32, "TILE_K": 4, "PER": 4, "GROUP": 2})
def forward_5(x, w, b, y, stride, padding, *, TILE_M=64, TILE_N=128, TILE_K=8, PER=8, GROUP=4):
    """Wide reads: shared memory gives 16 bytes at a time, 4 reads for 64 products where rung 4 has 8 for 16."""
    return forward_4(x, w, b, y, stride, padding, TILE_M=TILE_M, TILE_N=TILE_N, TILE_K=TILE_K, PER=PER, GROUP=GROUP)


@rung(registers=48, tiny={"BLOCK": 8})
def dx_1(dy, w, dx, stride, padding, *, BLOCK=BLOCK):
    """One thread per input value, gathering: eq. 26-27 with the stride. No atomics, so runs repeat bit for bit."""
    return [dx_direct(BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](dy, w, dx, *stride, *padding)]


@rung(registers=40, tiny={"TILE": 4})
def dx_2(dy, w, dx, stride, padding, *, TILE=16):
    """Implicit GEMM: weights and delta-errors serve TILE threads each."""
    sum_over = (w.shape[0], *w.shape[2:])
    return [tiled_launch(weight_back, error_over, w, dy, None, dx, sum_over, (*stride, *padding, 0, 0), TILE)]


@rung(registers=48, tiny={"TILE_M": 8, "TILE_N": 4, "TILE_K": 4, "PER": 2})
def dx_3(dy, w, dx, stride, padding, *, TILE_M=64, TILE_N=64, TILE_K=8, PER=4, GROUP=1):
    """Register tiles: a value read from shared memory serves PER products."""
    geometry, tiles = (*stride, *padding, 0, 0), (TILE_M, TILE_N, TILE_K, PER, GROUP)
    sum_over = (w.shape[0], *w.shape[2:])
    return [registers_launch(weight_back, error_over, w, dy, None, dx, dx.shape[2:], sum_over, geometry, (1, 1), tiles)]


@rung(registers=96, tiny={"TILE_M": 16, "TILE_N": 32, "TILE_K": 4, "PER": 4, "GROUP": 2})
def dx_4(dy, w, dx, stride, padding, *, TILE_M=64, TILE_N=128, TILE_K=8, PER=8, GROUP=4):
    """One product per phase of the stride: with stride 2, three of four products of rung 3 multiply by nothing.

    Inputs whose (row, column) leave the same remainder by the stride meet the same weights, every s-th one. Each
    of these s * s phases is a convolution of stride 1 of its own, with a kernel 1/s as large.
    Reads are wide, as in rung 5 of forward.
    """
    tiles = (TILE_M, TILE_N, TILE_K, PER, GROUP)
    launches = []
    for phase in ((a, b) for a in range(stride[0]) for b in range(stride[1])):
        size = tuple(len(range(a, n, s)) for a, n, s in zip(phase, dx.shape[2:], stride, strict=True))
        kernel = tuple(
            len(range((a + p) % s, k, s)) for a, p, s, k in zip(phase, padding, stride, w.shape[2:], strict=True)
        )
        if min(size) > 0:
            launches.append(
                registers_launch(
                    weight_of_phase, error_of_phase, w, dy, None, dx, size, (w.shape[0], *kernel),
                    (*stride, *padding, *phase), stride, tiles,
                )
            )  # fmt: skip
    return launches


@rung(registers=40, tiny={"BLOCK": 8})
def dw_1(dy, x, dw, stride, padding, *, BLOCK=BLOCK):
    """One thread per weight: eq. 28 word for word, with the stride."""
    return [dw_direct(BLOCK=BLOCK)[math.ceil(dw.size / BLOCK), BLOCK](dy, x, dw, *stride, *padding)]


@rung(registers=48, tiny={"WARPS": 2})
def dw_2(dy, x, dw, stride, padding, *, WARPS=8):
    """One block per weight: there are few weights and many outputs, so a sum is what must be shared out."""
    return [dw_reduced(WARPS=WARPS)[dw.size, WARPS * 32](dy, x, dw, *stride, *padding)]


@rung(registers=64, tiny={"TILE_M": 8, "TILE_N": 4, "TILE_K": 4, "PER": 2, "BLOCKS": 7})
def dw_3(dy, x, dw, stride, padding, *, TILE_M=64, TILE_N=64, TILE_K=16, PER=4, GROUP=1, BLOCKS=GPU_BLOCKS):
    """Implicit GEMM with register tiles, its long sum cut into parts, so that there are enough blocks to fill a GPU.

    A second launch adds the parts in their order. Atomics would add them in whatever order they arrive.
    """
    M, N, K = dw.shape[0], math.prod(dw.shape[1:]), dy.shape[0] * math.prod(dy.shape[2:])
    tiles = tile_parameters(M, TILE_M, TILE_N, TILE_K, PER, GROUP)
    grid = (math.ceil(N / tiles["TILE_N"]), math.ceil(M / tiles["TILE_M"]))
    wanted = math.ceil(BLOCKS / math.prod(grid))
    part_length = math.ceil(math.ceil(K / wanted) / TILE_K) * TILE_K
    count = math.ceil(K / part_length)
    parts = scratch(dw, (count, M, N)) if count > 1 else dw.reshape(1, M, N)
    product = dw_product(KERNEL=dw.shape[2:], GEOMETRY=(*stride, *padding, 0, 0), **tiles)
    launches = [product[(*grid, count), threads_of(tiles)](dy, x, parts, part_length)]
    if count > 1:
        added = add_parts(BLOCK=BLOCK)[math.ceil(dw.size / BLOCK), BLOCK]
        launches.append(added(parts.reshape(count, -1), dw.reshape(-1)))
    return launches


@rung(registers=120, tiny={"TILE_M": 16, "TILE_N": 32, "TILE_K": 4, "PER": 4, "GROUP": 2, "BLOCKS": 7})
def dw_4(dy, x, dw, stride, padding, *, TILE_M=64, TILE_N=128, TILE_K=8, PER=8, GROUP=4, BLOCKS=GPU_BLOCKS):
    """Wide reads: shared memory gives 16 bytes at a time, 4 reads for 64 products where rung 3 has 8 for 16."""
    tiles = {"TILE_M": TILE_M, "TILE_N": TILE_N, "TILE_K": TILE_K, "PER": PER, "GROUP": GROUP}
    return dw_3(dy, x, dw, stride, padding, **tiles, BLOCKS=BLOCKS)


@rung(registers=32, tiny={"BLOCK": 8})
def db_1(dy, db, *, BLOCK=BLOCK):
    """One thread per channel: Murugan (2017), eq. 3.74, with the batch."""
    return [db_direct(BLOCK=BLOCK)[math.ceil(db.size / BLOCK), BLOCK](dy, db)]


@rung(registers=40, tiny={"WARPS": 2})
def db_2(dy, db, *, WARPS=8):
    """One block per channel: threads that follow each other read values that do, warps add theirs by shuffles."""
    return [db_reduced(WARPS=WARPS)[db.size, WARPS * 32](dy, db)]


def tiled_launch(LEFT, RIGHT, left, right, b, out, sum_over, geometry, TILE):
    """`product_tiled` on a grid that covers `out`; sum_over is (channels, kernel rows, kernel columns)."""
    M, rows, columns = out.shape[1:]
    product = product_tiled(
        LEFT=LEFT, RIGHT=RIGHT, BIAS=b is not None, KERNEL=sum_over[1:], GEOMETRY=geometry, TILE=TILE
    )
    grid = (math.ceil(out.shape[0] * rows * columns / TILE), math.ceil(M / TILE))
    return product[grid, (TILE, TILE)](left, right, or_any(b, out), out, M, math.prod(sum_over), rows, columns)


def registers_launch(LEFT, RIGHT, left, right, b, out, size, sum_over, geometry, step, tiles):
    """`product_registers` on a grid that covers `size` rows and columns of `out`; sum_over as in `tiled_launch`."""
    M, N = out.shape[1], out.shape[0] * math.prod(size)
    tiles = tile_parameters(M, *tiles)
    # A phase that meets no weight has nothing to sum: K = 0, and a kernel of 1 that nobody looks up.
    product = product_registers(
        LEFT=LEFT, RIGHT=RIGHT, BIAS=b is not None, KERNEL=tuple(max(k, 1) for k in sum_over[1:]),
        GEOMETRY=geometry, STEP=step, **tiles,
    )  # fmt: skip
    grid = (math.ceil(N / tiles["TILE_N"]), math.ceil(M / tiles["TILE_M"]))
    return product[grid, threads_of(tiles)](left, right, or_any(b, out), out, M, math.prod(sum_over), *size)


def tile_parameters(M, TILE_M, TILE_N, TILE_K, PER, GROUP):
    """Sizes of the tiles of a register-tiled product: half as high where the matrix has few rows (few channels)."""
    PER_M = PER
    if M <= TILE_M // 2:
        TILE_M, PER_M = TILE_M // 2, PER // 2
    # Shared memory has 32 banks. With this padding, the TILE_K rows that a warp writes into start in different ones.
    pad = 32 // TILE_K
    return {
        "TILE_M": TILE_M, "TILE_N": TILE_N, "TILE_K": TILE_K, "PER_M": PER_M, "PER_N": PER, "GROUP": GROUP,
        "WIDTH_M": TILE_M + pad, "WIDTH_N": TILE_N + pad,
    }  # fmt: skip


def threads_of(tiles):
    """Threads of a block: one for PER_M x PER_N outputs."""
    return tiles["TILE_M"] * tiles["TILE_N"] // (tiles["PER_M"] * tiles["PER_N"])


def or_any(b, other):
    """The bias, or where there is none some vector in its place, which a kernel without BIAS never reads."""
    return other.reshape(-1) if b is None else b


dx = Ladder("dx", dx_1, dx_2, dx_3, dx_4, writes="dx")
dw = Ladder("dw", dw_1, dw_2, dw_3, dw_4, writes="dw")
db = Ladder("db", db_1, db_2, writes="db")
forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4, forward_5)
backward = dx + dw + db
