"""Convolution on the CPU: one small matrix product, whose left matrix is addressed and never built.

Source: Zozoulenko (2018), eq. 20-28, with the stride put right (docs/errata.md).
x (R, C, H, W), w (C', C, kh, kw), b (C',) -> y (R, C', H', W'), H' = (H - kh + 2*ph)//sh + 1; float32, C-contiguous.

Forward, dx and dw are all the same sum, over different things:

    out[m, l] = sum over t of a[row(m) + column(t)] * v[t, l]

            m: rows of the product    t: what is summed over      l: lanes            a        v
    y       output pixels (r,h',w')   taps (j,i) and channels c   output channels c'  x        w, lanes last
    dx      input pixels (r,h,w)      taps (j,i) and channels c'  input channels c    dy       w, lanes last
    dw      taps (c,j,i)              output pixels (r,h',w')     output channels c'  x        dy, lanes last

Its left matrix is what im2col writes out in full. But the address of an entry is a sum, one part that depends on the
row and one that depends on the column, so two short tables of offsets replace kh*kw copies of the image. What is left:

- `_tile` sums TILE rows times LANES lanes without leaving the registers: a load of v and TILE broadcast loads of a feed
  TILE multiply-adds of LANES lanes. It is written in LLVM's own vectors, which LLVM cuts to whatever the CPU has.
- Pixels near a border see fewer taps. Pixels that see the same taps form a class (`_axis`), and each class is a
  product of its own: no zeros are stored and none are multiplied. It also turns a stride in dx into plain offsets.
- `_lanes_last` and `_deliver` turn channels from far apart in memory to side by side and back, 16 by 16 in registers.
- Jobs of up to UNIT tiles are dealt to the threads like cards. Each writes its own part of the output and sums in an
  order that does not depend on who does it: the same bits every time, on any number of threads.

Measured on two cores of an AMD EPYC (Zen 5): the six convolutions of cnn6, batch 50, forward and backward, in 20 ms,
PyTorch 2.13 (oneDNN) in 21 to 31 ms; `_tile` alone 255 GFLOP/s on one core, next to the core's limit of about 260. What
lost: dx of a single channel as the sum above, with 31 of 32 lanes empty, 3.3 ms instead of the 1.0 of `_backward_few`;
fresh memory in each backward pass for 256 channels of 64 x 64, batch 16: dx in 58 ms of one core instead of 26.
"""

import threading
from functools import lru_cache

import numpy as np
from llvmlite import binding, ir
from numba import get_num_threads, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

# As many sums as the vector registers hold: 10 rows of 32 lanes are 20 of the 32 registers of AVX-512, 6 rows of 16
# lanes are 12 of the 16 of AVX2 (or 24 of the 32 of NEON). Too many, and sums live in memory.
TILE, LANES = (10, 32) if binding.get_host_cpu_features().get("avx512f") else (6, 16)
UNIT = 16  # tiles in a job: what they share of v and a stays in the cache
CHUNK = 2048  # rows of v (up to 256 KiB) that the tiles of a job pass over before they go on to the next
FEW = 8  # up to so many input channels, dx scatters products instead of gathering them
NO_BIAS = np.empty(0, np.float32)
_kept = threading.local()


def _vector_at(builder, pointer, vector, *parts):
    """The address of a vector that starts at the sum of `parts`."""
    index = parts[0]
    for part in parts[1:]:
        index = builder.add(index, part)
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


def _arguments(context, builder, signature, args):
    """Arrays as pointers to their first value, numbers as they are."""
    return [
        context.make_array(t)(context, builder, value).data if isinstance(t, types.Array) else value
        for t, value in zip(signature.args, args, strict=True)
    ]


