import numpy as np

from lessons.judging import Detect, Mistake


def case(draw):
    kernel = draw.size(2, 3), draw.size(2, 3)
    stride = draw.choice((1, 1), (1, 1), (2, 1), (1, 2))  # mostly four windows and more have a pixel in common
    places = draw.size(3, 5), draw.size(3, 5)
    size = tuple(k + s * (p - 1) + draw.size(0, 1) for k, s, p in zip(kernel, stride, places, strict=True))
    return {"dy": draw.normal(*places), "w": draw.normal(*kernel), "stride": stride, "size": size}


def expected(dy, w, stride, size):
    dx = np.zeros(size)
    for h_out, w_out in np.ndindex(dy.shape):
        row, column = h_out * stride[0], w_out * stride[1]
        dx[row : row + w.shape[0], column : column + w.shape[1]] += dy[h_out, w_out] * w
    return {"dx": dx}


def tests(draw):
    return {"dy": draw.normal(4, 4), "w": draw.normal(2, 3), "stride": (2, 3), "size": (8, 12)}


GATHER = '''def gather(dy, w, dx, stride_h, stride_w):
    """One thread per pixel: it collects from the outputs in whose windows it lies."""
    column, row = cuda.grid(2)
    if row < dx.shape[0] and column < dx.shape[1]:
        total = float32(0)
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                h_out, w_out = (row - j) // stride_h, (column - i) // stride_w
                divides = h_out * stride_h == row - j and w_out * stride_w == column - i
                if divides and 0 <= h_out < dy.shape[0] and 0 <= w_out < dy.shape[1]:
                    total += dy[h_out, w_out] * w[j, i]
        dx[row, column] = total


def launches(dy, w, dx, stride):
    """dy (H', W'), w (kh, kw) -> dx (H, W)."""
    return [gather[blocks(dx), (BLOCK, BLOCK)](dy, w, dx, *stride)]
'''
ATOMIC = '''def clear(dx):
    """One thread per pixel."""
    column, row = cuda.grid(2)
    if row < dx.shape[0] and column < dx.shape[1]:
        dx[row, column] = float32(0)


@kernel
def scatter(dy, w, dx, stride_h, stride_w):
    """One thread per output: it sends its delta-error to each pixel of its window, weighed."""
    w_out, h_out = cuda.grid(2)
    if h_out < dy.shape[0] and w_out < dy.shape[1]:
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                row, column = h_out * stride_h + j, w_out * stride_w + i
                cuda.atomic.add(dx, (row, column), dy[h_out, w_out] * w[j, i])


def launches(dy, w, dx, stride):
    """dy (H', W'), w (kh, kw) -> dx (H, W)."""
    return [
        clear[blocks(dx), (BLOCK, BLOCK)](dx),
        scatter[blocks(dy), (BLOCK, BLOCK)](dy, w, dx, *stride),
    ]
'''
SCATTER = ATOMIC.replace(
    "cuda.atomic.add(dx, (row, column), dy[h_out, w_out] * w[j, i])", "dx[row, column] += dy[h_out, w_out] * w[j, i]"
)

judge = Detect(
    case=case,
    expected=expected,
    line="dx[row, column] +=",
    fault="race",
    tests=tests,
    found="DataRace",
    mistakes=[
        Mistake(
            'KIND = "race"',
            'KIND = "lost sum"',
            "A sum may be lost, but that is what comes of it: what do two threads do to the same pixel?",
        ),
        Mistake(
            GATHER,
            ATOMIC,
            "No addition is lost any more. But they are done in the order in which threads come by, and each order "
            "rounds otherwise: two runs may differ. Who could add up alone, in an order of its own?",
        ),
        Mistake(
            "                divides = h_out * stride_h == row - j and w_out * stride_w == column - i\n"
            "                if divides and 0 <= h_out",
            "                if 0 <= h_out",
            "A division rounds. Some pixels now collect from windows that do not begin where they would have to.",
        ),
        Mistake(
            GATHER,
            SCATTER,
            "Threads still add to a pixel that others add to. No barrier helps: they may be in different blocks.",
        ),
        Mistake('KIND = "race"', 'KIND = "order"', "Order is what would be left if no addition were lost."),
        Mistake(
            'KIND = "race"',
            'KIND = "missing barrier"',
            "No barrier helps: a barrier waits for the threads of a block, and these may be in different blocks.",
        ),
    ],
)
