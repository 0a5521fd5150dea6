"""Resizing in PyTorch."""

from torch.nn import functional


def forward(x, size):
    # PyTorch 2.13 on a CPU does not weigh the rows of a picture that it makes one column wide; in one row high it does.
    if size[1] == 1:
        return resized(x.mT, size[::-1]).mT
    return resized(x, size)


def resized(x, size):
    return functional.interpolate(x, size, mode="bilinear", antialias=True)
