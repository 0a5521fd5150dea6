"""What tests of the mathematics need: operations as functions of float64 arrays, and derivatives without calculus."""

import numpy as np

from kernels.operation import all_operations

OPERATIONS = all_operations()


class Applied:
    """An operation's reference.py, applied in float64 to arrays and settings given by name.

    Applied("conv2d", x=x, w=w, b=None, stride=(2, 2))["y"], and .backward(dy)["dx"]
    """

    def __init__(self, name, **given):
        self.operation = operation = OPERATIONS[name]
        settings = {s: given.get(s, default) for s, default in operation.settings.items()}
        shapes = {i: None if given[i] is None else np.shape(given[i]) for i in operation.inputs}
        made = operation.shapes(**shapes, **settings)
        self.given = dict(settings)
        for array in (*operation.inputs, *operation.state):
            self.given[array] = None if given[array] is None else np.array(given[array], np.float64)
        for array in (*operation.outputs, *operation.saved):
            dtype = operation.dtypes.get(array, "float64")
            self.given[array] = np.zeros(made[array], dtype)
        self._run("forward", self.given)

    def __getitem__(self, array):
        return self.given[array]

    def backward(self, dy):
        """The delta-errors of all inputs, by the names d + input."""
        (output,) = self.operation.outputs
        gradients = {
            f"d{i}": None if (x := self.given[i]) is None else np.zeros_like(x) for i in self.operation.gradients
        }
        self._run("backward", {**self.given, **gradients, f"d{output}": np.asarray(dy, np.float64)})
        return gradients

    def _run(self, direction, given):
        function = getattr(self.operation.implementation("reference"), direction)
        function(**{name: given[name] for name in self.operation.arguments(direction)})


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
