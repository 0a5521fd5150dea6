"""Systems built on the graph runner."""

import kernels  # noqa: F401  first, before NumPy is loaded: see there