def _make_tile(lanes):
    @intrinsic
    def tile(context, out, o, a, rows, r, v, v0, terms, first, last, step):
        """out[o + m*lanes + l] += sum of a[rows[r + m] + a_at + k*step] * v[v0 + (v_at + k)*lanes + l], m < TILE,
        over the terms first..last, each a stretch (a_at, v_at, run) with k < run."""
        i = types.intp
        signature = types.void(out, i, a, rows, i, v, i, terms, i, i, i)

        def generate(context, builder, signature, args):
            out, o, a, rows, r, v, v0, terms, first, last, step = _arguments(context, builder, signature, args)
            vector = ir.VectorType(ir.FloatType(), lanes)
            zero = ir.Constant(vector, [0.0] * lanes)
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            multiply_add = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f32"
            )

            def number(n):
                return context.get_constant(types.intp, n)

            def item(pointer, index):
                return builder.load(builder.gep(pointer, [index]))

            row = [builder.gep(a, [item(rows, builder.add(r, number(m)))]) for m in range(TILE)]
            total = [cgutils.alloca_once(builder, vector) for m in range(TILE)]  # LLVM keeps these in registers
            for m in range(TILE):
                builder.store(zero, total[m])
            with cgutils.for_range_slice(builder, first, last, number(1)) as (n, _):
                a_at, v_at, run = (item(terms, builder.add(builder.mul(n, number(3)), number(f))) for f in range(3))
                with cgutils.for_range(builder, run) as loop:
                    column = builder.add(a_at, builder.mul(loop.index, step))
                    v_row = builder.mul(builder.add(v_at, loop.index), number(lanes))
                    values = builder.load(_vector_at(builder, v, vector, v0, v_row), align=4)
                    for m in range(TILE):
                        one = builder.insert_element(zero, item(row[m], column), ir.Constant(ir.IntType(32), 0))
                        spread = builder.shuffle_vector(one, zero, everywhere)
                        builder.store(builder.call(multiply_add, [spread, values, builder.load(total[m])]), total[m])
            for m in range(TILE):
                place = _vector_at(builder, out, vector, o, number(m * lanes))
                builder.store(builder.fadd(builder.load(place, align=4), builder.load(total[m])), place, align=4)
            return context.get_dummy_value()

        return signature, generate

    return tile


_tile16, _tile32 = _make_tile(16), _make_tile(32)


@intrinsic
def _turn(context, target, t, t_step, source, s, s_step, wanted):
    """target[t + i*t_step + j] = source[s + j*s_step + i] for i < 16 and j < wanted: a transposition in registers."""
    i = types.intp
    signature = types.void(target, i, i, source, i, i, i)

    def generate(context, builder, signature, args):
        target, t, t_step, source, s, s_step, wanted = _arguments(context, builder, signature, args)
        vector, index = ir.VectorType(ir.FloatType(), 16), ir.VectorType(ir.IntType(64), 16)
        mask = ir.VectorType(ir.IntType(1), 16)

        def at(pointer, start, step, n):
            return _vector_at(builder, pointer, vector, start, builder.mul(step, context.get_constant(types.intp, n)))

        line = [builder.load(at(source, s, s_step, n), align=4) for n in range(16)]
        for size in (8, 4, 2, 1):  # swap the off-diagonal quarters of the square, then of each quarter, ...
            upper = [16 + n - size if n & size else n for n in range(16)]
            lower = [16 + n if n & size else n + size for n in range(16)]
            upper, lower = (ir.Constant(ir.VectorType(ir.IntType(32), 16), pick) for pick in (upper, lower))
            for n in range(16):
                if not n & size:
                    pair = line[n], line[n + size]
                    line[n], line[n + size] = (builder.shuffle_vector(*pair, pick) for pick in (upper, lower))
        limit = builder.insert_element(ir.Constant(index, [0] * 16), wanted, ir.Constant(ir.IntType(32), 0))
        limit = builder.shuffle_vector(limit, limit, ir.Constant(ir.VectorType(ir.IntType(32), 16), [0] * 16))
        live = builder.icmp_signed("<", ir.Constant(index, list(range(16))), limit)
        store = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), ir.IntType(32), mask]),
            "llvm.masked.store.v16f32.p0",
        )
        for n in range(16):
            builder.call(store, [line[n], at(target, t, t_step, n), ir.Constant(ir.IntType(32), 4), live])
        return context.get_dummy_value()

    return signature, generate


