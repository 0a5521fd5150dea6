"""What test cases are made of, where operations want the same: shapes, and values that are not `normal`.

`rows` takes a Draw and gives a shape. All others take a NumPy generator and a shape, and give values. Functions with
kinks or poles are drawn away from them, so that central differences can judge their derivatives.
"""

import numpy as np


def rows(draw):
    """(R, C): a few rows, of fewer values than a warp has threads, about as many, or more."""
    return draw.integer(1, 7), draw.choice((1, 2, 3, 10, 31, 32, 33, 70))


def away_from_zero(generator, shape):
    """Values of both signs and at least 0.01 in size."""
    values = generator.standard_normal(shape)
    return values + np.copysign(0.01, values)


def around_one(generator, shape):
    """Values of both signs whose sum is not near 0 where there are many, so that its rounding errors are small."""
    return 1 + generator.standard_normal(shape)


def around_three(generator, shape):
    """Mostly positive values, so that rounding errors of their sum are small beside it."""
    return 3 + generator.standard_normal(shape)


def positive(generator, shape):
    """Values between 0.1 and 1.1."""
    return 0.1 + generator.random(shape)


def probabilities(generator, shape):
    """Values between 0.1 and 0.9."""
    return 0.1 + 0.8 * generator.random(shape)


def distributions(generator, shape):
    """Rows of positive values with sum 1."""
    values = positive(generator, shape)
    return values / values.sum(axis=-1, keepdims=True)


def sparse_distributions(generator, shape):
    """Rows with sum 1 in which about a third of the values are 0; a row may be one-hot."""
    values = generator.random(shape)
    values[values < 1 / 3] = 0
    hot = generator.integers(0, shape[-1], shape[:-1])[..., np.newaxis]
    np.put_along_axis(values, hot, 1.0, axis=-1)
    return values / values.sum(axis=-1, keepdims=True)


def sparse_distributions_or_none(generator, shape):
    """Rows as `sparse_distributions` gives them, but about a quarter of them are all 0."""
    return sparse_distributions(generator, shape) * (generator.random((*shape[:-1], 1)) > 0.25)


def positive_or_zero(generator, shape):
    """Values between 0.1 and 1.1, but about half of them are 0."""
    return positive(generator, shape) * generator.integers(0, 2, shape)


def pixels(generator, shape):
    """Bytes of pictures, 0 to 255; black and white among them."""
    return generator.choice(np.array([0, 255, *generator.integers(0, 256, 14)]), shape)


def boxes(generator, shape):
    """Boxes (x1, y1, x2, y2) on a grid of 8 pixels, about one in 20 without width.

    The grid is so small that boxes often coincide, and that overlaps are fractions which float32 can tell apart.
    """
    first = generator.integers(0, 5, (*shape[:-1], 2))
    size = generator.integers(1, 5, (*shape[:-1], 2))
    size[..., 0] *= generator.random(shape[:-1]) > 0.05
    return 8.0 * np.concatenate([first, first + size], axis=-1)
