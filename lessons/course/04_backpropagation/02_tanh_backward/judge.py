import numpy as np

from lessons.judging import Budget, Derive, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 50))}


def forward(x):
    return np.tanh(x)


def saved(x):
    return {"y": forward(x)}


SOLVED = '''from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def tanh_backward(dy, y, dx):
    """One thread per value: dx = dy f'(x), where y = f(x) is known and x is not."""
    i = cuda.grid(1)
    if i < y.size:
        dx[i] = dy[i] * (float32(1) - y[i] * y[i])
'''

judge = Derive(
    case=case,
    forward=forward,
    saved=saved,
    wrt=("x",),
    budget=Budget(case=case, most={"float64": 0}),
    mistakes=[
        Mistake(
            "(float32(1) - y[i] * y[i])",
            "(float32(1) - y[i])",
            "At x = 0 that is right, but the slope of tanh is the same at x and -x, and this is not.",
        ),
        Mistake(
            "dy[i] * (float32(1) - y[i] * y[i])",
            "float32(1) - y[i] * y[i]",
            "That is f'(x); the chain rule multiplies it with dy.",
        ),
        Mistake(
            "(float32(1) - y[i] * y[i])",
            "(y[i] * (float32(1) - y[i]))",
            "That is the slope of another function, the sigmoid. At x = 0 tanh is steepest, and y is 0.",
        ),
        Mistake(
            "float32(1) - y[i] * y[i]",
            "1 - y[i] * y[i]",
            "The result is right, but a bare 1 has 64 bits, and so has the difference: it is taken in float64.",
        ),
        Mistake(
            SOLVED,
            SOLVED.replace("from", "import math\n\nfrom", 1).replace(
                "y[i] * y[i]", "math.tanh(y[i]) * math.tanh(y[i])"
            ),
            "y is the tanh already; to take it once more would be right if x stood there.",
        ),
    ],
)
