"""A copy of the project in which faults are planted, one at a time."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fault import ROOT, Fault

COPIED = ("kernels", "framework", "apps", "lessons", "benchmarks", "docs", "tests")
LIMIT = 1200  # seconds that the tests of a place may take


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: the test that found it and its error, or "" where none did."""

    fault: Fault
    test: str = ""
    error: str = ""
    crashes: tuple[str, ...] = ()

    def __str__(self):
        if self.test:
            return f"found by {self.test}"
        return f"only crashes: {', '.join(self.crashes)}" if self.crashes else "NOT FOUND"


class Plot:
    """A copy of the project in a folder of its own. Compiled kernels come along, as far as no fault reaches them."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        for name in ("pyproject.toml", "README.md", "Makefile"):
            shutil.copy2(ROOT / name, folder / name)

    def plant(self, fault: Fault) -> Verdict:
        """What the tests of its place say of a fault."""
        file = self.folder / fault.file
        text = file.read_text()
        if text.count(fault.old) != 1:
            raise ValueError(f"{fault.file}: {fault.old!r} occurs {text.count(fault.old)} times, and not once")
        file.write_text(text.replace(fault.old, fault.new))
        self._forget_compiled(fault)
        try:
            return self._tried(fault)
        finally:
            file.write_text(text)
            self._forget_compiled(fault)

    def _forget_compiled(self, fault: Fault) -> None:
        """Numba asks whether a kernel's file has changed, but not whether those have whose functions it calls."""
        reach = self.folder / "kernels"
        if fault.operation:
            reach = reach / "operations" / fault.operation
        for compiled in reach.rglob("*.nb[ic]"):
            compiled.unlink()

    def _tried(self, fault: Fault) -> Verdict:
        said = self.folder / "verdict.jsonl"
        said.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",  # a .pyc is taken for its source's by seconds and size, which may agree
            "HYPOTHESIS_PROFILE": "ci",
            "VERDICT": str(said),
        }
        command = [sys.executable, "-m", "pytest", "-p", "tests.faults.verdict", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, *fault.tests],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            return Verdict(fault, crashes=(f"more than {LIMIT} s",))
        found = [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []
        for each in found:
            if each["claim"]:
                return Verdict(fault, each["test"], each["error"])
        if done.returncode not in (0, 1) and not found:  # neither passed nor failed: pytest itself gave up
            return Verdict(fault, crashes=(f"pytest {done.returncode}: {done.stdout.strip()[-200:]}",))
        return Verdict(fault, crashes=tuple(f"{each['error']} in {each['test']}" for each in found[:3]))
