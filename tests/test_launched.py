"""What an MPI launcher says, and how ranks share a machine out."""

import os

import pytest

from kernels import launched
from kernels.launched import Launched, share_machine

SAID = {
    "MPICH": {"PMI_RANK": "3", "PMI_SIZE": "6", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"},
    "Open MPI": {
        "OMPI_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_SIZE": "6",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    },
}
EVERY = (*launched.RANK, *launched.SIZE, *launched.LOCAL_RANK, *launched.LOCAL_SIZE)


@pytest.fixture
def said(monkeypatch):
    """A machine of 8 cores where nothing was said; what is said is forgotten afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in (*EVERY, "NUMBA_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)

    def say(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return say


@pytest.mark.parametrize("launcher", SAID)
def test_each_launcher_is_understood(said, launcher):
    said(**SAID[launcher])
    assert launched.launched() == Launched(3, 6, 1, 2)


@pytest.mark.parametrize("size", [{}, {"PMI_SIZE": "1", "PMI_RANK": "0"}, {"PMI_SIZE": "many"}])
def test_who_is_alone_is_not_launched_and_has_the_whole_machine(said, size):
    said(**size)
    assert launched.launched() is None
    share_machine()
    assert "NUMBA_NUM_THREADS" not in os.environ
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_ranks_of_a_machine_share_its_cores_and_take_a_gpu_each(said):
    said(**SAID["MPICH"])
    share_machine()
    assert os.environ["NUMBA_NUM_THREADS"] == "4"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    share_machine()  # as a process does that a rank starts
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_what_a_user_says_stays(said):
    said(**SAID["MPICH"], NUMBA_NUM_THREADS="3", CUDA_VISIBLE_DEVICES="5")
    share_machine()
    assert (os.environ["NUMBA_NUM_THREADS"], os.environ["CUDA_VISIBLE_DEVICES"]) == ("3", "5")


def test_of_the_gpus_that_a_user_names_each_rank_takes_one(said):
    said(**SAID["MPICH"], CUDA_VISIBLE_DEVICES="4,7")
    share_machine()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


def test_a_rank_that_is_bound_to_cores_has_all_of_them(said, monkeypatch):
    said(**SAID["Open MPI"])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 6}, raising=False)
    share_machine()
    assert os.environ["NUMBA_NUM_THREADS"] == "3"


def test_more_ranks_than_cores_have_one_each(said):
    said(**SAID["MPICH"] | {"MPI_LOCALNRANKS": "20"})
    share_machine()
    assert os.environ["NUMBA_NUM_THREADS"] == "1"
