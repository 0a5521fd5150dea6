"""Ranks that share a batch compute what one would of the whole: losses, gradients' norm, weights, running averages."""

import numpy as np
import pytest

from framework import Model, Optimizer, Plan, Program
from framework.ranks import Ranks, RanksError
from framework.sharing import Share, buckets
from framework.steps import Exchange
from tests.helpers.checks import assert_same
from tests.helpers.networks import batch_for, grouped, of_any_size, plain, pyramid, regression, residual
from tests.helpers.ranks import together

NETWORKS = {build.__name__: build for build in (residual, plain, grouped, pyramid, regression, of_any_size)}
OUTPUTS = {"pyramid": ("loss", "classification", "regression"), "of_any_size": ("loss", "brightness")}


def trained(build, ranks, batch, device, steps=3, optimizer="adam", bucket=None):
    """What a few steps of training say, and what they leave."""
    model = Model(build, device, seed=1)
    step = Optimizer(optimizer)
    outputs = OUTPUTS.get(build.__name__, ("loss",))
    program = model.training(batch, step, outputs, ranks=ranks, bucket=bucket)
    whole = model.training(batch, outputs=outputs)  # for its inputs
    rows, said = list(ranks.share(batch)), []
    for number in range(steps):
        step.set_rate(0.05, number)
        inputs = {name: values[rows] for name, values in batch_for(whole, seed=number).items()}
        said.append({name: float(value[0]) for name, value in program(**inputs).items()})
    return said, model.parameters.download()


def assert_near(found, expected, digits):
    """The weights are float32, in which everybody keeps them."""
    said, left = found
    for step, wanted in zip(said, expected[0], strict=True):
        assert step == pytest.approx(wanted, rel=digits)
    digits = max(digits, 1e-6)
    for name, array in expected[1].items():
        np.testing.assert_allclose(left[name], array, rtol=digits, atol=digits, err_msg=name)


@pytest.mark.parametrize("batch", [4, 7])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_ranks_compute_what_one_does_of_the_whole_batch(name, size, batch):
    """In float64, where what differs is not rounding. Uneven shares are 7 examples of 2, 3 or 4 ranks."""
    build = NETWORKS[name]
    alone = trained(build, Ranks(), batch, "reference")
    for found in together(size, lambda ranks: trained(build, ranks, batch, "reference")):
        assert_near(found, alone, 1e-9)


@pytest.mark.parametrize("device", ["cpu", "interpret"])
@pytest.mark.parametrize("name", ["plain", "pyramid"])
def test_so_do_the_kernels_within_their_rounding(name, device):
    build, steps = NETWORKS[name], 3 if device == "cpu" else 1
    alone = trained(build, Ranks(), 5, device, steps, "sgd")
    for found in together(2, lambda ranks: trained(build, ranks, 5, device, steps, "sgd")):
        assert_near(found, alone, 2e-4)


@pytest.mark.parametrize("name", ["plain", "pyramid"])
def test_all_ranks_have_the_same_bits_and_a_second_run_has_them_too(name):
    first, second = (together(3, lambda ranks: trained(NETWORKS[name], ranks, 7, "cpu")) for _ in range(2))
    for found in (*first, *second):
        assert found[0] == first[0][0]
        assert_same(found[1], first[0][1])


@pytest.mark.parametrize("bucket", [1, 100, 10**9])
def test_gradients_added_up_in_buckets_are_those_added_up_in_the_end(bucket):
    once = together(2, lambda ranks: trained(plain, ranks, 4, "cpu"))
    parts = together(2, lambda ranks: trained(plain, ranks, 4, "cpu", bucket=bucket))
    for found, expected in zip(parts, once, strict=True):
        assert found[0] == expected[0]
        assert_same(found[1], expected[1])


