"""Batch normalization in NumPy. Source: Zozoulenko (2018), eq. 37-42 and 51-53.

x (R, C, H, W) or (R, C), gamma and beta (C,) -> y as x, mean (2, C) and inverse_std (C,): what y was normalized with.
In training these are the batch's own, and running_mean and running_var (C,) follow them with weight `momentum`;
otherwise they are the running ones, which stay as they are. The variances are biased: divided by RHW, not by RHW - 1
(PyTorch normalizes with the biased and averages the unbiased one).
The mean is the sum of its two rows. The second is what a float32 leaves of it, which is much beside a small deviation:
around 10 000 neighbouring float32 are 0.001 apart. In float64 it is 0.
`epsilon`, which the equations leave out, is added to the variance and keeps a constant channel finite. The delta-error
of a value is the gradient of the loss with respect to it.
"""


def forward(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, each channel with its own (eq. 37-42)."""
    axes = all_but_channels(x)
    mean[1] = 0
    if training:
        mean[0] = x.mean(axis=axes)  # eq. 37
        var = ((x - per_channel(mean[0], x)) ** 2).mean(axis=axes)  # eq. 38
        running_mean[...] = momentum * mean[0] + (1 - momentum) * running_mean  # eq. 41
        running_var[...] = momentum * var + (1 - momentum) * running_var  # eq. 42
    else:
        mean[0] = running_mean
        var = running_var
    inverse_std[...] = (var + epsilon) ** -0.5
    x_hat = (x - per_channel(mean[0], x)) * per_channel(inverse_std, x)  # eq. 39
    y[...] = per_channel(gamma, x) * x_hat + per_channel(beta, x)  # eq. 40


def backward(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, training):
    """The delta-errors of the input (eq. 51), of gamma (eq. 52) and of beta (eq. 53).

    The last term of eq. 51 is printed with (sigma^2)^(-3/2), of which (sigma^2)^(-1/2) already stands before the
    bracket. With (sigma^2)^(-1) it is x_hat times the sum of dy x_hat. Where the statistics were not the batch's own,
    they do not depend on x, and only the first term is left.
    """
    axes = all_but_channels(x)
    RHW = x.size // x.shape[1]
    x_hat = (x - per_channel(mean[0] + mean[1], x)) * per_channel(inverse_std, x)
    sum_dy_x_hat = (dy * x_hat).sum(axis=axes)
    sum_dy = dy.sum(axis=axes)
    if dgamma is not None:
        dgamma[...] = sum_dy_x_hat  # eq. 52
    if dbeta is not None:
        dbeta[...] = sum_dy  # eq. 53
    if dx is not None:
        scale = per_channel(gamma * inverse_std, x)
        if training:
            dx[...] = scale / RHW * (RHW * dy - per_channel(sum_dy, x) - x_hat * per_channel(sum_dy_x_hat, x))  # eq. 51
        else:
            dx[...] = scale * dy


def all_but_channels(x):
    """The axes to sum over: r, h and w, or r alone."""
    return (0, *range(2, x.ndim))


def per_channel(values, x):
    """values (C,) shaped so that NumPy spreads each over its channel of x."""
    return values.reshape(-1, *[1] * (x.ndim - 2))
