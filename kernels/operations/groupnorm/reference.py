"""Group normalization in NumPy. Source: Wu and He (2018), eq. 1, 2, 6 and 7.

x (R, C, H, W), gamma and beta (C,) -> y as x, mean and inverse_std (R, G): what each group of each picture was
normalized with. A group is C / G channels that follow each other (eq. 7): all channels are one group in layer
normalization, each is its own in instance normalization. The variance is biased, `epsilon` keeps a constant group
finite. There are no running averages: a picture is treated alike in training and in use, and alone as in any batch.
"""


def forward(x, gamma, beta, y, mean, inverse_std, groups, epsilon):
    """y = gamma x_hat + beta, with x_hat = (x - mean) / sqrt(variance + epsilon)."""
    values = by_group(x, groups)
    mean[...] = values.mean(axis=2)  # eq. 2
    variance = ((values - mean[:, :, None]) ** 2).mean(axis=2)
    inverse_std[...] = (variance + epsilon) ** -0.5
    y[...] = per_channel(gamma) * normalized(x, mean, inverse_std) + per_channel(beta)  # eq. 6


def backward(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, groups):
    """dgamma = sum dy x_hat and dbeta = sum dy, both over r, h and w; and with d = gamma dy and means over a group

    dx = inverse_std (d - mean of d - x_hat (mean of d x_hat))
    """
    x_hat = normalized(x, mean, inverse_std)
    if dgamma is not None:
        dgamma[...] = (dy * x_hat).sum(axis=(0, 2, 3))
    if dbeta is not None:
        dbeta[...] = dy.sum(axis=(0, 2, 3))
    if dx is not None:
        d, x_hat = by_group(per_channel(gamma) * dy, groups), by_group(x_hat, groups)
        centred = d - d.mean(axis=2, keepdims=True) - x_hat * (d * x_hat).mean(axis=2, keepdims=True)
        dx[...] = (inverse_std[:, :, None] * centred).reshape(x.shape)


def by_group(x, groups):
    """x (R, C, H, W) as (R, G, the values of a group)."""
    return x.reshape(x.shape[0], groups, -1)


def normalized(x, mean, inverse_std):
    """x_hat of eq. 1."""
    values = by_group(x, mean.shape[1])
    return ((values - mean[:, :, None]) * inverse_std[:, :, None]).reshape(x.shape)


def per_channel(values):
    """values (C,) shaped so that NumPy spreads each over its channel."""
    return values[:, None, None]
