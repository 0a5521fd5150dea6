from lessons.judging import Mistake, Write


def case(draw):
    R, C, H, W = draw.size(1, 3), draw.size(1, 3), draw.size(1, 4), draw.size(2, 5)
    around = draw.uniform(900, 1100, 1, C, 1, 1)
    return {"x": around + draw.normal(R, C, H, W)}


def expected(x):
    axes = 0, 2, 3
    return {"mean": x.mean(axis=axes), "var": x.var(axis=axes)}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            """\
        distance = x[n // S, c, n % S] - mu
        squares += distance * distance
    variance = block_sum(squares, shared) / float32(count)
""",
            """\
        distance = x[n // S, c, n % S]
        squares += distance * distance
    variance = block_sum(squares, shared) / float32(count) - mu * mu
""",
            "Two numbers near a million are subtracted, and a float32 has no digits left for what differs by 1: take "
            "the mean off each value before you square it.",
        ),
        Mistake(
            "        cuda.syncthreads()  # the sums of this step are there\n",
            "",
            "A step of the tree reads what the step before it has written: all threads must have come so far.",
        ),
        Mistake(
            "        cuda.syncthreads()  # the sums of this step are there\n",
            "            cuda.syncthreads()\n",
            "Those threads that have nothing to add go by that barrier, and the others wait for them there.",
        ),
        Mistake(
            "variance = block_sum(squares, shared) / float32(count)",
            "variance = block_sum(squares, shared) / float32(count - 1)",
            "That estimates the variance of a population from a sample; eq. 38 has that of the values themselves.",
        ),
    ],
)
