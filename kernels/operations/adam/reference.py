"""Adam in NumPy. Source: Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2.

dw (n,) the gradient; rate (3,) = (learning rate, 1 - beta1^t, 1 - beta2^t) in step t = 1, 2, ...; norm (1,) the
norm of the gradient; w (n,) and the means m (n,) of the gradient and v (n,) of its square are updated in place.
If the norm is not finite nothing is changed: one bad step must not destroy the weights.
"""

import numpy as np


def forward(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay):
    """The means start at 0, so they are divided by what they have gathered of 1; decay acts on the weight alone."""
    if np.isfinite(norm[0]):
        m[...] = beta1 * m + (1 - beta1) * dw
        v[...] = beta2 * v + (1 - beta2) * dw**2
        m_hat = m / rate[1]
        v_hat = v / rate[2]
        w[...] = w - rate[0] * (m_hat / (np.sqrt(v_hat) + epsilon) + decay * w)
