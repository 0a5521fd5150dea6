"""Which version of the project this is."""

import tomllib
from importlib import metadata
from pathlib import Path

NAME = "handwritten"
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def version() -> str:
    """That of the checkout this stands in, which need not be installed; elsewhere that of what is installed."""
    if PROJECT.exists():
        return tomllib.loads(PROJECT.read_text())["project"]["version"]
    return metadata.version(NAME)
