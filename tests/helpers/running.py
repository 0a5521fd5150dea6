"""One operation run on arrays that a test gives: what the tests of single operations share."""

import numpy as np

from kernels.bench.trial import Trial
from kernels.commands.targets import Target
from kernels.operation import all_operations

KINDS = ("reference", "cpu", "interpret")


def random(*shape, seed=0):
    """Normally distributed float32 values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def trial(name, settings=None, **arrays):
    """A trial of an operation. `settings` by name; inputs, state and the delta-errors of outputs as arrays."""
    return Trial.of_arrays(all_operations()[name], settings, **arrays)


def forward(name, kind, settings=None, **arrays):
    """State, outputs and saved arrays, by name."""
    return trial(name, settings, **arrays).forward(kind)


def backward(name, kind, settings=None, **arrays):
    """Delta-errors of the gradients, by name; what backward needs comes from the same implementation's forward."""
    case = trial(name, settings, **arrays)
    return case.backward(kind, case.forward(kind))


def float64_in(name, direction, settings=None, **arrays):
    """Names of the kernels, of all rungs, that compile to float64 instructions for sm_90."""
    case = trial(name, settings, **arrays)
    rungs = Target(case.operation, direction).rungs
    launches = [launch for rung in rungs for launch in case.launches(direction, rung)]
    return [repr(launch.kernel) for launch in launches if ".f64" in launch.ptx("sm_90")]
