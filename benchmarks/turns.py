"""Competitors in turns: all on the same work, on the same machine, in one run; what counts are medians.

Each has a process of its own, with the threads it would have alone: in one process the thread pools of two libraries
get into each other's way.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

# NumPy and the competitors are imported in the processes that need them, in the order that each wants.

YARDSTICK = "PyTorch"

Times = dict[str, list[float]]


def in_turns(competitors: dict[str, tuple], repeats: int, warm_up: int = 10) -> Times:
    """Seconds of each run by competitor. A competitor is a function that makes what is timed, and its arguments."""
    context = multiprocessing.get_context("spawn")
    times: Times = {name: [] for name in competitors}
    with ExitStack() as stack:
        connections = {}
        for name, arguments in competitors.items():
            connections[name], there = context.Pipe()
            process = context.Process(target=_serve, args=(there, warm_up, *arguments), daemon=True)
            process.start()
            there.close()  # so that the end of the process is the end of the connection
            stack.callback(process.join)
            stack.callback(connections[name].close)
            connections[name].recv()
        for _ in range(repeats):
            for name, connection in connections.items():
                connection.send("go")
                times[name].append(connection.recv())
    return times


def _serve(connection, warm_up: int, make: Callable, *arguments) -> None:
    """In a process of its own: warm up, then time one run whenever asked, until nobody asks any more."""
    run = make(*arguments)
    for _ in range(warm_up):
        run()
    connection.send("ready")
    with suppress(EOFError):
        while connection.recv():
            for _ in range(2):  # the first fills the caches that the other process emptied
                started = time.perf_counter()
                run()
                seconds = time.perf_counter() - started
            connection.send(seconds)


def medians(times: Times) -> dict[str, float]:
    return {name: statistics.median(t) for name, t in times.items()}


def report(title: str, times: Times, unit: str, units: int = 1) -> None:
    """Print medians, how far the middle 80 % reach, how many units a second that is, and ratios to the yardstick."""
    print(title)
    middle = medians(times)
    for name, median in middle.items():
        twice = times[name] * 2  # because quantiles of a single run are refused
        fast, *_, slow = statistics.quantiles(twice, n=10, method="inclusive")
        print(f"{name:26} {median * 1e3:8.2f} ms  (10 % to 90 %: {fast * 1e3:.2f} to {slow * 1e3:.2f})", end="")
        ratio = f"  {median / middle[YARDSTICK]:5.2f} of {YARDSTICK}'s time" if YARDSTICK in middle else ""
        print(f"  {units / median:7.1f} {unit}/s{ratio}")
