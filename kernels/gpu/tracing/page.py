"""A recording as a page: page.html with the data of the recording in it as JSON."""

import json
import math
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from kernels.gpu.interpreter.warp import WARP_SIZE
from kernels.gpu.tracing.cells import strips

TEMPLATE = Path(__file__).with_name("page.html")
KINDS = {"line": 0, "meet": 1, "end": 2}
STORE, ATOMIC, OVERTAKEN = 0, 1, 2


def page(recording) -> str:
    """The text of an HTML file."""
    text = json.dumps(data(recording), separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    title = f"{recording.launch.kernel.name}, block {recording.index}"
    return TEMPLATE.read_text(encoding="utf-8").replace("{{title}}", escape(title)).replace("{{data}}", text)


def data(recording) -> dict[str, Any]:
    """What the page shows, for JSON.

    A step is [kind, line, warp, lanes as bits, reads, writes, ends]: reads are lane, array, cell one after the other,
    writes lane, array, cell, value, kind, and ends thread, status. A line is a listing and a place in it, a status a
    number of `statuses`.
    """
    launch = recording.launch
    statuses: dict[tuple[str, int], int] = {}
    places = Places(recording.listings)
    steps = [encoded(step, places, statuses) for step in overtaken(recording.steps)]
    fault = recording.fault
    return {
        "kernel": repr(launch.kernel),
        "name": launch.kernel.name,
        "index": recording.index,
        "grid": launch.grid,
        "block": launch.block,
        "listings": [{"file": Path(x.file).name, "first": x.first, "lines": x.lines} for x in recording.listings],
        "arrays": [array(recording, number) for number in range(len(recording.arrays))],
        "statuses": list(statuses),
        "steps": steps,
        "whole": recording.is_whole,
        "fault": fault
        and {
            "kind": fault.kind,
            "text": fault.text.replace(str(fault.file), Path(fault.file or "").name),
            "step": None if fault.step is None else fault.step + 1,
            "line": places.of(fault.file, fault.line) if fault.file else None,
            "thread": fault.thread,
            "array": fault.array,
            "cell": fault.cell,
        },
    }


class Places:
    """Where a line of a file is among the listings."""

    def __init__(self, listings):
        self.listings = listings

    def of(self, file, line) -> list[int] | None:
        for number, listing in enumerate(self.listings):
            if listing.file == file and 0 <= line - listing.first < len(listing.lines):
                return [number, line - listing.first]
        return None


def overtaken(steps):
    """(step, (access, whether a write that the interpreter made later is shown already) of each access)."""
    latest: dict[tuple[int, int], int] = {}
    for step in steps:
        marked = []
        for access in step.accesses:
            place, is_late = (access.array, access.cell), False
            if access.kind != "load":
                is_late = latest.get(place, 0) > access.order
                latest[place] = max(latest.get(place, 0), access.order)
            marked.append((access, is_late))
        yield step, marked


def encoded(marked_step, places, statuses) -> list:
    step, accesses = marked_step
    reads: list[Any] = []
    writes: list[Any] = []
    for access, is_late in accesses:
        place = [access.thread % WARP_SIZE, access.array, access.cell]
        if access.kind == "load":
            reads += place
        else:
            kind = (ATOMIC if access.kind == "atomic" else STORE) + (OVERTAKEN if is_late else 0)
            writes += [*place, value(access.value), kind]
    ends = [n for end in step.ends for n in (end.thread, statuses.setdefault((end.what, end.line), len(statuses)))]
    lanes = sum(1 << thread % WARP_SIZE for thread in step.threads)
    return [KINDS[step.kind], places.of(step.file, step.line), step.warp, lanes, reads, writes, ends]


def array(recording, number) -> dict[str, Any]:
    """An array, and what its cells hold before the first step: null where nobody has written."""
    traced = recording.arrays[number]
    touched = {access.cell for step in recording.steps for access in step.accesses if access.array == number}
    if recording.fault and recording.fault.array == number and recording.fault.cell is not None:
        touched.add(recording.fault.cell)
    found, left_out = strips(traced, touched)
    flat = None if traced.initial is None else traced.initial.reshape(-1)
    return {
        "name": traced.name,
        "space": traced.space,
        "dtype": str(traced.dtype),
        "shape": traced.shape,
        "strips": [[strip.label, strip.first, strip.width, int(strip.is_plane)] for strip in found],
        "values": [] if flat is None else [[value(flat[s.first + n]) for n in range(s.width)] for s in found],
        "more": left_out,
    }


def value(number) -> int | float | str:
    """A number for JSON, which has none that are infinite or no numbers; floats to 7 digits. A record is text."""
    if isinstance(number, np.void):
        return str(number)
    if np.asarray(number).dtype.kind in "iub":
        whole = int(number)
        return whole if abs(whole) < 2**53 else str(whole)
    number = float(number)
    if math.isfinite(number):
        return float(f"{number:.7g}")
    return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
