"""Processes that a program starts: they have no GPU, and the program's report says so."""

import functools
import os
import subprocess
import sys
from multiprocessing.process import BaseProcess

from kernels.gpu.driver.place import place
from kernels.gpu.programs.wrapping import wrap


def join(session) -> None:
    """Wrap what starts processes of Python, for a Session. Others, as compilers are, want no GPU."""
    wrap(BaseProcess, "start", functools.partial(start, session))
    wrap(subprocess.Popen, "__init__", functools.partial(opened, session))


def start(session, original, self):
    """A process of multiprocessing is started."""
    note(session)
    original(self)


def opened(session, original, self, args, *more, **keywords):
    """A command is started."""
    command = args if isinstance(args, str | bytes | os.PathLike) else next(iter(args), "")
    if os.fspath(command).split()[:1] == [sys.executable]:
        note(session)
    original(self, args, *more, **keywords)


def note(session) -> None:
    text = f"the process started at {place()} has no GPU: kernels run in the program's own process"
    if text not in session.notes:
        session.notes.append(text)
