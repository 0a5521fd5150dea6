"""Convolution on the CPU: every output is a small product of a matrix that is never built.

Source: Zozoulenko (2018), eq. 20-28, with the stride corrected (docs/errata.md).
x (R, C, H, W), w (C', C, kh, kw), b (C',) -> y (R, C', H', W'); all float32, C-contiguous.
"""

import numpy as np
from llvmlite import binding, ir
from numba import get_num_threads, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32
TILE = 10 if binding.get_host_cpu_features().get("avx512f") else 3
UNIT = 16
CHUNK = 2048


@intrinsic
def _tile(typingctx, out, o, a, rows, ro, v, v0, seg_a, seg_v, first, last, run, step):
    """out[o + m, :] += sum_s sum_k a[rows[ro+m] + seg_a[s] + k*step] * v[v0 + seg_v[s] + k, :]   (m < TILE, LANES columns)"""
    i = types.intp
    signature = types.void(out, i, a, rows, i, v, i, seg_a, seg_v, i, i, i, i)

    def codegen(context, builder, signature, args):
        out, o, a, rows, ro, v, v0, seg_a, seg_v, first, last, run, step = [
            context.make_array(t)(context, builder, value).data if isinstance(t, types.Array) else value
            for t, value in zip(signature.args, args)
        ]
        number = lambda n: context.get_constant(types.intp, n)
        vector = ir.VectorType(ir.FloatType(), LANES)
        undefined = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{LANES}f32"
        )

        def at(pointer, index):
            return builder.bitcast(builder.gep(pointer, [builder.mul(index, number(LANES))]), vector.as_pointer())

        row = [builder.gep(a, [builder.load(builder.gep(rows, [builder.add(ro, number(m))]))]) for m in range(TILE)]
        total = [cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * LANES)) for _ in range(TILE)]
        for m in range(TILE):
            builder.store(ir.Constant(vector, [0.0] * LANES), total[m])
        with cgutils.for_range_slice(builder, first, last, number(1)) as (s, _):
            start = builder.load(builder.gep(seg_a, [s]))
            start_v = builder.add(v0, builder.load(builder.gep(seg_v, [s])))
            with cgutils.for_range(builder, run) as loop:
                column = builder.add(start, builder.mul(loop.index, step))
                values = builder.load(at(v, builder.add(start_v, loop.index)), align=4)
                for m in range(TILE):
                    x = builder.insert_element(
                        undefined, builder.load(builder.gep(row[m], [column])), ir.Constant(ir.IntType(32), 0)
                    )
                    x = builder.shuffle_vector(x, undefined, everywhere)
                    builder.store(builder.call(multiply_add, [x, values, builder.load(total[m])]), total[m])
        for m in range(TILE):
            place = at(out, builder.add(o, number(m)))
            builder.store(builder.fadd(builder.load(place, align=4), builder.load(total[m])), place, align=4)
        return context.get_dummy_value()

    return signature, codegen


@njit(parallel=True, cache=True)
def _lanes_last(source, lanes, lane_step, n1, step1, n2, step2):
    blocks = (lanes + LANES - 1) // LANES
    v = np.empty(blocks * n1 * n2 * LANES, np.float32)
    parts = (n2 + 255) // 256
    for job in prange(blocks * n1 * parts):
        block, i1, part = job // (n1 * parts), job // parts % n1, job % parts
        live = min(LANES, lanes - block * LANES)
        for i2 in range(part * 256, min(n2, part * 256 + 256)):
            to = ((block * n1 + i1) * n2 + i2) * LANES
            fr = block * LANES * lane_step + i1 * step1 + i2 * step2
            for l in range(live):
                v[to + l] = source[fr + l * lane_step]
            for l in range(live, LANES):
                v[to + l] = 0
    return v


