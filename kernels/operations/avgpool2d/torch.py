"""Average pooling in PyTorch."""

from torch.nn import functional


def forward(x, window, stride, padding):
    x, padding = within_half(x, window, padding)
    return functional.avg_pool2d(x, window, stride, padding)


def within_half(x, window, padding, value=0.0):
    """x and padding, which PyTorch takes up to half a window: a wider border is written into x, as `value`."""
    if all(2 * p <= k for p, k in zip(padding, window, strict=True)):
        return x, padding
    rows, columns = padding
    return functional.pad(x, (columns, columns, rows, rows), value=value), (0, 0)
