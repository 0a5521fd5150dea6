"""Faults and launches of a program in words, and what was counted of them."""

import linecache
import math
import os
from collections import Counter

from kernels.gpu.emulator.errors import PtxSite
from kernels.gpu.executed.text import report, requests
from kernels.gpu.interpreter import KernelError
from kernels.gpu.programs.advice import advice
from kernels.gpu.programs.counted import Counted
from kernels.gpu.programs.session import Fault, Session
from kernels.gpu.programs.tallies import tallies
from kernels.gpu.xray import Xray
from kernels.table import sizes


def fault_text(fault: Fault, session: Session) -> str:
    """What happened, the line of the source it happened at, where the kernel was launched, and what to look at."""
    error, launch = fault.error, session.launches[fault.launch - 1]
    site = getattr(error, "site", None)
    lines = [shortened(headline(error))]
    if site and site.file:
        where = "near    " if isinstance(site, PtxSite) and site.is_near else "source  "
        lines.append(f"{where}  {short(site.file)}:{site.line}: {linecache.getline(site.file, site.line).strip()}")
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


def counts_text(session: Session) -> str:
    """What was counted, of launches that are alike once."""
    counting = session.counting
    return "\n\n\n".join(count_text(each, session) for each in (counting.counts if counting else []))


def count_text(each: Counted, session: Session) -> str:
    """Which launches these are, how many of their blocks were counted, and what."""
    first, number = session.launches[each.launches[0] - 1], len(each.launches)
    size = f"a grid of {sizes(first.grid)} blocks of {sizes(first.block)} threads"
    head = f"{first.kernel}: {counted(number, 'launch', 'launches')} of {size}"
    if first.place:
        head += f", {'the first ' if number > 1 else ''}at {shortened(first.place)}"
    if each.found is None:
        return f"{head}\nnot counted: {each.problem}"
    blocks = f"counted: {counted(len(each.found.blocks), 'block', 'blocks')} of {math.prod(first.grid):,}"
    if isinstance(each.found, Xray):
        return f"{head}\n{blocks}\n\n{each.found}"
    found = [report(each.found), *([requests(each.found.xray)] if each.found.xray else [])]
    return "\n\n".join([f"{head}\n{blocks}", *found])


def summary(session: Session) -> str:
    """How much has been launched, and whether anything was found."""
    return summed(session, tallies(session))


def summed(session: Session, all_told: list[dict]) -> str:
    """As `summary`, of what several processes tell."""
    kernels = sum((Counter(each["kernels"]) for each in all_told), Counter())
    faults = sum(each["faults"] for each in all_told)
    names = {key.partition(" ")[2] for key in kernels}
    what = f"{counted(kernels.total(), 'launch', 'launches')} of {counted(len(names), 'kernel', 'kernels')}"
    how = {"emulate": "emulated", "interpret": "interpreted"}[session.engine]
    emulated = sum(count for key, count in kernels.items() if key.startswith("emulate "))
    if emulated and session.engine == "interpret":
        how += f" ({emulated:,} emulated)"
    how += ", checked" if session.checked else ", not checked"
    return f"{what} {how}: {counted(faults, 'fault', 'faults') if faults else 'no fault'}"


def counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
