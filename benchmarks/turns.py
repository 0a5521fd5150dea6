"""Competitors in turns: all on the same work, on the same machine, in one run; what counts are medians.

Each has a process of its own, with the threads it would have alone: in one process the thread pools of two libraries
get into each other's way.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib.util import find_spec

# NumPy and the competitors, our kernels among them, are imported in the processes that need them, in the order that
# each wants. `import kernels` says in the environment how threads shall wait; what it says is for its own process, so
# competitors begin with the environment as it was before.
ENVIRONMENT = dict(os.environ)

OURS, YARDSTICK = "handwritten", "PyTorch"

Times = dict[str, list[float]]


class Ended(RuntimeError):
    """A competitor whose process ended before it was asked to: one line that names it."""


def add_options(c, repeats: int) -> None:
    """For argparse: where to time, how often, whether beside PyTorch; and --json."""
    from kernels.commands.command_line import add_json, positive

    c.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    what = f"turns to time (default: {repeats})"
    c.add_argument("--repeats", type=positive, metavar="N", default=repeats, help=what)
    c.add_argument("--no-torch", action="store_true", help="do not compare with PyTorch")
    add_json(c, "also write medians in ms and their ratio to this file")


def check(options) -> None:
    """Raises CommandError for what is not here, before processes begin that could not go on without it."""
    from kernels.commands.command_line import CommandError
    from kernels.device import cuda_problem

    if options.device == "cuda" and (problem := cuda_problem()):
        raise CommandError(f"device cuda cannot be used: {problem}")
    if not options.no_torch and find_spec("torch") is None:
        raise CommandError("PyTorch is not installed; --no-torch leaves it out")


def in_turns(competitors: dict[str, tuple], repeats: int, warm_up: int = 10) -> Times:
    """Seconds of each run by competitor. A competitor is a function that makes what is timed, and its arguments.

    Raises Ended.
    """
    context = multiprocessing.get_context("spawn")
    times: Times = {name: [] for name in competitors}
    with ExitStack() as stack:
        connections = {}
        for name, arguments in competitors.items():
            connections[name], there = context.Pipe()
            process = context.Process(target=_serve, args=(there, ENVIRONMENT, warm_up, *arguments), daemon=True)
            process.start()
            there.close()  # so that the end of the process is the end of the connection
            stack.callback(process.join)
            stack.callback(connections[name].close)
            _receive(connections[name], name)
        for _ in range(repeats):
            for name, connection in connections.items():
                connection.send("go")
                times[name].append(_receive(connection, name))
    return times


def _receive(connection, name: str):
    try:
        return connection.recv()
    except EOFError:
        raise Ended(f"{name} ended early; what it said stands above") from None


def _serve(connection, environment: dict[str, str], warm_up: int, make: Callable, *arguments) -> None:
    """In a process of its own: warm up, then time one run whenever asked, until nobody asks any more."""
    os.environ.clear()
    os.environ.update(environment)
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


def milliseconds(times: Times) -> dict[str, float]:
    """Medians, and the ratio of ours to the yardstick where both were timed: for --json."""
    found = {name: median * 1e3 for name, median in medians(times).items()}
    return found | ({"ratio": found[OURS] / found[YARDSTICK]} if YARDSTICK in found else {})


def report(title: str, times: Times, unit: str, units: int = 1) -> None:
    """Print medians, how far the middle 80 % reach, how many units a second that is, and ratios to the yardstick."""
    from kernels.table import table

    middle = medians(times)
    heads = ["", "median ms", "10 % to 90 %", f"{unit}/s"]
    compared = YARDSTICK in middle and len(middle) > 1
    lines = []
    for name, median in middle.items():
        twice = times[name] * 2  # because quantiles of a single run are refused
        fast, *_, slow = statistics.quantiles(twice, n=10, method="inclusive")
        line = [name, f"{median * 1e3:.2f}", f"{fast * 1e3:.2f} to {slow * 1e3:.2f}", f"{units / median:.1f}"]
        lines.append([*line, f"{median / middle[YARDSTICK]:.2f}"] if compared else line)
    print(title)
    print(table([[*heads, f"of {YARDSTICK}'s time"] if compared else heads, *lines]))
