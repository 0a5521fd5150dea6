"""python -m tests.faults: plant faults one by one, and let the tests find them."""

import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kernels.commands.command_line import CommandError, command, positive, run
from tests.faults.apps import APPS
from tests.faults.fault import Fault
from tests.faults.framework import FRAMEWORK
from tests.faults.kernels import KERNELS
from tests.faults.lessons import LESSONS
from tests.faults.plant import Plot, Verdict
from tests.faults.report import rows, write
from tests.faults.shares import SHARES

FAULTS: tuple[Fault, ...] = (*KERNELS, *FRAMEWORK, *SHARES, *APPS, *LESSONS)


def parser():
    text = "Plant faults one by one in a copy of the project; the tests of the place where each stands must find it."
    c = command("python -m tests.faults", plant, text, "conv2d --jobs 2")
    c.add_argument("words", nargs="*", metavar="WORD", help="only faults in whose file or description all words occur")
    c.add_argument("--new", action="store_true", help="only faults for which the table of tests/README.md has no test")
    c.add_argument("--jobs", type=positive, metavar="N", default=2, help="how many at the same time (default: 2)")
    c.add_argument("--write", action="store_true", help="put what was found into the table of tests/README.md")
    return c


def plant(options) -> int:
    """Print a line a fault; exit code 1 if one was not found."""
    chosen = [f for f in FAULTS if all(word in f"{f.file} {f.what} {f.past}" for word in options.words)]
    if not chosen:
        raise CommandError(f"no planted fault has {' and '.join(options.words)} in its file or its description")
    if options.new:
        known = rows()
        chosen = [f for f in chosen if known.get((f.file, f.what), "-") == "-"]
    here = threading.local()
    verdicts = []

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:

        def tried(fault: Fault) -> Verdict:
            if not hasattr(here, "plot"):
                here.plot = Plot(Path(tempfile.mkdtemp(dir=folder)))
            return here.plot.plant(fault)

        for verdict in pool.map(tried, chosen):
            verdicts.append(verdict)
            print(f"{verdict.fault.file}: {verdict.fault.what}: {verdict}", flush=True)
    missed = [verdict for verdict in verdicts if not verdict.test]
    print(f"{len(verdicts)} faults planted, {len(verdicts) - len(missed)} found")
    if options.write:
        write(verdicts, FAULTS)
    return 1 if missed else 0


def main(arguments: list[str] | None = None) -> int:
    return run(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