@njit(parallel=True, cache=True)
def _lanes_last(v, source, lanes, channels, channel_step, n1, step1, n2, step2):
    """source[channel, i1, i2] -> v[block, i1, i2, lane], channel = block*lanes + lane; zeros after the last channel."""
    blocks = (channels + lanes - 1) // lanes
    parts = (n2 + 255) // 256
    for job in prange(blocks * n1 * parts):
        block, i1, part = job // (n1 * parts), job // parts % n1, job % parts
        for i2 in range(part * 256, min(n2, part * 256 + 256), 16):
            for lane in range(0, lanes, 16):
                channel = block * lanes + lane
                t = ((block * n1 + i1) * n2 + i2) * lanes + lane
                s = channel * channel_step + i1 * step1 + i2 * step2
                if step2 == 1 and i2 + 16 <= n2 and channel + 16 <= channels:
                    _turn(v, t, lanes, source, s, channel_step, 16)
                else:
                    for i in range(min(16, n2 - i2)):
                        for k in range(16):
                            known = channel + k < channels
                            v[t + i * lanes + k] = source[s + k * channel_step + i * step2] if known else np.float32(0)


@njit(cache=True)
def _locate(rows, place, first, live, group_a, group_out, h, w):
    """The offsets in a (rows) and in out (place) of `live` positions of the class h x w, from the first on."""
    g, i, j = first // (len(h) * len(w)), first // len(w) % len(h), first % len(w)
    for m in range(live):
        rows[m] = g * group_a + h[i, 0] + w[j, 0]
        place[m] = g * group_out + h[i, 1] + w[j, 1]
        j += 1
        if j == len(w):
            i, j = i + 1, 0
            if i == len(h):
                g, i = g + 1, 0
    for m in range(live, len(rows)):  # the last tile computes what nobody reads, but from a valid address
        rows[m] = rows[0]


@njit(cache=True)
def _deliver(out, place, base, step, sums, live, lanes, live_lanes):
    """out[base + place[m] + lane*step] = sums[m, lane]. Neighbours go out as one vector per lane."""
    for lane in range(0, live_lanes, 16):
        m = 0
        while m < live:
            n = 1
            while n < 16 and m + n < live and place[m + n] == place[m] + n:
                n += 1
            if n >= 4 and lane + 16 <= live_lanes:
                _turn(out, base + place[m] + lane * step, step, sums, m * lanes + lane, lanes, n)
            else:
                for i in range(m, m + n):
                    for k in range(lane, min(lane + 16, live_lanes)):
                        out[base + place[i] + k * step] = sums[i * lanes + k]
            m += n


