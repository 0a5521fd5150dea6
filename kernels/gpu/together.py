"""Kernels compiled together, by several processes: a network has dozens, and Numba compiles one after another.

    compile_together(launches)

sends the kernels, by module and name, to processes that run this module, and takes in the machine code that they send
back. Nothing is kept on disk, so no edit is missed. What another process cannot find or compile is left to the first
launch, which then says what is wrong.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from kernels.gpu import compiler
from kernels.gpu.kernel import Launch

# Kernels that this process has compiled before another one, which would help it, has started.
FEW = 4


def compile_together(launches: Iterable[Launch], capability: tuple[int, int] | None = None) -> int:
    """Compile what the launches need and nobody has compiled, for the GPU that is here; returns how many kernels.

    Few are left to their first launch.
    """
    wanted = {(one.kernel, one.types): one for one in launches if not _is_compiled(one)}
    found = [(*key, request) for key, one in wanted.items() if (request := _request(one))]
    processes = min(os.cpu_count() or 1, len(found) // FEW)
    if processes < 2:
        return 0
    capability = capability or compiler.capability_of_gpu()
    parts = [found[i::processes] for i in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        answers = list(pool.map(lambda part: _ask([request for *_, request in part], capability), parts))
    count = 0
    for part, codes in zip(parts, answers, strict=True):
        for (kernel, types, _), code in zip(part, codes, strict=True):
            if code is not None:
                compiler.adopt(kernel.compiled, types, code)
                count += 1
    return count


def _is_compiled(launch: Launch) -> bool:
    return compiler.is_compiled(launch.kernel.compiled, launch.types)


def _request(launch: Launch) -> bytes | None:
    """The kernel and its types for another process; None for a kernel that stands in no module."""
    try:
        return pickle.dumps((launch.kernel, launch.types))
    except pickle.PicklingError:
        return None


def _ask(requests: list[bytes], capability: tuple[int, int]) -> list[bytes | None]:
    """What another process makes of the requests.

    A plain process and none of multiprocessing's: those would run the user's own script again, and are refused to
    processes that are such themselves.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps((capability, requests)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
        check=False,
    )
    if done.returncode:
        warnings.warn(
            f"a process that compiles kernels ended with code {done.returncode}; this one does it", stacklevel=2
        )
        return [None] * len(requests)
    return pickle.loads(done.stdout)


def _answer(request: bytes, capability: tuple[int, int]) -> bytes | None:
    try:
        kernel, types = pickle.loads(request)
        return compiler.machine_code(kernel.compiled, types, capability)
    except Exception:  # its first launch will meet the same, and raise it where a user sees it
        return None


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the keyboard is for who asked
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what anybody prints must not get among the answers
    gc.freeze()  # what is there by now will stay; Python would look through it for garbage a fifth of the time
    capability, requests = pickle.load(sys.stdin.buffer)
    pickle.dump([_answer(request, capability) for request in requests], answers)


if __name__ == "__main__":
    main()
