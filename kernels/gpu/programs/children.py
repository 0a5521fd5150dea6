"""Processes of Python that a program starts: each has a GPU of its own, which is as that of the program.

They find a folder before all others of PYTHONPATH, in which child_site.py is called sitecustomize.py. When they end
they leave there how much they have launched (tallies.py). A process that is forked, or told to look at no environment,
has no GPU: the program's report says so.
"""

import atexit
import functools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

from kernels.gpu.driver.place import place
from kernels.gpu.programs.session import Session
from kernels.gpu.programs.tallies import tell
from kernels.gpu.programs.text import faults_text
from kernels.gpu.programs.wrapping import wrap

ROOT = Path(__file__).resolve().parents[3]
HANDED_DOWN = ("engine", "checked", "seed", "keep_going", "capability")  # of a Session
WITHOUT_ENVIRONMENT = {"-I", "-E", "-S"}


def join(session: Session) -> None:
    """From now on processes find a GPU, of a Session."""
    session.folder = Path(tempfile.mkdtemp(prefix="handwritten-"))
    atexit.register(leave, session, os.getpid())
    shutil.copy(Path(__file__).with_name("child_site.py"), session.folder / "sitecustomize.py")
    given = {name: getattr(session, name) for name in HANDED_DOWN}
    (session.folder / "session.json").write_text(json.dumps({**given, "root": str(ROOT)}))
    os.environ["PYTHONPATH"] = first(str(session.folder), os.environ)
    watch(session)


def watch(session: Session) -> None:
    """See what a process of a Session starts."""
    wrap(BaseProcess, "start", functools.partial(start, session))
    wrap(subprocess.Popen, "__init__", functools.partial(opened, session))


def leave(session: Session, process: int) -> None:
    """The folder is needed no more; of processes that are forked it was never theirs."""
    if os.getpid() == process and session.folder:
        shutil.rmtree(session.folder, ignore_errors=True)
        session.folder = None


def begin(folder: str) -> None:
    """In such a process, when it wants a GPU."""
    given = json.loads(Path(folder, "session.json").read_text())
    session = Session(**{name: given[name] for name in HANDED_DOWN})
    session.capability = tuple(session.capability)  # type: ignore[assignment]
    session.folder = Path(folder)
    session.begin()
    watch(session)
    atexit.register(report, session, session.folder, os.getpid())
    sys.excepthook = functools.partial(end, session, sys.excepthook)


def end(session: Session, usual, kind, error, trace) -> None:
    """Such a process ends with an exception: of a fault the report tells."""
    if not any(error is fault.error for fault in session.faults):
        usual(kind, error, trace)


def report(session: Session, folder: Path, process: int) -> None:
    """Before it ends."""
    if os.getpid() == process and folder.exists():
        tell(session, folder)
        if session.faults:
            print(f"\n{faults_text(session)}", file=sys.stderr)


def start(session, original, self):
    """A process of multiprocessing is started."""
    if (getattr(self, "_start_method", None) or multiprocessing.get_start_method()) != "spawn":
        note(session)
    return original(self)


def opened(session, original, self, args, *more, **keywords):
    """A command is started. One that is given another environment finds the folder too."""
    is_python = isinstance(args, list | tuple) and sys.executable in args[:1]
    if is_python and WITHOUT_ENVIRONMENT.intersection(args):
        note(session)
    given = keywords.get("env")
    if given is not None and session.folder:
        keywords["env"] = {**given, "PYTHONPATH": first(str(session.folder), given)}
    original(self, args, *more, **keywords)


def first(folder: str, environment) -> str:
    """PYTHONPATH, with a folder before the others."""
    before = environment.get("PYTHONPATH")
    others = [path for path in before.split(os.pathsep) if path != folder] if before else []
    return os.pathsep.join([folder, *others])


def note(session) -> None:
    text = f"the process started at {place()} has no GPU: kernels run in the program's own process"
    if text not in session.notes:
        session.notes.append(text)