@njit(cache=True)
def _classes(first, count):
    """Sort the positions of one axis into classes that share (first, count). -> order, start of each class"""
    n = len(first)
    label = np.empty(n, np.int64)
    known = np.empty(n, np.int64)
    classes = 0
    for i in range(n):
        c = 0
        while c < classes and (first[known[c]] != first[i] or count[known[c]] != count[i]):
            c += 1
        if c == classes:
            known[c] = i
            classes += 1
        label[i] = c
    order = np.empty(n, np.int64)
    start = np.zeros(classes + 1, np.int64)
    at = 0
    for c in range(classes):
        for i in range(n):
            if label[i] == c:
                order[at] = i
                at += 1
        start[c + 1] = at
    return order, start


@njit(cache=True)
def _axis(kind, n, size, k, stride, pad):
    """forward: n outputs, size inputs. dx: n inputs, size outputs. dw: n = k taps"""
    first, count, source = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        if kind == 0:  # output i sees taps j with 0 <= i*stride + j - pad < size
            lo = max(0, pad - i * stride)
            hi = min(k, size + pad - i * stride)
            src = i * stride + lo - pad
        elif kind == 1:  # input i was seen through taps j = i + pad - stride*h', 0 <= h' < size
            h = min((i + pad) // stride, size - 1)
            lo = i + pad - stride * h
            hi = lo + min(h + 1, (k - 1 - lo) // stride + 1)
            src = h
        else:  # tap i was used by outputs h' with 0 <= h'*stride + i - pad < size   (k = outputs)
            lo = max(0, -((i - pad) // stride))
            hi = min(k, (size - 1 + pad - i) // stride + 1)
            src = lo * stride + i - pad
        if hi > lo:
            first[i], count[i], source[i] = lo, hi - lo, src
    return first, count, source


@njit(parallel=True, cache=True)
def _products(
    threads,
    out,
    a,
    v,
    bias,
    lanes,
    lane_step,
    groups,
    group_a,
    group_out,
    a_width,
    out_width,
    order_h,
    start_h,
    source_h,
    order_w,
    start_w,
    source_w,
    seg_start,
    seg_a,
    seg_v,
    v_rows,
    run,
    step,
):
    blocks = (lanes + LANES - 1) // LANES
    nh, nw = len(start_h) - 1, len(start_w) - 1
    tiles = (groups * len(order_h) * len(order_w) + TILE - 1) // TILE
    unit = min(UNIT, max(1, tiles * blocks // (8 * threads)))
    units = 0
    for c in range(nh * nw):
        many = groups * (start_h[c // nw + 1] - start_h[c // nw]) * (start_w[c % nw + 1] - start_w[c % nw])
        units += (many + unit * TILE - 1) // (unit * TILE)
    unit_class, unit_first = np.empty(units, np.int64), np.empty(units, np.int64)
    u = 0
    for c in range(nh * nw):
        many = groups * (start_h[c // nw + 1] - start_h[c // nw]) * (start_w[c % nw + 1] - start_w[c % nw])
        for q in range(0, many, unit * TILE):
            unit_class[u], unit_first[u] = c, q
            u += 1

    for t in prange(threads):
        rows, place = np.empty(unit * TILE, np.int64), np.empty(unit * TILE, np.int64)
        sums = np.empty(unit * TILE * LANES, np.float32)
        for job in range(t, units * blocks, threads):
            block, c, q = job % blocks, unit_class[job // blocks], unit_first[job // blocks]
            h0, w0 = start_h[c // nw], start_w[c % nw]
            high, wide = start_h[c // nw + 1] - h0, start_w[c % nw + 1] - w0
            live = min(unit * TILE, groups * high * wide - q)
            full = (live + TILE - 1) // TILE
            g, h, w = q // (high * wide), q // wide % high, q % wide
            for m in range(live):
                rows[m] = g * group_a + source_h[order_h[h0 + h]] * a_width + source_w[order_w[w0 + w]]
                place[m] = g * group_out + order_h[h0 + h] * out_width + order_w[w0 + w]
                w += 1
                if w == wide:
                    w, h = 0, h + 1
                    if h == high:
                        h, g = 0, g + 1
            for m in range(live, full * TILE):
                rows[m] = rows[0]
            sums[:] = 0
            n = run[c]
            many = max(1, CHUNK // max(1, n))
            for s in range(seg_start[c], seg_start[c + 1], many):
                for i in range(full):
                    _tile(
                        sums,
                        i * TILE,
                        a,
                        rows,
                        i * TILE,
                        v,
                        block * v_rows,
                        seg_a,
                        seg_v,
                        s,
                        min(s + many, seg_start[c + 1]),
                        n,
                        step,
                    )
            for i in range(0, live, TILE):
                for l in range(min(LANES, lanes - block * LANES)):
                    channel = block * LANES + l
                    plus = bias[channel] if len(bias) else np.float32(0)
                    for m in range(i, min(i + TILE, live)):
                        out[place[m] + channel * lane_step] = sums[m * LANES + l] + plus


@njit(cache=True)
def _tap_segments(
    first_h, count_h, order_h, start_h, first_w, count_w, order_w, start_w, kw, stride, direction, a_width, depth
):
    """forward, dx: one segment per tap of the class; the inner run goes over channels."""
    nh, nw = len(start_h) - 1, len(start_w) - 1
    seg_start = np.zeros(nh * nw + 1, np.int64)
    for c in range(nh * nw):
        seg_start[c + 1] = seg_start[c] + count_h[order_h[start_h[c // nw]]] * count_w[order_w[start_w[c % nw]]]
    seg_a, seg_v = np.empty(seg_start[-1], np.int64), np.empty(seg_start[-1], np.int64)
    s = 0
    for c in range(nh * nw):
        i, j = order_h[start_h[c // nw]], order_w[start_w[c % nw]]
        for u in range(count_h[i]):
            for x in range(count_w[j]):
                seg_a[s] = direction * (u * a_width + x)
                seg_v[s] = ((first_h[i] + u * stride[0]) * kw + first_w[j] + x * stride[1]) * depth
                s += 1
    return seg_start, seg_a, seg_v


@njit(cache=True)
def _pixel_segments(
    first_h, count_h, order_h, start_h, first_w, count_w, order_w, start_w, R, H_out, W_out, row_step, image_step
):
    """dw: one segment per row of outputs; the inner run goes along the row."""
    nh, nw = len(start_h) - 1, len(start_w) - 1
    seg_start, run = np.zeros(nh * nw + 1, np.int64), np.empty(nh * nw, np.int64)
    for c in range(nh * nw):
        seg_start[c + 1] = seg_start[c] + R * count_h[order_h[start_h[c // nw]]]
    seg_a, seg_v = np.empty(seg_start[-1], np.int64), np.empty(seg_start[-1], np.int64)
    s = 0
    for c in range(nh * nw):
        i, j = order_h[start_h[c // nw]], order_w[start_w[c % nw]]
        run[c] = count_w[j]
        for r in range(R):
            for u in range(count_h[i]):
                seg_a[s] = r * image_step + u * row_step
                seg_v[s] = (r * H_out + first_h[i] + u) * W_out + first_w[j]
                s += 1
    return seg_start, seg_a, seg_v, run


@njit(cache=True)
def _forward(threads, x, w, b, y, stride, padding):
    R, C, H, W = x.shape
    C_out, _, kh, kw = w.shape
    _, _, H_out, W_out = y.shape
    fh, nh, sh = _axis(0, H_out, H, kh, stride[0], padding[0])
    fw, nw, sw = _axis(0, W_out, W, kw, stride[1], padding[1])
    oh, ch = _classes(fh, nh)
    ow, cw = _classes(fw, nw)
    seg_start, seg_a, seg_v = _tap_segments(fh, nh, oh, ch, fw, nw, ow, cw, kw, (1, 1), 1, W, C)
    run = np.full(len(seg_start) - 1, C)
    v = _lanes_last(w.reshape(-1), C_out, C * kh * kw, kh * kw, 1, C, kh * kw)
    _products(
        threads,
        y.reshape(-1),
        x.reshape(-1),
        v,
        b,
        C_out,
        H_out * W_out,
        R,
        C * H * W,
        C_out * H_out * W_out,
        W,
        W_out,
        oh,
        ch,
        sh,
        ow,
        cw,
        sw,
        seg_start,
        seg_a,
        seg_v,
        kh * kw * C,
        run,
        H * W,
    )


@njit(cache=True)
def _backward_dx(threads, dy, w, dx, stride, padding):
    R, C, H, W = dx.shape
    C_out, _, kh, kw = w.shape
    _, _, H_out, W_out = dy.shape
    fh, nh, sh = _axis(1, H, H_out, kh, stride[0], padding[0])
    fw, nw, sw = _axis(1, W, W_out, kw, stride[1], padding[1])
    oh, ch = _classes(fh, nh)
    ow, cw = _classes(fw, nw)
    seg_start, seg_a, seg_v = _tap_segments(fh, nh, oh, ch, fw, nw, ow, cw, kw, stride, -1, W_out, C_out)
    run = np.full(len(seg_start) - 1, C_out)
    v = _lanes_last(w.reshape(-1), C, kh * kw, kh * kw, 1, C_out, C * kh * kw)
    _products(
        threads,
        dx.reshape(-1),
        dy.reshape(-1),
        v,
        np.empty(0, np.float32),
        C,
        H * W,
        R,
        C_out * H_out * W_out,
        C * H * W,
        W_out,
        W,
        oh,
        ch,
        sh,
        ow,
        cw,
        sw,
        seg_start,
        seg_a,
        seg_v,
        kh * kw * C_out,
        run,
        H_out * W_out,
    )


@njit(cache=True)
def _backward_dw(threads, dy, x, dw, stride, padding):
    R, C, H, W = x.shape
    C_out, _, kh, kw = dw.shape
    _, _, H_out, W_out = dy.shape
    fh, nh, sh = _axis(2, kh, H, H_out, stride[0], padding[0])
    fw, nw, sw = _axis(2, kw, W, W_out, stride[1], padding[1])
    oh, ch = _classes(fh, nh)
    ow, cw = _classes(fw, nw)
    seg_start, seg_a, seg_v, run = _pixel_segments(
        fh, nh, oh, ch, fw, nw, ow, cw, R, H_out, W_out, stride[0] * W, C * H * W
    )
    v = _lanes_last(dy.reshape(-1), C_out, H_out * W_out, R, C_out * H_out * W_out, H_out * W_out, 1)
    _products(
        threads,
        dw.reshape(-1),
        x.reshape(-1),
        v,
        np.empty(0, np.float32),
        C_out,
        C * kh * kw,
        C,
        H * W,
        kh * kw,
        W,
        kw,
        oh,
        ch,
        sh,
        ow,
        cw,
        sw,
        seg_start,
        seg_a,
        seg_v,
        R * H_out * W_out,
        run,
        stride[1],
    )


@njit(parallel=True, cache=True)
def _backward_db(dy, db):
    for c in prange(dy.shape[1]):
        total = 0.0
        for r in range(dy.shape[0]):
            for h in range(dy.shape[2]):
                part = np.float32(0)
                for w in range(dy.shape[3]):
                    part += dy[r, c, h, w]
                total += part
        db[c] = total


def forward(x, w, b, y, stride, padding):
    """y = x * w + b, eq. 20."""
    _forward(get_num_threads(), x, w, np.empty(0, np.float32) if b is None else b, y, tuple(stride), tuple(padding))


def backward(dy, x, w, dx, dw, db, stride, padding):
    """The delta-errors of input (eq. 28), weights (eq. 24) and bias (eq. 26); None where not wanted."""
    if dx is not None:
        _backward_dx(get_num_threads(), dy, w, dx, tuple(stride), tuple(padding))
    if dw is not None:
        _backward_dw(get_num_threads(), dy, x, dw, tuple(stride), tuple(padding))
    if db is not None:
        _backward_db(dy, db)
