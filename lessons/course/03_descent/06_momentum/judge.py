from lessons.judging import Mistake, Write


def case(draw):
    n = draw.size(1, 40)
    return {
        "dw": draw.normal(n),
        "w": draw.normal(n),
        "velocity": draw.normal(n),
        "rate": draw.choice(0.1, 0.25, 0.5),
        "momentum": draw.choice(0.5, 0.9),
    }


def expected(dw, w, velocity, rate, momentum):
    velocity = momentum * velocity + dw
    return {"w": w - rate * velocity, "velocity": velocity}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "w[i] -= rate * speed",
            "w[i] -= rate * dw[i]",
            "The velocity is kept, but the weight does not follow it: that is eq. 12 without momentum.",
        ),
        Mistake(
            "+ dw[i]",
            "+ (float32(1) - momentum) * dw[i]",
            "That is a mean of the gradients, as Adam keeps one. Here each gradient is added whole: with a momentum of "
            "0.9, what points the same way every time adds up to ten times as much.",
        ),
        Mistake(
            "        velocity[i] = speed\n        w[i] -= rate * speed",
            "        w[i] -= rate * velocity[i]\n        velocity[i] = speed",
            "The weight follows the velocity of the step before: this step's gradient must be in it first.",
        ),
        Mistake(
            "        speed = momentum * velocity[i] + dw[i]\n        velocity[i] = speed\n        w[i] -= rate * speed",
            "        velocity[i] = momentum * velocity[i] + rate * dw[i]\n        w[i] -= velocity[i]",
            "That is the other custom, with the rate inside of the velocity. It takes the same path while the rate is "
            "constant, but here the velocity is a sum of gradients alone.",
        ),
        Mistake(
            "w[i] -= rate * speed", "w[i] += rate * speed", "That is a step up: the gradient says where the loss grows."
        ),
    ],
)
