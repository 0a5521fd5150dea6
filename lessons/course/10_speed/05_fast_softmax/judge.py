import numpy as np

from lessons.judging import Budget, Climb, Mistake, rungs_of


def case(draw):
    return {"x": draw.choice(1, 50) * draw.normal(draw.size(1, 10), draw.size(1, 70))}


def expected(x):
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return {"y": exponentials / exponentials.sum(axis=1, keepdims=True)}


def ours(x, y):
    return rungs_of("softmax", x=x, y=y)


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(
        case=lambda draw: {"x": draw.normal(256, 64)}, most={"sectors": 8600, "uncached microseconds": 0.058}
    ),
    ours=ours,
    mistakes=[
        Mistake(
            "    while apart > 0:\n"
            "        largest = max(largest, cuda.shfl_xor_sync(ALL_LANES, largest, apart))\n"
            "        apart //= 2\n",
            "",
            "Each lane subtracts the largest of the values that it has seen itself: for a sum over the row all must "
            "subtract the same.",
        ),
        Mistake(
            "total += cuda.shfl_xor_sync(ALL_LANES, total, apart)",
            "total += cuda.shfl_down_sync(ALL_LANES, total, apart)",
            "The sum of all lanes is in lane 0 then and in no other, but each of them divides by its own.",
        ),
        Mistake(
            "WARP):\n        largest = max(largest, x[r, c])\n",
            "WARP):\n        largest = float32(0)\n",
            "Without the largest value taken away, e to the power of a large value is infinite, and so is the sum.",
        ),
    ],
)
