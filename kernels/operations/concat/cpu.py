"""Concatenation on CPU cores. Source: Lin et al. (2017), Focal Loss, section 4.

There is nothing to compute and the rows of a picture are one piece of memory: NumPy copies it as fast as memory goes.
"""

from kernels.operations.concat.reference import backward, forward

__all__ = ["backward", "forward"]
