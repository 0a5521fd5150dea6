"""Whether errors show where in this project they come from: HANDWRITTEN_DEBUG=1 in the environment, or --debug."""

import os

VARIABLE = "HANDWRITTEN_DEBUG"


def is_debugging() -> bool:
    """Here, and in processes that are started from here."""
    return os.environ.get(VARIABLE, "0") != "0"
