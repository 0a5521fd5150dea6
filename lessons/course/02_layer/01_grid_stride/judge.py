import numpy as np

from lessons.judging import Budget, Mistake, Write


def case(draw):
    return {"z": draw.normal(draw.size(10, 300))}


def expected(z):
    return {"y": np.tanh(z)}


LOOP = "    for i in range(cuda.grid(1), z.size, cuda.gridsize(1)):\n"
PIECES = """    each = -(-z.size // cuda.gridsize(1))
    first = cuda.grid(1) * each
    for i in range(first, min(first + each, z.size)):
"""

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"z": draw.normal(2048)}, most={"sectors": 540}),
    mistakes=[
        Mistake(
            LOOP,
            "    i = cuda.grid(1)\n    if i < z.size:\n",
            "Each thread does one value, so the 65th and all that follow are nobody's.",
        ),
        Mistake(
            "cuda.gridsize(1)",
            "cuda.blockDim.x",
            "The step is the size of one block: going on by it, a thread comes to values of the next block.",
        ),
        Mistake(
            LOOP,
            "    for i in range(z.size):\n",
            "More than one thread writes y[0]. threadIdx begins anew in each block, and a loop over all i does the "
            "work of all in each thread: begin at cuda.grid(1), not at 0.",
        ),
        Mistake(
            LOOP,
            PIECES,
            "The values are right. But each thread has a piece to itself, so a warp reads in 32 pieces at once.",
        ),
        Mistake(
            "math.tanh(z[i])",
            "(math.exp(z[i]) - math.exp(-z[i])) / (math.exp(z[i]) + math.exp(-z[i]))",
            "The values are right. But z[i] is read several times: read it once into a variable.",
        ),
    ],
)
