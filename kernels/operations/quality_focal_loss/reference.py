"""Quality focal loss in NumPy. Source: Li et al. (2020), Generalized Focal Loss, eq. 2.

x (R, N) logits, target (R, N, 2) as assign_targets makes it, quality (R, N) from 0 to 1 -> y (R, N):

    y = target[0] QFL(x, 0) + target[1] QFL(x, quality)        s = sigmoid(x)
    QFL(x, q) = -|q - s|^beta ((1 - q) log(1 - s) + q log s)

Of background nothing is wanted, of a face its quality: the IoU of its box with the true one, say. An anchor with two
zeros is ignored: whatever stands there, a NaN included, costs nothing and sends nothing back; nor is the quality of
background read. beta = 0 is cross entropy, and with a quality of 1 it is the focal loss.

The derivative. QFL is |s - q|^beta times the cross entropy E, whose derivative by x is s - q, and ds/dx = s (1 - s):

    dQFL/dx = |s - q|^beta (beta s (1 - s) E / (s - q) + s - q)

It is 0 where s = q, the middle of both sides of the kink that there is for a beta of 1 or less.

Digits. Nothing changes if x, s and q become -x, 1 - s and 1 - q, but for the sign of the derivative. So x is taken to
be at most 0, and s at most 1/2, which keeps its digits however small it is; and with e = exp(x)

    s = e / (1 + e)        s (1 - s) = e / (1 + e)^2        E = log(1 + e) - q x

in which no term is negative: nothing overflows, and no difference is taken but s - q, which is what is asked for.
"""

import numpy as np


def forward(x, target, quality, y, beta):
    """y[r,n] = target[r,n,0] QFL(x[r,n], 0) + target[r,n,1] QFL(x[r,n], quality[r,n])."""
    y[...] = of_both(loss, x, target, quality, beta)


def backward(dy, x, target, quality, dx, beta):
    """dx[r,n] = dy[r,n] (target[r,n,0] QFL'(x[r,n], 0) + target[r,n,1] QFL'(x[r,n], quality[r,n]))."""
    dx[...] = dy * of_both(slope, x, target, quality, beta)


def of_both(f, x, target, quality, beta):
    """target[..., 0] f(x, 0) + target[..., 1] f(x, quality), with zeros in place of what does not count."""
    background, face = np.moveaxis(target, 2, 0)
    nothing = background * f(np.where(background == 0, 0, x), np.zeros_like(x), beta)
    return nothing + face * f(np.where(face == 0, 0, x), np.where(face == 0, 0, quality), beta)


def loss(x, q, beta):
    """QFL(x, q)."""
    error, _, entropy = parts(x, q)
    return np.abs(error) ** beta * entropy


def slope(x, q, beta):
    """dQFL(x, q) / dx."""
    error, variance, entropy = parts(x, q)
    focus = np.divide(beta * variance * entropy, error, out=np.zeros_like(x), where=(error != 0) & (variance != 0))
    return np.where(x > 0, -1, 1) * np.abs(error) ** beta * (focus + error)


def parts(x, q):
    """s - q, s (1 - s) and E, of -x and 1 - q where x is above 0."""
    q = np.where(x > 0, 1 - q, q)
    e = np.exp(-np.abs(x))
    entropy = np.log1p(e) + np.where(q == 0, 0, q * np.abs(x))  # 0 also beside an infinite logit
    return e / (1 + e) - q, e / (1 + e) ** 2, entropy
