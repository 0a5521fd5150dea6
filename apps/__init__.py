"""Systems built on the graph runner."""

import kernels  # noqa: F401  first: see there
