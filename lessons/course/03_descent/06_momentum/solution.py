"""A step down, with momentum: Zozoulenko (2018), eq. 11-12."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def step(dw, w, velocity, rate, momentum):
    """One thread per weight: its velocity takes the gradient in, and the weight follows the velocity."""
    i = cuda.grid(1)
    if i < w.size:
        speed = momentum * velocity[i] + dw[i]
        velocity[i] = speed
        w[i] -= rate * speed


def launches(dw, w, velocity, rate, momentum):
    return [step[-(-w.size // BLOCK), BLOCK](dw, w, velocity, float32(rate), float32(momentum))]
