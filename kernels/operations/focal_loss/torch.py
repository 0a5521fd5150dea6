"""Focal loss in PyTorch, as one would write it there: with logarithms of a softmax."""

import torch


def forward(x, target, alpha, gamma):
    """With the background in class 0, whose weight is 1; one logit is that of the face beside 0 for the background."""
    if x.shape[1] == 1:
        x = torch.cat([torch.zeros_like(x), x], 1)
    log_p = torch.log_softmax(x, 1)
    weight = torch.full_like(target, alpha)
    weight[:, 0] = 1
    return -(weight * target * (1 - log_p.exp()) ** gamma * log_p).sum(1)
