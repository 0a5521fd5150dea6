"""What tests of the mathematics need: operations as functions of float64 arrays, and derivatives without calculus."""

import numpy as np

from kernels.device import Device
from kernels.operation import find_operation

REFERENCE = Device("reference")


class Applied:
    """An operation's reference.py, applied in float64 to arrays and settings given by name.

    Applied("conv2d", x=x, w=w, b=None, stride=(2, 2))["y"], and .backward(dy)["dx"]
    """

    def __init__(self, name, **given):
        self.operation = find_operation(name)
        self.given = given | REFERENCE.run(self.operation, "forward", given)

    def __getitem__(self, array):
        return self.given[array]

    def backward(self, dy):
        """The delta-errors of all inputs, by the names d + input."""
        (output,) = self.operation.outputs
        absent = dict.fromkeys(f"d{name}" for name in self.operation.gradients)
        return absent | REFERENCE.run(self.operation, "backward", self.given | {f"d{output}": dy})


def derivative(f, x, h=1e-5):
    """The derivative of f at x by central differences: an array of the shape of f(x), then the shape of x."""
    x = np.array(x, np.float64)
    columns = []
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        columns.append((np.asarray(f(above)) - np.asarray(f(below))) / (2 * h))
    columns = np.stack(columns, axis=-1)
    return columns.reshape((*columns.shape[:-1], *x.shape))


def assert_equal(got, expected):
    """Both are the same, but for the rounding of float64 and of a difference quotient."""
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def assert_differ(got, expected):
    """They are not the same, and not by rounding: somewhere by more than a thousandth of the largest value."""
    got, expected = np.broadcast_arrays(np.asarray(got, np.float64), expected)
    assert np.abs(got - expected).max() > 1e-3 * np.abs(expected).max(), "what is printed is right after all"
