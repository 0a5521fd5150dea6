"""The documents and sources of the project, which several tests go through."""

from pathlib import Path

from tests.helpers import ROOT

FOLDERS = ("docs", "kernels", "framework", "apps", "lessons", "tests", "benchmarks")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))
