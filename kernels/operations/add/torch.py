"""Addition in PyTorch."""


def forward(a, b):
    return a + b
