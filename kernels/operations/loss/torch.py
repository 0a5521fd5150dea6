"""Losses in PyTorch: its own functions, and what it has none for as one would write it there."""

import torch
from torch.nn import functional


def forward(prediction, target, function):
    term, collect = FUNCTIONS[function]
    return collect(term(prediction, target), 1)


def of_each_value(function):
    """A loss function of PyTorch's without its mean over all values."""
    return lambda prediction, target: function(prediction, target, reduction="none")


def squared_logarithmic(prediction, target):
    return (torch.log1p(target) - torch.log1p(prediction)) ** 2


def absolute_percentage(prediction, target):
    return 100 * ((target - prediction) / target).abs()


FUNCTIONS = {
    "mse": (of_each_value(functional.mse_loss), torch.mean),
    "msle": (squared_logarithmic, torch.mean),
    "l2": (of_each_value(functional.mse_loss), torch.sum),
    "l1": (of_each_value(functional.l1_loss), torch.sum),
    "mae": (of_each_value(functional.l1_loss), torch.mean),
    "mape": (absolute_percentage, torch.mean),
    "bce": (of_each_value(functional.binary_cross_entropy), torch.mean),
}
