"""A plugin of pytest that ends the run at the first claim that does not hold and writes down what it was.

What merely crashes is written down too, but the run goes on: a fault shall be found by what a test says.
"""

import json
import os
from pathlib import Path

import pytest

from kernels.gpu.interpreter import KernelError

CLAIMS = (AssertionError, KernelError, pytest.fail.Exception)


def pytest_exception_interact(node, call, report):
    error = call.excinfo.value
    found = {"test": node.nodeid, "error": type(error).__name__, "claim": is_claim(error)}
    with Path(os.environ["VERDICT"]).open("a") as file:
        file.write(json.dumps(found) + "\n")
    if found["claim"]:
        node.session.shouldstop = "found"


def is_claim(error: BaseException) -> bool:
    """Hypothesis gives several failures of one test as a group."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_claim(each) for each in error.exceptions)
    return isinstance(error, CLAIMS)
