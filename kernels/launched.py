"""What an MPI launcher said of this process as it started it: which rank of how many, in all and on this machine.

It is asked for before anything is loaded, as the ranks of a machine share its cores and its GPUs out.
"""

import os
from typing import NamedTuple

# Of MPICH and its kin (Intel MPI, MVAPICH), of Open MPI, and of Slurm where it starts ranks itself.
RANK = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
SIZE = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
LOCAL_RANK = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")
LOCAL_SIZE = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")


class Launched(NamedTuple):
    """Of all ranks, and of those on this machine: this one's number, from 0, and how many there are."""

    rank: int
    size: int
    local_rank: int
    local_size: int


def launched() -> Launched | None:
    """What was said; None where this process was started alone, or is the only one."""
    size = _number(SIZE, 1)
    if size < 2:
        return None
    rank = _number(RANK, 0)
    return Launched(rank, size, _number(LOCAL_RANK, rank), _number(LOCAL_SIZE, size))


def share_machine() -> None:
    """Say in the environment, for Numba and CUDA, which part of this machine is this rank's. What a user says stays."""
    if found := launched():
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # A launcher that binds ranks to cores has shared them out already.
        whole = cores == (os.cpu_count() or 1)
        os.environ.setdefault("NUMBA_NUM_THREADS", str(max(1, cores // found.local_size) if whole else cores))
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if len(gpus) > 1:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus[found.local_rank % len(gpus)]
        elif not gpus[0]:
            os.environ["CUDA_VISIBLE_DEVICES"] = str(found.local_rank)


def _number(variables: tuple[str, ...], otherwise: int) -> int:
    return next((int(text) for name in variables if (text := os.environ.get(name, "")).isdecimal()), otherwise)
