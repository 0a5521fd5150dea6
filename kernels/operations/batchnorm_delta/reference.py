"""The delta-error of batch normalization's input, by sums that are given, in NumPy.

Source: Zozoulenko (2018), eq. 51, corrected: see ../batchnorm/reference.py, which has the shapes as well. dgamma and
dbeta are the sums of eq. 52 and 53 over all `count` values a channel, more than x has where other devices have the
rest. count = 0 stands for as many as x has.
"""

from kernels.operations.batchnorm.reference import per_channel


def forward(dy, x, gamma, mean, inverse_std, dgamma, dbeta, dx, count):
    """dx = gamma inverse_std (dy - dbeta / n - x_hat dgamma / n)."""
    n = count or x.size // x.shape[1]
    x_hat = (x - per_channel(mean[0] + mean[1], x)) * per_channel(inverse_std, x)
    inside = dy - per_channel(dbeta / n, x) - x_hat * per_channel(dgamma / n, x)
    dx[...] = per_channel(gamma * inverse_std, x) * inside
