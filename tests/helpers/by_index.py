"""What the tests of equations, printed right and wrong, write them out with: values, indices, and some functions."""

import math
from itertools import product

import numpy as np

from tests.helpers.calculus import Applied

PRINTED_FUNCTIONS = {
    "relu": lambda x: 0 if x < 0 else x,  # eq. 5
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),  # eq. 6
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),  # eq. 7
    "leaky_relu": lambda x: 0.01 * x if x < 0 else x,  # Murugan (2017), table 1
}


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def probabilities(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


def indices(*sizes):
    return product(*map(range, sizes))


def kronecker(i, j):
    """Eq. 43."""
    return 1 if i == j else 0


def batchnorm(x, gamma, beta, **settings):
    channels = len(gamma)
    state = {"running_mean": np.zeros(channels), "running_var": np.ones(channels)}
    return Applied("batchnorm", x=x, gamma=gamma, beta=beta, **{**state, "epsilon": 1e-12, **settings})


def true_convolution(k, m):
    """Eq. 29-30 of seed 003 wherever the sum has a term: k (K, L), m (M, N) -> (K + M - 1, L + N - 1)."""
    s = np.zeros((k.shape[0] + m.shape[0] - 1, k.shape[1] + m.shape[1] - 1))
    for (y, x), (j, i) in product(np.ndindex(s.shape), np.ndindex(k.shape)):
        if 0 <= y - j < m.shape[0] and 0 <= x - i < m.shape[1]:
            s[y, x] += k[j, i] * m[y - j, x - i]
    return s