def test_a_bucket_starts_as_soon_as_all_of_it_is_there_and_what_lies_last_goes_first():
    ends = [(0, 10, 9), (10, 14, 7), (14, 30, 8), (30, 32, 2), (32, 40, 5)]
    assert buckets(ends, 8) == [(5, slice(32, 40)), (8, slice(14, 32)), (9, slice(0, 14))]
    assert buckets(ends, 1) == [
        (2, slice(30, 32)),
        (5, slice(32, 40)),
        (7, slice(10, 14)),
        (8, slice(14, 30)),
        (9, slice(0, 10)),
    ]
    assert buckets(ends, 1000) == [(9, slice(0, 40))]


def test_buckets_go_while_the_backward_pass_goes_on():
    def first_and_last(ranks):
        program = Model(plain, "cpu").training(4, ranks=ranks, bucket=1)
        names = [operation for (_, operation, direction), _ in program.calls if direction == "backward"]
        return names.index("all_reduce"), len(names) - 1 - names[::-1].index("conv2d")

    for first, last in together(2, first_and_last):
        assert first < last


def test_ranks_speak_where_examples_meet_and_nowhere_else():
    def speaking(ranks):
        program = Model(plain, "cpu").training(4, ranks=ranks)
        return [repr(step).partition(" ->")[0] for step in program.plan.steps if isinstance(step, Exchange)]

    # Of the first normalization nobody wants the delta-error of the input.
    expected = ["batchnorm_1: all_reduce(batchnorm_1.sums", "batchnorm_2: all_reduce(batchnorm_2.sums"]
    expected += ["batchnorm_2: all_reduce(batchnorm_2.weight"]
    assert together(2, speaking) == [expected] * 2


def test_one_rank_goes_as_if_there_were_none():
    assert not any(isinstance(step, Exchange) for step in Model(plain, "cpu").training(4, ranks=Ranks()).plan.steps)


@pytest.mark.parametrize("bucket", [None, 1])
@pytest.mark.parametrize("name", NETWORKS)
def test_one_rank_that_goes_the_way_of_several_computes_the_same(name, bucket):
    """In float64: a sum over one rank is its part."""
    build, outputs = NETWORKS[name], OUTPUTS.get(name, ("loss",))
    model = Model(build, "reference", seed=1)
    alone = model.training(4, outputs=outputs)
    plan = Plan(build(4), outputs, objective="loss", dtype=model.device.dtype, share=Share(4, 4))
    shared = Program(plan, model.parameters, ranks=Ranks(), bucket=bucket)
    inputs = batch_for(alone)
    expected, found = alone(**inputs), shared(**inputs)
    assert {name: value[0] for name, value in found.items()} == pytest.approx({n: v[0] for n, v in expected.items()})
    # No examples meet in these: group normalization is left uncut.
    assert any(isinstance(step, Exchange) for step in plan.steps) == (name not in ("regression", "grouped"))


def test_a_batch_that_is_smaller_than_there_are_ranks_is_refused():
    with pytest.raises(RanksError, match=r"^a batch of 2 for 3 ranks: at least one example each is needed$"):
        together(3, lambda ranks: Model(plain, "cpu").training(2, ranks=ranks))


def test_what_is_not_finite_is_named_with_its_rank():
    def look(ranks):
        model = Model(plain, "cpu")
        program = model.training(4, ranks=ranks)
        inputs = batch_for(program)
        if ranks.rank == 1:
            inputs["image"][0, 0, 0, 0] = np.inf
        assert not np.isfinite(program(**inputs)["loss"][0])
        return program.find_non_finite(**inputs)

    assert together(2, look) == ["input image of rank 1"] * 2


@pytest.mark.parametrize("count", [0, 1, 5, 12])
def test_shares_are_as_large_as_each_other_or_one_more_and_all_is_somebodys(count):
    shares = together(5, lambda ranks: list(ranks.share(count)))
    assert [n for share in shares for n in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_what_ranks_must_all_know_is_compared():
    def compare(ranks):
        with pytest.raises(RanksError, match=r"^rank 1: data is 'b' there, 'a' on rank 0$"):
            ranks.agree("data", "ab"[ranks.rank])
        ranks.agree("data", "a")

    together(2, compare)
