import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    R, C = draw.size(1, 5), draw.size(1, 70)
    x = draw.choice(1, 30) * draw.normal(R, C)
    x[0] -= 200  # the exponentials of scores as they are would be 0
    x[1:2] += 100  # and infinite
    return {"x": x}


def expected(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return {"y": e / e.sum(axis=1, keepdims=True)}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            """\
        distance = WARP // 2
        while distance > 0:
            largest = max(largest, cuda.shfl_xor_sync(ALL_LANES, largest, distance))
            distance //= 2
""",
            "        largest = float32(0)\n",
            "exp(100) is infinite in float32, and exp(-200) is 0: without the largest score of the row the fraction "
            "is no number.",
        ),
        Mistake(
            "total += cuda.shfl_xor_sync(ALL_LANES, total, distance)",
            "total += cuda.shfl_down_sync(ALL_LANES, total, distance)",
            "shfl_down brings the whole sum to lane 0 only; the others hold the sum of some lanes, and divide by it.",
        ),
        Mistake(
            "total += cuda.shfl_xor_sync(ALL_LANES, total, distance)",
            "total = cuda.shfl_xor_sync(ALL_LANES, total, distance)",
            "What the other lane has takes the place of what this one had: add the two.",
        ),
        Mistake(
            "total += math.exp(x[r, c] - largest)\n        distance = WARP // 2",
            "total += math.exp(x[r, c] - largest)\n        distance = WARP // 4",
            "Lanes 0 to 15 have added up what they hold, and so have lanes 16 to 31, but the two halves never met.",
        ),
        Mistake(
            "largest = max(largest, cuda.shfl_xor_sync(ALL_LANES, largest, distance))",
            "cuda.shfl_xor_sync(ALL_LANES, largest, distance)",
            "Each lane still subtracts the largest of its own scores, but they add up one sum: all lanes must subtract "
            "the same number.",
        ),
    ],
)
