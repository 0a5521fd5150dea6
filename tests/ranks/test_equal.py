"""Ranks under mpirun compute what one rank does, on a network of digits and on a detector."""

import json

import pytest

from tests.helpers import ROOT
from tests.helpers.mpi import carried_out

# How far float32 sums in another order may take them apart in a step. The gradients of a detector hang on which of two
# nearly equal values is larger, in ReLU and in max pooling, and on normalizations over five values.
LIMITS = {
    "cnn6": {"loss": 1e-4, "norm": 1e-3, "gradients": 1e-2, "states": 1e-5},
    "lite": {"loss": 1e-4, "classification": 1e-4, "norm": 1e-2, "gradients": 0.1, "states": 1e-5},
}


def beside_one(ranks, name):
    done = carried_out(ranks, "-m", "tests.helpers.ranks_beside_one", name, 50, folder=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("ranks", [2, 4])
def test_over_fifty_steps_each_is_what_one_rank_computes_from_the_same_weights(name, ranks):
    """Uneven shares: four ranks have 5 pictures, of which some have no face. In float64 test_sharing.py is exact."""
    found = beside_one(ranks, name)
    assert found["apart"].keys() == LIMITS[name].keys()
    for what, limit in LIMITS[name].items():
        assert found["apart"][what] < limit, what
    assert found["apart"]["gradients"] > 0  # it was another computation
    assert len(found["weights"]) == ranks
    assert len(set(found["weights"])) == 1


def test_one_rank_under_mpirun_has_the_bits_of_one_without():
    assert set(beside_one(1, "cnn6")["apart"].values()) == {0.0}
