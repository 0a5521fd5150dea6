"""Faults and launches of a program in words."""

import linecache
import os
from collections import Counter

from kernels.gpu.emulator.errors import PtxSite
from kernels.gpu.interpreter import KernelError
from kernels.gpu.programs.advice import advice
from kernels.gpu.programs.session import Fault, Session


def fault_text(fault: Fault, session: Session) -> str:
    """What happened, the line of the source it happened at, where the kernel was launched, and what to look at."""
    error, launch = fault.error, session.launches[fault.launch - 1]
    site = getattr(error, "site", None)
    lines = [shortened(headline(error))]
    if site and site.file:
        lines.append(f"source    {short(site.file)}:{site.line}: {linecache.getline(site.file, site.line).strip()}")
    if isinstance(site, PtxSite):
        lines.append(f"compiled  PTX line {site.ptx_line}: {site.ptx}")
    if launch.place:
        file, _, line = launch.place.rpartition(":")
        lines.append(f"launched  {short(file)}:{line}: {linecache.getline(file, int(line)).strip()}")
    if what := advice(error):
        lines.append(f"look at   {what}")
    return "\n".join(lines)


def headline(error: Exception) -> str:
    """What happened, in one line, without the place in the source."""
    if not isinstance(error, KernelError):
        return " ".join(str(error).split())
    where = [f"block {error.block}"] if error.block is not None else []
    where += [f"thread {error.thread}"] if error.thread is not None else []
    return ": ".join(part for part in (error.kernel, ", ".join(where), error.problem) if part)


def short(file: str) -> str:
    """A file as it is seen from the current folder, if it is in it."""
    here = os.path.join(os.getcwd(), "")
    return os.path.abspath(file).removeprefix(here)


def shortened(text: str) -> str:
    return text.replace(os.path.join(os.getcwd(), ""), "")


def faults_text(session: Session) -> str:
    """All faults, those of one kind at one line once, with their number."""
    groups: dict[tuple, list[Fault]] = {}
    for fault in session.faults:
        site = getattr(fault.error, "site", None)
        key = type(fault.error), session.launches[fault.launch - 1].kernel, site and (site.file, site.line)
        groups.setdefault(key, []).append(fault)
    parts = []
    for faults in groups.values():
        text = fault_text(faults[0], session)
        parts.append(text + (f"\nand so in {len(faults) - 1} more of its launches" if len(faults) > 1 else ""))
    return "\n\n".join(parts)


def notes_text(session: Session) -> str:
    """What is no fault, but may be none of what was meant."""
    return "\n".join(f"note    {shortened(text)}" for text in session.notes)


def summary(session: Session) -> str:
    """How much has been launched, and whether anything was found."""
    kernels = Counter(launch.kernel for launch in session.launches)
    what = f"{counted(len(session.launches), 'launch', 'launches')} of {counted(len(kernels), 'kernel', 'kernels')}"
    how = {"emulate": "emulated", "interpret": "interpreted"}[session.engine]
    how += ", checked" if session.checked else ", not checked"
    found = counted(len(session.faults), "fault", "faults") if session.faults else "no fault"
    return f"{what} {how}: {found}"


def counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
