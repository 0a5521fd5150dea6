"""Competitors in turns: all on the same work, on the same machine, in one run; what counts are medians.

Each has a process of its own, with the threads it would have alone: in one process the thread pools of two libraries
get into each other's way.
"""

import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec

# NumPy and the competitors, our kernels among them, are imported in the processes that need them, in the order that
# each wants. `import kernels` says in the environment how threads shall wait; what it says is for its own process, so
# competitors begin with the environment as it was before.
ENVIRONMENT = dict(os.environ)

OURS, YARDSTICK = "handwritten", "PyTorch"

FEWEST = 5  # turns, however long they take
SHORT = 0.01  # seconds that a turn lasts at least
PAUSE = 0.02  # seconds before a turn, in which the threads of the one before, which wait for more, fall asleep

Times = dict[str, list[float]]


class Ended(RuntimeError):
    """A competitor that cannot go on, or whose process ended before it was asked to: one line that names it."""


def check_torch() -> None:
    """Raises CommandError where PyTorch is not here, before processes begin that could not go on without it."""
    from kernels.commands.command_line import CommandError

    if find_spec("torch") is None:
        raise CommandError("PyTorch, which is compared with, is not installed")


class Processes:
    """Competitors by name, each in a process that begins when it is first needed and serves until the end of `with`.

    environment     of the processes: the one that this process had before it imported anything of ours
    """

    def __init__(self, environment: dict[str, str] = ENVIRONMENT):
        self._environment, self._running = environment, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(self._running):
            self._end(name)

    def prepare(self, name: str, make: Callable, *arguments) -> None:
        """Have a competitor make what is timed, in place of what it made before, and warm up. Raises Ended."""
        self._ask(name, ("prepare", make, *arguments))

    def turn(self, name: str) -> float:
        """Seconds of a run. Raises Ended."""
        return self._ask(name, ("turn",))

    def call(self, name: str, function: Callable, *arguments):
        """What a function returns in the competitor's process. Raises Ended."""
        return self._ask(name, ("call", function, *arguments))

    def _ask(self, name, request):
        """The answer of a competitor's process, which begins if there is none, to a method of _Server and arguments."""
        if name not in self._running:
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, self._environment), daemon=True)
            process.start()
            there.close()  # so that the end of the process is the end of the connection
            self._running[name] = process, here
        _, connection = self._running[name]
        try:
            connection.send(request)
            is_answer, answer = connection.recv()
        except (EOFError, OSError):
            self._end(name)
            raise Ended(f"{name} ended early; what it said stands above") from None
        if not is_answer:
            raise Ended(f"{name}: {answer}")
        return answer

    def _end(self, name):
        process, connection = self._running.pop(name)
        connection.close()
        process.join()


def in_turns(competitors: dict[str, tuple], repeats: int) -> Times:
    """Seconds of each run by competitor. A competitor is a function that makes what is timed, and its arguments.

    Raises Ended.
    """
    with Processes() as processes:
        for name, arguments in competitors.items():
            processes.prepare(name, *arguments)
        return take_turns(processes, list(competitors), repeats)


def take_turns(processes: Processes, names: list[str], repeats: int, seconds: float = math.inf) -> Times:
    """The same of competitors that are prepared; of turns at least FEWEST if there are so many, then until time is up.

    Raises Ended.
    """
    times: Times = {name: [] for name in names}
    end = time.perf_counter() + seconds
    for turn in range(repeats):
        if turn >= FEWEST and time.perf_counter() > end:
            break
        for name in names:
            times[name].append(processes.turn(name))
    return times


def _serve(connection, environment: dict[str, str]) -> None:
    """In a process of its own: do whatever is asked, until nobody asks any more."""
    server = _Server()
    with suppress(EOFError):
        method, *arguments = connection.recv()  # imports the files of what it names, which may change the environment
        os.environ.clear()
        os.environ.update(environment)
        while True:
            try:
                connection.send((True, getattr(server, method)(*arguments)))
            except Exception as error:
                connection.send((False, f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"))
            method, *arguments = connection.recv()


class _Server:
    """What a competitor's process can be asked for."""

    def __init__(self):
        self._run = None

    def prepare(self, make: Callable, *arguments) -> None:
        """Warm up with three runs, or up to ten in a second."""
        self._run = None  # its memory is free for the next
        self._run = make(*arguments)
        started = time.perf_counter()
        for count in range(10):
            if count >= 3 and time.perf_counter() - started > 1:
                break
            self._run()

    def turn(self) -> float:
        """Seconds of a run; of several in a row, on average, where one is too short to be timed."""
        time.sleep(PAUSE)
        self._runs()  # fill the caches that other processes emptied, and wake the cores
        return self._runs()

    def _runs(self) -> float:
        """The mean of as many runs as last SHORT, and of one at least."""
        started, count = time.perf_counter(), 0
        while not count or time.perf_counter() - started < SHORT:
            self._run()
            count += 1
        return (time.perf_counter() - started) / count

    def call(self, function: Callable, *arguments):
        return function(*arguments)


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
