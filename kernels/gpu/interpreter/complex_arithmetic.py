"""Arithmetic of complex numbers in rewritten code, a complex128 or a complex64 each."""

import numpy as np


def multiply(a, b):
    """Four products and two sums, each rounded, as Numba compiles it."""
    real, imag = a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real
    return np.complex64(complex(real, imag)) if isinstance(a, np.complex64) else complex(real, imag)


def conjugate(z):
    return z.conjugate()
