"""Index arithmetic that kernels share: from a thread's number to its value, from a value to its windows."""

from kernels.gpu.source import device


@device
def unravel(n, C, H, W):
    """(r, c, h, w) of value number n of an array (R, C, H, W)."""
    return n // (W * H * C), n // (W * H) % C, n // W % H, n % W


@device
def unravel_channel(n, C, S):
    """(r, c, s) of value number n of an array (R, C, S)."""
    return n // (S * C), n // S % C, n % S


@device
def first_window(i, window, stride, padding):
    """The first window that covers row i. Window i' covers rows i' * stride - padding to ... + window - 1."""
    return max(0, (i + padding - window) // stride + 1)


@device
def last_window(i, stride, padding, count):
    """The last of `count` windows that covers row i; smaller than the first where strides leave a gap."""
    return min(count - 1, (i + padding) // stride)
