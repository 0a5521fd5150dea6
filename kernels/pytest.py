"""A plug-in for pytest: tests of programs written for Numba CUDA run where there is no GPU, their launches examined.

    python -m kernels.pytest tests/                    as pytest itself, with the plug-in
    python -m pytest -p kernels.pytest tests/

A fault in a kernel is an exception where the kernel is launched, so that the test that launches it fails with what was
found. Plug-ins load before the tests and what they import, so Numba finds the GPU when it looks for one. Each worker of
pytest-xdist has a GPU of its own, and tells the process that prints the summary what was launched there.
"""

import os
import sys

import pytest

from kernels.commands.command_line import CommandError
from kernels.commands.run import add_engine, add_gpu, session_of
from kernels.gpu.driver.library import LibraryError
from kernels.gpu.programs import Session, children
from kernels.gpu.programs.tallies import tallies
from kernels.gpu.programs.text import notes_text, summed

SESSION = pytest.StashKey[Session]()
TALLY = pytest.StashKey[list[dict]]()  # what was launched, by each of the processes that have told
OF_WORKER = "handwritten"
OPTIONS = ("engine", "check", "seed", "arch")


class Prefixed:
    """A group of pytest's options, in which each is called --cuda-... ."""

    def __init__(self, group):
        self.group = group

    def add_argument(self, name, **how):
        """As argparse has it."""
        self.group.addoption(name.replace("--", "--cuda-"), dest=f"cuda_{name.removeprefix('--')}", **how)


def pytest_addoption(parser):
    """Those of `python -m kernels run`, each called --cuda-..."""
    group = Prefixed(parser.getgroup("cuda", "kernels of Numba CUDA, run without a GPU"))
    add_engine(group)
    add_gpu(group)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Begin before anything is collected."""

    class Options:
        engine, check, seed, arch = (config.getoption(f"cuda_{name}") for name in OPTIONS)

    try:
        session = config.stash[SESSION] = session_of(Options)
        config.stash[TALLY] = []
        session.begin()
        children.join(session)
    except (CommandError, LibraryError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A worker of pytest-xdist tells what it has launched."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[OF_WORKER] = tallies(session.config.stash[SESSION])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """One has ended, and has told unless it was killed."""
    if told := getattr(node, "workeroutput", {}).get(OF_WORKER):
        node.config.stash[TALLY].extend(told)


def pytest_unconfigure(config):
    """Behind all that a test has started."""
    if SESSION in config.stash:
        children.leave(config.stash[SESSION], os.getpid())


def pytest_terminal_summary(terminalreporter, config):
    """How much was launched, and whether anything was found, by this process and all workers."""
    if SESSION not in config.stash:
        return
    session = config.stash[SESSION]
    all_told = [*tallies(session), *config.stash[TALLY]]
    if any(each["kernels"] for each in all_told):
        session.notes[:] = dict.fromkeys(note for each in all_told for note in each["notes"])
        for line in notes_text(session).splitlines():
            terminalreporter.write_line(line)
        terminalreporter.write_line(summed(session, all_told))


def main(arguments: list[str] | None = None) -> int:
    """pytest with this plug-in; its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return int(pytest.main(["-p", "kernels.pytest", *given]))


if __name__ == "__main__":
    sys.exit(main())
