"""python -m tests.reliability.killing FOLDER KILLS SEED: a run that is killed (SIGKILL) again and again.

A process that has trained before forks the runs, so that each begins at once; with NUMBA_THREADING_LAYER=workqueue, as
OpenMP's threads do not outlive a fork. Each goes on from the checkpoint of the one before, until it is killed at a
random moment. Prints as JSON what became of them.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from numba.np.ufunc import parallel
from tqdm import tqdm

from framework.run_folder import locked
from framework.run_state import RunState
from tests.framework.test_trainer import trainer

# Seconds, at most, from where a run begins to read its checkpoint until it is killed.
LIFE = 0.15

HOW = {"optimizer": "adam"}


def main(folder: Path, kills: int, seed: int) -> None:
    generator, steps, torn = random.Random(seed), [0], 0
    tqdm.set_lock(threading.RLock())  # their own are shared by all forks, and one that is killed may hold them
    parallel._backend_init_process_lock = threading.RLock()
    trainer(folder.with_name("before"), **HOW).run(2, progress=False)
    folder.mkdir()
    for _ in range(kills):
        end_of_life(begin(folder), generator.uniform(0, LIFE))
        torn += any(path.name.startswith(".checkpoint") for path in folder.iterdir())
        saved = folder / "checkpoint.safetensors"
        steps.append(RunState.read(saved).step if saved.exists() else 0)
    print(json.dumps({"steps": steps, "torn": torn}))


def begin(folder: Path) -> int:
    """Fork a run, and wait until it is about to read its checkpoint."""
    reader, writer = os.pipe()
    if process := os.fork():
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        return process
    try:
        with locked(folder):
            run = trainer(folder, checkpoint_every=1, **HOW)
            os.write(writer, b".")
            if run.checkpoint_path.exists():
                run.resume()
            run.run(10**9, progress=False)
    finally:
        os._exit(1)


def end_of_life(process: int, seconds: float) -> None:
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"a run ended by itself with status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
