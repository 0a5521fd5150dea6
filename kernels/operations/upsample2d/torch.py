"""Upsampling in PyTorch."""

from torch.nn import functional


def forward(x, size, mode):
    return functional.interpolate(x, size, mode=mode)
