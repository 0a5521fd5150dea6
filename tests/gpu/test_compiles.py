"""Every rung compiles for sm_90 within its budget, without float64 or spills; the highest for every architecture."""

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.commands.inspect import rows
from kernels.commands.targets import case_of, find_target, find_targets, trial_of
from kernels.gpu import kernel
from kernels.gpu.compiler import ARCHITECTURES, cuda, float32
from kernels.gpu.report import ReportError, report
from kernels.operation import RandomDraw
from tests.helpers.operations import WITH_LADDERS


def launches(name, direction, rung):
    generator = np.random.default_rng(0)
    return Trial.draw(WITH_LADDERS[name], RandomDraw(generator), generator).launches(direction, rung)


RUNGS = [(str(target), rung) for target in find_targets(None) for rung in target.rungs]


@pytest.mark.parametrize(("name", "rung"), RUNGS)
def test_every_rung_keeps_to_its_budget_of_registers_without_spills_or_float64(name, rung):
    target = find_target(name)
    (function,) = target.functions(rung)
    trial = trial_of(target.operation, case_of(target.operation, None))
    for row in rows(target, trial, rung, ["sm_90"]):
        found = row.report
        assert found.float64 == 0 or function.float64, row
        assert found.spill_bytes == 0, row
        assert found.registers <= function.registers, row
        assert found.occupancy.blocks >= 1, row


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", WITH_LADDERS)
def test_the_best_rung_compiles_for_every_architecture(name, architecture):
    operation = WITH_LADDERS[name]
    for direction in operation.directions:
        for launch in launches(name, direction, None):
            found = report(launch, architecture)
            assert found.registers > 0, found
            assert found.shared_bytes <= 48 * 1024, found


@kernel
def careless(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * 0.1


@kernel
def careful(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * float32(0.1)


@kernel
def shared(x, y, *, N=64):
    i = cuda.threadIdx.x
    s = cuda.shared.array(N, float32)
    s[i] = x[i]
    cuda.syncthreads()
    y[i] = s[N - 1 - i]


def test_a_float64_literal_costs_a_product_and_two_conversions():
    x = np.zeros(8, np.float32)
    assert report(careless[1, 8](x, x), "sm_90").float64 == 3
    assert report(careful[1, 8](x, x), "sm_90").float64 == 0


def test_shared_memory_is_counted():
    x = np.zeros(64, np.float32)
    assert report(shared[1, 64](x, x), "sm_80").shared_bytes == 256
    assert report(shared(N=128)[1, 64](x, x), "sm_80").shared_bytes == 512


def test_an_unknown_architecture_is_refused_in_one_line():
    x = np.zeros(8, np.float32)
    with pytest.raises((ReportError, ValueError), match="sm_9x") as error:
        report(careless[1, 8](x, x), "sm_9x")
    assert len(str(error.value).splitlines()) == 1
