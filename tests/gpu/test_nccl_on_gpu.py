"""NCCL on a GPU: that of one rank, whose sum is its own part, is captured with the kernels and changes nothing."""

import numpy as np
import pytest

from framework import Model, Optimizer
from framework.nccl import Nccl, unique_id
from framework.plan import Plan
from framework.program import Program
from framework.sharing import Share
from tests.helpers.checks import assert_same
from tests.helpers.networks import batch_for, plain
from tests.helpers.ranks import OverNccl

pytestmark = pytest.mark.gpu


def of_one(device):
    """One rank that goes the way of several."""
    return OverNccl(Nccl(device, 0, 1, unique_id()))


def trained(ranks_of, bucket):
    model, optimizer = Model(plain, "cuda", seed=2), Optimizer("sgd")
    plan = Plan(plain(4), ("loss",), objective="loss", share=Share(4, 4))
    program, losses = Program(plan, model.parameters, optimizer, ranks=ranks_of(model.device), bucket=bucket), []
    for step in range(4):
        optimizer.set_rate(0.01, step)
        losses.append(float(program(**batch_for(program, seed=step))["loss"][0]))
    return losses, model.parameters.download()


@pytest.mark.parametrize("bucket", [None, 1])
def test_sums_of_one_rank_are_captured_and_change_nothing(bucket):
    alone, optimizer = Model(plain, "cuda", seed=2), Optimizer("sgd")
    program, expected = alone.training(4, optimizer), []
    for step in range(4):
        optimizer.set_rate(0.01, step)
        expected.append(float(program(**batch_for(program, seed=step))["loss"][0]))
    losses, weights = trained(of_one, bucket)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    again = trained(of_one, bucket)
    assert losses == again[0]
    assert_same(weights, again[1])
