"""Hypothesis profiles: dev (fast, the default), ci, thorough. Choose with HYPOTHESIS_PROFILE=thorough."""

import gc
import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has a core of its own; BLAS reads this when NumPy is imported, so it stands first.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import pytest
from hypothesis import HealthCheck, settings

from kernels.device import cuda_problem

# The first example of a test compiles kernels, so no deadline: speed is measured in benchmarks/, not here.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("dev", max_examples=10, **COMMON)
settings.register_profile("ci", max_examples=25, derandomize=True, **COMMON)
settings.register_profile("thorough", max_examples=500, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


if "PYTEST_XDIST_WORKER" in os.environ:
    numba.set_num_threads(1)


def pytest_collection_finish():
    """What is there by now will stay: Python would look through it for garbage a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def pytest_collection_modifyitems(items):
    """Tests marked gpu need one."""
    if problem := cuda_problem():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason=problem))
