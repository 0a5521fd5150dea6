"""Programs run in a process of their own, as a user runs them."""

import os
import subprocess
import sys

from tests.helpers import ROOT


def environment(**more):
    """This process's, in which Python finds the project from any folder."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **more}


def python(*words, cwd=None, **more):
    """Run `python words` in a folder, by default this process's; `more` is added to the environment.

    Returns the finished process, with what it printed as text.
    """
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=300, check=False
    )
