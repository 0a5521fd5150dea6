"""git is not shown what documented commands leave behind, and sees all that is the project's own."""

import re
import subprocess

import pytest

from apps.faces.__main__ import parser
from tests.helpers import ROOT
from tests.helpers.documents import DOCUMENTS


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git checkout")

TEXT = "\n".join(document.read_text() for document in DOCUMENTS)
WRITTEN = {
    *re.findall(r"--(?:json|plan|picture|output) (?!/)([\w./-]+\.\w+)", TEXT),
    *re.findall(r"Path\(\"([\w./-]+\.safetensors)\"\)", TEXT),
    *(f"{parser().parse_args([command]).output}/a.png" for command in ("detect", "evaluate", "data")),
    "runs/mnist-cnn6-1/weights.safetensors",
    "runs/gpu/gpu.txt",
}


@pytest.mark.parametrize("path", sorted(WRITTEN))
def test_what_a_documented_command_writes_is_ignored_or_kept(path):
    assert git("check-ignore", path) == [path] or git("ls-files", path) == [path]


def test_nothing_that_is_kept_is_ignored():
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == []
    assert "apps/faces/__main__.py" in git("ls-files", "apps/faces")
    new = [f"{folder}/new{end}" for folder in ("apps/faces", "docs/figures") for end in (".py", ".safetensors", ".png")]
    assert git("check-ignore", *new) == []
