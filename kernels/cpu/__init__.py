"""What the kernels that run on CPU cores share."""

from kernels.numba_cache import make_safe

make_safe()  # before any of their loops is looked for in Numba's cache
