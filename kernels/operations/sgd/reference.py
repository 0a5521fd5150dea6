"""Stochastic gradient descent in NumPy. Source: Zozoulenko (2018), eq. 11-12, with momentum.

dw (n,) the gradient, rate (1,) the learning rate, norm (1,) the norm of the gradient; w (n,) and velocity (n,)
are updated in place. Without momentum and decay this is eq. 12. If the norm is not finite nothing is changed:
one bad step must not destroy the weights.
"""

import numpy as np


def forward(dw, rate, norm, w, velocity, momentum, decay):
    """velocity = momentum velocity + dw + decay w, then w = w - rate velocity (eq. 12)."""
    if np.isfinite(norm[0]):
        velocity[...] = momentum * velocity + dw + decay * w
        w[...] = w - rate * velocity
