"""Focal loss in NumPy. Source: Zozoulenko (2018), eq. 60, corrected; Lin et al. (2017), eq. 5.

x (R, C), target (R, C) -> y (R,) and p (R, C), the probabilities: the softmax of eq. 54 is part of it. With two classes
x may be (R, 1), one logit z behind a sigmoid: the background's logit is 0 then, since the softmax of (0, z) is
p[r] = (1 - sigmoid(z), sigmoid(z)). Targets stay (R, 2), and dx is that of z alone.

    y[r] = sum over c of weight[c] target[r,c] f(p[r,c])        f(p) = -(1 - p)^gamma log p

weight is 1 for class 0, the background, and alpha for all others. A target is one-hot, or any distribution; a row of
zeros is an example to be ignored and costs nothing. gamma = 0 is cross entropy with weights.

The derivative. With dp[c]/dx[k] = p[c] (1 if c = k else 0) - p[c] p[k] of eq. 55 and the slope s of each class,

    s[c] = weight[c] target[c] p[c] f'(p[c])                    p f'(p) = (1 - p)^gamma (gamma p log p / (1 - p) - 1)
    dx[k] = dy (s[k] - p[k] sum over c of s[c])
          = dy (s[k] (1 - p[k]) - p[k] sum over c other than k of s[c])

1 - p is never a difference, which would have no digits left where p is near 1: it is q, the sum of the others' p.
The logarithm of such a p is log(1 - q). At the ends p log p is 0 for p = 0, and log p / q is -1 for q = 0.
"""

import numpy as np


def forward(x, target, y, p, alpha, gamma):
    """y[r] = - sum over c of weight[c] target[r,c] (1 - p[r,c])^gamma log p[r,c]."""
    if x.shape[1] < p.shape[1]:
        x = np.hstack([np.zeros_like(x), x])
    shifted = x - x.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    p[...] = exponentials / total
    q = sum_of_others(p)
    log_p = np.where(q < p, np.log1p(-np.minimum(q, 0.5)), shifted - np.log(total))
    # A class without target adds nothing, even where 0 would meet an infinite logarithm.
    losses = np.where(target == 0, 0, -weights(p, alpha) * target * q**gamma * log_p)
    y[...] = losses.sum(axis=1) + 0 * total[:, 0]


def backward(dy, target, p, dx, alpha, gamma):
    """dx[r,k] = dy[r] (s[r,k] (1 - p[r,k]) - p[r,k] sum over c other than k of s[r,c])."""
    q = sum_of_others(p)
    log_p = np.where(q < p, np.log1p(-np.minimum(q, 0.5)), np.log(np.where(p == 0, 1, p)))
    ratio = np.where(q == 0, -1, p * log_p / np.where(q == 0, 1, q))
    s = weights(p, alpha) * target * q**gamma * (gamma * ratio - 1)
    dx[...] = (dy[:, np.newaxis] * (s * q - p * sum_of_others(s)))[:, p.shape[1] - dx.shape[1] :]


def sum_of_others(a):
    """For each value the sum of all other values of its row."""
    return a @ (1 - np.eye(a.shape[1]))


def weights(p, alpha):
    """1 for the background, alpha for every other class."""
    return np.where(np.arange(p.shape[1]) == 0, 1, alpha)