@njit(parallel=True, cache=True)
def _products(out, a, v, bias, threads, plan):
    """The product of every class of a plan, and the bias."""
    lanes, channels, channel_step, group_a, group_out, h_start, h, w_start, w = plan[:9]
    t_start, terms, v_size, step, unit, jobs = plan[9:]
    wide = len(w_start) - 1
    for t in prange(threads):
        rows, place = np.empty(unit, np.int64), np.empty(unit, np.int64)
        sums, start = np.empty((unit + 16) * lanes, np.float32), np.empty(lanes, np.float32)
        for job in range(t, len(jobs), threads):
            c, first, live, block = jobs[job, 0], jobs[job, 1], jobs[job, 2], jobs[job, 3]
            class_h = h[h_start[c // wide] : h_start[c // wide + 1]]
            class_w = w[w_start[c % wide] : w_start[c % wide + 1]]
            _locate(rows, place, first, live, group_a, group_out, class_h, class_w)
            live_lanes = min(lanes, channels - block * lanes)
            for lane in range(lanes):
                start[lane] = bias[block * lanes + lane] if len(bias) and lane < live_lanes else np.float32(0)
            for m in range(unit):
                for lane in range(lanes):
                    sums[m * lanes + lane] = start[lane]
            s = t_start[c]
            while s < t_start[c + 1]:
                last = min(s + max(1, CHUNK // terms[s, 2]), t_start[c + 1])
                for m in range(0, live, TILE):
                    if lanes == 32:
                        _tile32(sums, m * lanes, a, rows, m, v, block * v_size, terms, s, last, step)
                    else:
                        _tile16(sums, m * lanes, a, rows, m, v, block * v_size, terms, s, last, step)
                s = last
            _deliver(out, place, block * lanes * channel_step, channel_step, sums, live, lanes, live_lanes)


def _axis(n, size, k, stride, pad, back):
    """Sort the positions of one axis into classes that see the same taps.

    -> order (n,) the positions, class by class; source (n,) what the first tap of each reads; start (classes + 1,)
    where each class starts; and (first, count), (classes,) each: its first tap and how many taps it has.
    """
    i = np.arange(n)
    if back:  # input i was read through tap j by output `source`, where source*stride + j - pad = i
        source = np.minimum((i + pad) // stride, size - 1)
        first = i + pad - source * stride
        count = np.minimum(source, (k - 1 - first) // stride) + 1
    else:  # output i reads through tap j the input i*stride + j - pad
        first = np.maximum(pad - i * stride, 0)
        source = i * stride + first - pad
        count = np.minimum(k, size + pad - i * stride) - first
    sees = count > 0
    first, count, source = first * sees, count * sees, source * sees
    key = first * (k + 1) + count
    order = np.argsort(key, kind="stable")
    start = np.unique(key[order], return_index=True)[1]
    return order, source[order], np.append(start, n), (first[order[start]], count[order[start]])


def _terms(h_taps, w_taps, kw, stride, a_step, depth, run, a_block):
    """One stretch of terms per tap of a class and block of `run` channels: where in a, which row of v, how many."""
    start, terms = [0], []
    for h, high in zip(*h_taps, strict=True):
        for w, wide in zip(*w_taps, strict=True):
            for j in range(high):
                for i in range(wide):
                    tap = (h + j * stride[0]) * kw + w + i * stride[1]
                    for c in range(0, depth, run):
                        a_at = j * a_step[0] + i * a_step[1] + c // run * a_block
                        terms.append((a_at, tap * depth + c, min(run, depth - c)))
            start.append(len(terms))
    return np.array(start), np.array(terms, np.int64).reshape(-1, 3)


def _plan(threads, channels, channel_step, groups, group, h_start, h, w_start, w, t_start, terms, v_rows, step):
    """The arguments of `_products`, jobs among them: (class, first position, how many positions, block of lanes)."""
    lanes, blocks = _lanes(channels), -(-channels // _lanes(channels))
    sizes = groups * np.outer(np.diff(h_start), np.diff(w_start)).ravel()
    unit = TILE * int(np.clip(sizes.sum() * blocks // (8 * TILE * threads), 1, UNIT))
    jobs = []
    for c, size in enumerate(sizes):
        first = np.repeat(np.arange(0, size, unit), blocks)
        block = np.tile(np.arange(blocks), len(first) // blocks)
        jobs.append(np.stack([np.full(len(first), c), first, np.minimum(unit, size - first), block], axis=1))
    h, w = (np.stack(offsets, axis=1) for offsets in (h, w))
    product = t_start, terms, v_rows * lanes, step, unit, np.concatenate(jobs)
    return lanes, channels, channel_step, *group, h_start, h, w_start, w, *product


def _lanes(channels):
    return 16 if channels <= 16 else LANES


@lru_cache(maxsize=256)
def _plan_forward(threads, x_shape, w_shape, y_shape, stride, padding):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, y_shape
    h, h_source, h_start, h_taps = _axis(H_out, H, kh, stride[0], padding[0], back=False)
    w, w_source, w_start, w_taps = _axis(W_out, W, kw, stride[1], padding[1], back=False)
    t_start, terms = _terms(h_taps, w_taps, kw, (1, 1), (W, 1), C, C, 0)
    image, image_out = C * H * W, C_out * H_out * W_out
    return _plan(threads, C_out, H_out * W_out, R, (image, image_out), h_start, (h_source * W, h * W_out),
                 w_start, (w_source, w), t_start, terms, kh * kw * C, H * W)  # fmt: skip


@lru_cache(maxsize=256)
def _plan_dx(threads, dy_shape, w_shape, x_shape, stride, padding):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, dy_shape
    pixel = _lanes(C_out)
    h, h_source, h_start, h_taps = _axis(H, H_out, kh, stride[0], padding[0], back=True)
    w, w_source, w_start, w_taps = _axis(W, W_out, kw, stride[1], padding[1], back=True)
    row, image = W_out * pixel, H_out * W_out * pixel
    t_start, terms = _terms(h_taps, w_taps, kw, stride, (-row, -pixel), C_out, pixel, R * image)
    return _plan(threads, C, H * W, R, (image, C * H * W), h_start, (h_source * row, h * W),
                 w_start, (w_source * pixel, w), t_start, terms, kh * kw * C_out, 1)  # fmt: skip


@lru_cache(maxsize=256)
def _plan_parts(threads, dy_shape, w_shape, images):
    """For `_scatter`: parts (images, H', W', C, kh, kw), what each output pixel sends to each pixel it has read."""
    (R, C_out, H_out, W_out), taps, pixel = dy_shape, int(np.prod(w_shape[1:])), _lanes(dy_shape[1])
    pixels = np.arange(images * H_out * W_out)
    blocks = np.arange(0, C_out, pixel)
    terms = np.stack([blocks * (R * H_out * W_out), blocks, np.minimum(pixel, C_out - blocks)], axis=1)
    return _plan(threads, taps, 1, 1, (0, 0), np.array([0, 1]), (np.zeros(1, int), np.zeros(1, int)),
                 np.array([0, len(pixels)]), (pixels * pixel, pixels * taps),
                 np.array([0, len(terms)]), terms, C_out, 1)  # fmt: skip


@lru_cache(maxsize=256)
def _plan_dw(threads, x_shape, w_shape, dy_shape, stride):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, dy_shape
    r, h = np.divmod(np.arange(R * H_out), H_out)
    terms = np.stack([(r * C * H + h * stride[0]) * W, np.arange(R * H_out) * W_out, np.full(R * H_out, W_out)], axis=1)
    j, i = np.arange(kh), np.arange(kw)
    return _plan(threads, C_out, C * kh * kw, C, (H * W, kh * kw), np.array([0, kh]), (j * W, j * kw),
                 np.array([0, kw]), (i, i), np.array([0, len(terms)]), terms, R * H_out * W_out, stride[1])  # fmt: skip


@njit(parallel=True, cache=True)
def _scatter(parts, dx, H_out, W_out, kh, kw, stride, padding):
    """dx = sum of the parts sent to each pixel; one thread per image and channel, so that no two add to one pixel."""
    R, C, H, W = dx.shape
    (sh, sw), (ph, pw) = stride, padding
    for job in prange(R * C):
        plane = dx[job // C, job % C]
        plane[:] = 0
        for h in range(H_out):
            for w in range(W_out):
                at = (((job // C * H_out + h) * W_out + w) * C + job % C) * kh * kw
                for j in range(max(0, ph - h * sh), min(kh, H + ph - h * sh)):
                    for i in range(max(0, pw - w * sw), min(kw, W + pw - w * sw)):
                        plane[h * sh + j - ph, w * sw + i - pw] += parts[at + j * kw + i]


@njit(parallel=True, cache=True)
def _pad(x, out, ph, pw):
    R, C, H, W = x.shape
    for job in prange(R * C):
        plane = out[job // C, job % C]
        plane[:] = 0
        plane[ph : ph + H, pw : pw + W] = x[job // C, job % C]


@njit(parallel=True, cache=True)
def _sum_pixels(v, lanes, R, db):
    """db[c'] = sum over r, h', w' of dy, lanes last: first within each image, then over images."""
    blocks = (len(db) + lanes - 1) // lanes
    n = len(v) // (blocks * R * lanes)
    parts = np.zeros((blocks * R, lanes))  # float64: a sum of delta-errors is often nearly zero
    for job in prange(blocks * R):
        for p in range(job * n, job * n + n):
            for lane in range(lanes):
                parts[job, lane] += v[p * lanes + lane]
    for c in range(len(db)):
        total = 0.0
        for r in range(R):
            total += parts[c // lanes * R + r, c % lanes]
        db[c] = total


def _flat(name, array):
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        raise ValueError(f"conv2d: {name} must be C-contiguous float32, not {array.dtype} with strides {array.strides}")
    return array.reshape(-1)


def _padded(x, ph, pw):
    R, C, H, W = x.shape
    out = _scratch("x", R * C * (H + 2 * ph) * (W + 2 * pw)).reshape(R, C, H + 2 * ph, W + 2 * pw)
    _pad(x, out, ph, pw)
    return out


def _scratch(name, size):
    """Memory that a thread keeps from call to call: touching tens of fresh MB costs more than a 1x1 convolution."""
    if len(getattr(_kept, name, NO_BIAS)) < size:
        setattr(_kept, name, np.empty(size, np.float32))
    return getattr(_kept, name)[:size]


def _turned(name, source, channels, channel_step, n1, step1, n2, step2):
    """`source` lanes last, in scratch memory."""
    lanes = _lanes(channels)
    v = _scratch(name, -(-channels // lanes) * lanes * n1 * n2)
    _lanes_last(v, _flat(name, source), lanes, channels, channel_step, n1, step1, n2, step2)
    return v


def forward(x, w, b, y, stride, padding):
    """y[r,c',h',w'] = b[c'] + sum over c,j,i of x[r, c, h'*sh + j - ph, w'*sw + i - pw] * w[c',c,j,i]; eq. 20."""
    C_out, C, kh, kw = w.shape
    threads = get_num_threads()
    plan = _plan_forward(threads, x.shape, w.shape, y.shape, tuple(stride), tuple(padding))
    v = _turned("w", w, C_out, C * kh * kw, kh * kw, 1, C, kh * kw)
    _products(_flat("y", y), _flat("x", x), v, NO_BIAS if b is None else _flat("b", b), threads, plan)


def backward(dy, x, w, dx, dw, db, stride, padding):
    """The delta-errors dx (eq. 28), dw (eq. 24), db (eq. 26), written, not added; None where one is not wanted."""
    R, C_out, H_out, W_out = dy.shape
    lanes, pixels, stride, padding = _lanes(C_out), H_out * W_out, tuple(stride), tuple(padding)
    v = _turned("dy", dy, C_out, pixels, R, C_out * pixels, pixels, 1)
    if dx is not None:
        (_backward_few if dx.shape[1] <= FEW else _backward_dx)(v, dy.shape, w, dx, stride, padding)
    if dw is not None:
        if any(padding):  # taps, unlike pixels, are too few for classes of their own
            x = _padded(x, *padding)
        threads = get_num_threads()
        plan = _plan_dw(threads, x.shape, w.shape, dy.shape, stride)
        _products(_flat("dw", dw), _flat("x", x), v, NO_BIAS, threads, plan)
    if db is not None:
        _sum_pixels(v, lanes, R, db)


def _backward_dx(dy, dy_shape, w, dx, stride, padding):
    C_out, C, kh, kw = w.shape
    threads = get_num_threads()
    plan = _plan_dx(threads, dy_shape, w.shape, dx.shape, stride, padding)
    v = _turned("w", w, C, kh * kw, kh * kw, 1, C_out, C * kh * kw)
    _products(_flat("dx", dx), dy, v, NO_BIAS, threads, plan)


def _backward_few(dy, dy_shape, w, dx, stride, padding):
    """Few input channels would leave most lanes empty: let the lanes be channels and taps, and scatter their sums."""
    (R, C_out, H_out, W_out), (_, C, kh, kw) = dy_shape, w.shape
    threads, taps, image = get_num_threads(), C * kh * kw, H_out * W_out * _lanes(C_out)
    v = _turned("w", w, taps, 1, 1, 0, C_out, taps)
    images = min(R, max(1, 2**23 // (H_out * W_out * taps)))  # as many at a time as fit into 32 MiB
    for r in range(0, R, images):
        part = dx[r : r + images]
        parts = _scratch("parts", len(part) * H_out * W_out * taps)
        plan = _plan_parts(threads, dy_shape, w.shape, len(part))
        _products(parts, dy[r * image :], v, NO_BIAS, threads, plan)
        _scatter(parts, part, H_out, W_out, kh, kw, stride, padding)
