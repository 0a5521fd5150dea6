"""Python programs, carried out in this process as if they had been started by themselves."""

import os
import runpy
import sys
import threading
import traceback
import warnings

from kernels.debugging import is_debugging
from kernels.gpu.driver.place import LIBRARIES
from kernels.gpu.programs import children, interrupts
from kernels.gpu.programs.session import Session
from kernels.gpu.programs.tallies import tallies
from kernels.gpu.programs.text import counts_text, faults_text, notes_text, summed

FAULTY = 2  # the exit status of a program in which something was found


def carry_out(session: Session, name: str, arguments: list[str], is_module: bool = False) -> int:
    """Run a script, or a module by its name; returns the exit status, after a report on standard error.

    It is that of the program, 1 for one that ends with an exception, and 2 if any launch had a fault. Raises OSError
    for a script that cannot be read.
    """
    if not is_module:
        os.stat(name)
    streams = sys.stdout, sys.stderr
    session.begin()
    children.join(session)
    interrupts.watch(session)
    process = os.getpid()
    status = started(session, name, arguments, is_module)
    threading._shutdown()  # type: ignore[attr-defined]  # as Python waits in the end for threads and executors
    sys.stdout.flush()
    if os.getpid() != process:  # forked by the program: the report is the other one's
        return status
    sys.stdout, sys.stderr = streams  # where reports go, whatever the program has printed to
    sys.stdout.flush()
    if text := counts_text(session):
        print(f"\n{text}\n", file=sys.stderr)
    if session.faults:
        print(f"\n{faults_text(session)}", file=sys.stderr)
    all_told = tallies(session)
    session.notes[:] = dict.fromkeys(note for each in all_told for note in each["notes"])
    if session.notes:
        print(notes_text(session), file=sys.stderr)
    print(f"note    {summed(session, all_told)}", file=sys.stderr)
    children.leave(session, process)
    return FAULTY if any(each["faults"] for each in all_told) else status


def started(session: Session, name: str, arguments: list[str], is_module: bool) -> int:
    """Run the program; its exit status."""
    sys.argv = [name, *arguments]
    sys.path[0:0] = [os.getcwd() if is_module else os.path.dirname(os.path.abspath(name))]
    warnings.showwarning = shown  # as in any program, whatever the command line does with its own
    try:
        if is_module:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(os.path.abspath(name), run_name="__main__")  # found again if the program changes its folder
    except SystemExit as end:
        return status_of(end)
    except Exception as error:
        if not any(error is fault.error for fault in session.faults):
            own_part(error).print()
        return 1
    return 0


def status_of(end: SystemExit) -> int:
    """What Python leaves with after sys.exit(...)."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def own_part(error: Exception) -> traceback.TracebackException:
    """What is to be printed of an error: no frames of what runs the program, nor of what stands below Numba here."""
    found = traceback.TracebackException.from_exception(error)
    hidden = () if is_debugging() else (__file__, "<frozen runpy>", *LIBRARIES[:2])
    each: traceback.TracebackException | None = found
    while each:
        each.stack = traceback.StackSummary.from_list([f for f in each.stack if not f.filename.startswith(hidden)])
        each = each.__cause__ or each.__context__
    if not found.stack:  # nothing of the program has run: it is not found, or no Python
        found.__cause__ = found.__context__ = None
    return found


def shown(message, category, filename, lineno, file=None, line=None):
    """As Python shows a warning by itself."""
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))
