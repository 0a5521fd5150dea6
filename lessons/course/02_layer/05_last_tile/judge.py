from lessons.judging import Detect, Mistake


def case(draw):
    return layer(draw, draw.size(1, 6), draw.size(2, 11), draw.size(1, 7))


def layer(draw, examples, neurons, inputs):
    return {"dy": draw.normal(examples, neurons), "w": draw.normal(neurons, inputs)}


def expected(dy, w):
    return {"dx": dy @ w}


judge = Detect(
    case=case,
    expected=expected,
    line="dy_tile[ty, tx] = dy[r, first_j + tx]",
    fault="out of bounds",
    tests=lambda draw: layer(draw, 5, 8, 7),
    found="OutOfBounds",
    mistakes=[
        Mistake("LINE = 22", "LINE = 23", "Both indices of w are asked for here. Are those of dy?"),
        Mistake(
            'KIND = "out of bounds"',
            'KIND = "unwritten memory"',
            "Each thread writes both tiles on every turn, if only a zero. What is read from memory is another matter.",
        ),
        Mistake(
            "range(0, M, TILE)",
            "range(0, M - TILE + 1, TILE)",
            "Now the last tile is left out unless it is full, and its neurons are missing from the sum.",
        ),
        Mistake(
            "first_j + tx < M",
            "first_j < M",
            "Found. Now repair it: neuron M of dy is still read. The neurons are numbered from 0, so that one is just "
            "behind the last.",
        ),
    ],
)
