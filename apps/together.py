"""A command carried out by several ranks: the first alone speaks, and one that fails is named and ends all."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

from framework.ranks import Ranks, RanksError
from kernels.commands.command_line import Tell

# Seconds in which the first rank says what went wrong where all find the same, before another does and ends it.
FIRST = 1.0

# Seconds in which a launcher has passed on what was said: it drops what it has not read when a rank ends all.
PASSED_ON = 0.3


def together(ranks: Ranks, work: Callable[[Tell], int]) -> int:
    """Do the work, which tells of errors by what it is given; returns the exit code.

    Where this rank fails all ranks end at once, with its exit code, as they would wait for it forever. What they
    learned is in the last checkpoint, which is whole whenever they end.
    """
    speak = sys.stderr

    def tell(error: BaseException, line: str) -> None:
        everywhere = getattr(error, "everywhere", False)
        if not ranks.first:
            if everywhere:
                return
            time.sleep(FIRST)
        command, _, said = line.partition(": ")
        of_all = everywhere or isinstance(error, RanksError)  # which says itself whom it is about
        print(line if of_all else f"{command}: rank {ranks.rank}: {said}", file=speak, flush=True)
        if not everywhere:
            end(ranks, getattr(error, "status", 1))

    try:
        if ranks.first:
            return work(tell)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            return work(tell)
    except Exception:
        lines = traceback.format_exc().splitlines(keepends=True)
        print("".join(f"rank {ranks.rank}: {line}" for line in lines), file=speak, flush=True)
        end(ranks, 1)
        raise


def end(ranks: Ranks, status: int) -> None:
    time.sleep(PASSED_ON)
    ranks.abort(status)
