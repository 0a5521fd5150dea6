"""What does not fit is refused in one line before a kernel runs: where a device binds it, and where cpu.py is called.

A loop that Numba compiled looks at no index, and a copy of what is not C-contiguous would be written in its place.
"""

import re

import numpy as np
import pytest

from framework import Graph
from kernels.bench.trial import Trial
from kernels.device import Device
from kernels.operation import RandomDraw, ShapeError, all_operations
from kernels.operations.add.cpu import forward as add
from kernels.operations.conv2d.cpu import forward as conv2d
from tests.helpers.operations import OPERATIONS

RUNS = [(name, direction) for name, operation in OPERATIONS.items() for direction in operation.directions]
every_run = pytest.mark.parametrize(("name", "direction"), RUNS)


def arguments_of(name, direction, device="cpu"):
    """The operation, and what one of its directions takes, of shapes with several values."""
    operation = OPERATIONS[name]
    for seed in range(100):
        generator = np.random.default_rng(seed)
        trial = Trial.draw(operation, RandomDraw(generator), generator)
        arguments = trial.arguments(Device(device), direction)
        arrays = [a for a in arguments.values() if isinstance(a, np.ndarray)]
        if max(min(a.shape) for a in arrays) > 1:
            return operation, {n: arguments[n] for n in operation.arguments(direction)}
    raise AssertionError(name)


def longer(array):
    return np.zeros((*array.shape[:-1], array.shape[-1] + 1), array.dtype)


def shorter(array):
    return np.zeros((*array.shape[:-1], array.shape[-1] - 1), array.dtype)


def of_another_type(array):
    return np.zeros(array.shape, np.float16)


def every_other(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def transposed(array):
    return np.asfortranarray(array)


def with_a_fault(operation, direction, arguments, fault):
    """The arguments with one array in another form, for each array that has such a form."""
    follow = {*operation.state, *operation.outputs, *operation.saved}  # whose shapes those of the inputs decide
    if direction == "backward":
        follow = {*operation.deltas, *(f"d{n}" for n in set(operation.gradients) & set(operation.needs))}
    for name, array in arguments.items():
        if isinstance(array, np.ndarray) and (name in follow or fault not in (longer, shorter)):
            wrong = fault(array)
            if wrong.shape != array.shape or wrong.dtype != array.dtype or not wrong.flags.c_contiguous:
                yield {**arguments, name: wrong}


@every_run
@pytest.mark.parametrize("fault", [longer, shorter, of_another_type, every_other, transposed])
def test_cpu_functions_refuse_an_array_that_does_not_fit_and_write_nothing(name, direction, fault):
    operation, arguments = arguments_of(name, direction)
    function, reference = (getattr(operation.implementation(kind), direction) for kind in ("cpu", "reference"))
    if function is reference:
        pytest.skip("it is NumPy's, which looks for itself")
    before = {n: np.copy(a) for n, a in arguments.items() if isinstance(a, np.ndarray)}
    for wrong in with_a_fault(operation, direction, arguments, fault):
        with pytest.raises(ShapeError, match=rf"^{name}: [^\n]*$"):
            function(**wrong)
    for n, array in before.items():
        np.testing.assert_array_equal(arguments[n], array, err_msg=n)


@every_run
@pytest.mark.parametrize("device", ["cpu", "interpret", "reference"])
@pytest.mark.parametrize("fault", [longer, of_another_type, every_other])
def test_devices_bind_no_array_that_does_not_fit(name, direction, device, fault):
    operation, arguments = arguments_of(name, direction, device)
    if not operation.has(Device(device).implementation):
        pytest.skip("it has no such implementation")
    Device(device).bind(operation, direction, arguments)
    for wrong in with_a_fault(operation, direction, arguments, fault):
        with pytest.raises(ShapeError, match=rf"^{name}: [^\n]*$"):
            Device(device).bind(operation, direction, wrong)


@every_run
def test_devices_bind_nothing_where_an_array_is_missing(name, direction):
    operation, arguments = arguments_of(name, direction)
    for missing, array in arguments.items():
        if isinstance(array, np.ndarray):
            less = {n: a for n, a in arguments.items() if n != missing}
            with pytest.raises(ShapeError, match=f"^{name}: {direction} needs {missing}$"):
                Device("cpu").bind(operation, direction, less)


def test_the_lines_say_what_was_given_and_what_is_wanted():
    x, w, y = (np.zeros(shape, np.float32) for shape in ((2, 3, 14, 14), (8, 3, 3, 3), (2, 3)))
    with pytest.raises(ShapeError, match=f"^{re.escape('conv2d: y (2, 3) must be (2, 8, 12, 12)')}$"):
        conv2d(x, w, None, y, (1, 1), (0, 0))
    with pytest.raises(ShapeError, match=r"^conv2d: forward needs w$"):
        conv2d(x, None, None, y, (1, 1), (0, 0))
    a, b, y = (np.ones((3, 4), np.float32) for _ in range(3))
    with pytest.raises(ShapeError, match=r"^add: y must be C-contiguous$"):
        add(a, b, y.T)
    with pytest.raises(ShapeError, match=r"^add: b must be float32, not float64$"):
        add(a, b.astype(float), y)
    with pytest.raises(ShapeError, match=r"^add: b must be an array, not list$"):
        add(a, [[1.0]], y)
    add(a, b=b, y=y)
    np.testing.assert_array_equal(y, 2)


@pytest.mark.parametrize("name", all_operations())
def test_every_operation_refuses_empty_arrays(name):
    """An empty batch, and any other axis of any input."""
    operation = all_operations()[name]
    generator = np.random.default_rng(0)
    case = operation.case(RandomDraw(generator))
    given = {n: case[n] for n in operation.inputs if case.get(n) is not None}
    batch = {n: (0, *shape[1:]) for n, shape in given.items()}
    axes = [{**given, n: (*s[:i], 0, *s[i + 1 :])} for n, s in given.items() for i in range(len(s))]
    for empty in (batch, *axes):
        with pytest.raises(ShapeError, match=rf"^{name}: [^\n]*$"):
            Trial.of_shape(operation, {**case, **empty}, generator)
        arrays = {n: np.zeros(shape, operation.dtype(n)) for n, shape in empty.items()}
        with pytest.raises(ShapeError, match=rf"^{name}: [^\n]*$"):
            Device("cpu").run(operation, "forward", {**case, **arrays})


def test_a_graph_has_no_empty_batch():
    with pytest.raises(ShapeError, match=r"^x: shape \(0, 3\) must have whole sizes of at least 1$"):
        Graph("empty").input("x", (0, 3))
