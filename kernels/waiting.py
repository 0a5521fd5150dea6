"""How cores wait for each other: awake for a while, or asleep at once. What it decides is time, and no result.

At the end of each kernel the cores meet, and the next kernel comes soon; but beside other programs who waits awake
takes the time of the very core that is waited for. So it depends on what else runs as a process starts.
"""

import os
import time
from pathlib import Path

# Of libgomp, about 10 nanoseconds each. A core that slept is back after 0.1 milliseconds at best, and on a virtual
# machine after several. With nothing else running, two cores train `cnn3` on single digits in 1.0 ms with AWAKE and in
# 1.3 to 5.5 ms with 3000; beside two busy programs `cnn6` on fifty took 200 ms with 30000 and 44 ms with none.
AWAKE = 100_000
LOAD, TASKS = Path("/proc/loadavg"), Path("/proc/self/task")


def settle() -> None:
    """Say so in the environment, from where OpenMP reads it when it is loaded; what a user says there stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", str(AWAKE if alone() else 0))


def alone(looks: int = 5) -> bool:
    """Whether nothing else runs on this machine at this moment. False where that is not known."""
    try:
        return any(_others() <= 0 for _ in range(looks))
    except (OSError, ValueError, IndexError):
        return False


def _others() -> int:
    """How many threads run or could, less those of this process, of which NumPy starts some."""
    ours = sum(_runs(task) for task in TASKS.iterdir())
    running = int(LOAD.read_text().split()[3].partition("/")[0])  # the fourth field, as in 1/123
    time.sleep(0.001)
    return running - ours


def _runs(task: Path) -> bool:
    """Whether a thread runs: what follows its name, in brackets, is an R."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "R"
