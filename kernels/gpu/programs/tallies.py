"""How much has been launched, and found, by the processes of a program: plain values, which one tells another."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from kernels.gpu.programs.session import Session


def tally(session: Session) -> dict[str, Any]:
    """That of this process. Kernels go by engine and name, as "emulate scale"."""
    kernels = Counter(f"{launch.engine} {launch.kernel}" for launch in session.launches)
    return {"kernels": dict(kernels), "faults": len(session.faults), "notes": session.notes}


def tell(session: Session, folder: Path) -> None:
    """Leave that of this process to the one that has started it."""
    written = folder / f"{os.getpid()}.new"
    written.write_text(json.dumps(tally(session)))
    written.rename(written.with_suffix(".told"))


def tallies(session: Session) -> list[dict[str, Any]]:
    """That of this process, and of those that it started and that have ended."""
    told = sorted(session.folder.glob("*.told")) if session.folder else []
    return [tally(session), *(json.loads(path.read_text()) for path in told)]
