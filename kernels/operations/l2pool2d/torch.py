"""L2 pooling in PyTorch, whose own has no padding."""

from torch.nn import functional


def forward(x, window, stride, padding):
    if any(padding):
        rows, columns = padding
        x = functional.pad(x, (columns, columns, rows, rows))
    return functional.lp_pool2d(x, 2.0, window, stride)
