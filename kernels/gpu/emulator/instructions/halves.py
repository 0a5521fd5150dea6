"""Arithmetic of float16 and bfloat16, one or two in a register."""

from kernels.gpu.emulator.errors import PtxError


def refused(t, i, *_):
    raise PtxError(f".{i.type} is not executed")


arithmetic = fma = library = sign = extreme = read_wide = convert = refused
