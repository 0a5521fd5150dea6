import numpy as np

from lessons.judging import Derive, Mistake


def case(draw):
    return {"x": draw.distinct(draw.size(1, 50))}


def forward(x):
    return np.maximum(x, 0)


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    mistakes=[
        Mistake("if x[i] > float32(0)", "if dy[i] > float32(0)", "What passes is decided by x, not by the sign of dy."),
        Mistake("dx[i] = dy[i]", "dx[i] = x[i]", "That is the forward pass again: what is passed on is dy."),
        Mistake("dx[i] = dy[i]", "dx[i] = float32(1)", "That is f'(x); the chain rule multiplies it with dy."),
        Mistake(
            "        else:\n            dx[i] = float32(0)\n",
            "",
            "Where x is not positive nothing is written, and what stood there before stays: write a zero.",
        ),
    ],
)
