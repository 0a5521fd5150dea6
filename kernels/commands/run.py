"""python -m kernels run: a program written for Numba CUDA, run where there is no GPU, each of its launches examined."""

import argparse

from kernels.commands.command_line import CommandError, Parser, add_json, count, write_json
from kernels.gpu.driver.library import LibraryError
from kernels.gpu.programs import ENGINES, Session
from kernels.gpu.programs.counted import MOST
from kernels.gpu.programs.program import carry_out


def add(c: Parser) -> None:
    what = "what follows is the name of a module, as after python -m"
    c.add_argument("-m", dest="module", action="store_true", help=what)
    add_engine(c)
    add_gpu(c)
    what = "go on after a fault, and tell of all in the end"
    c.add_argument("--keep-going", action="store_true", help=what)
    add_count(c)
    add_json(c, "also write all launches, faults and counts to this file")
    c.add_argument("program", metavar="SCRIPT.py|MODULE", help="the program, which needs no change")
    c.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="the program's own arguments")


def add_engine(c) -> None:
    """How launches are executed."""
    what = "emulate: kernels as they are compiled; interpret: their Python source, slower (default: %(default)s)"
    c.add_argument("--engine", choices=ENGINES, default="emulate", help=what)
    what = "refuse what a GPU would not notice, or do without for speed (default: --check)"
    c.add_argument("--check", action=argparse.BooleanOptionalAction, default=True, help=what)
    what = "run blocks and threads in another order, the same for the same number"
    c.add_argument("--seed", type=count, metavar="N", help=what)


def add_gpu(c) -> None:
    what = "the GPU to stand for, as sm_90 (default: %(default)s)"
    c.add_argument("--arch", default="sm_90", metavar="NAME", help=what)


def add_count(c) -> None:
    what = (
        "print what each kernel executes and what its accesses cost, by line of its source: counted over up to "
        f"{MOST} blocks of the first launch of each grid, block and arguments' types and shapes"
    )
    c.add_argument("--count", action="store_true", help=what)


def session_of(options) -> Session:
    """What the options ask for. Raises CommandError."""
    from kernels.gpu.compiler import compute_capability
    from kernels.gpu.driver.attributes import CARDS
    from kernels.operation import unknown

    known = [f"sm_{major}{minor}" for major, minor in CARDS]
    if options.arch not in known:
        raise CommandError(unknown("architecture", options.arch, known))
    return Session(options.engine, options.check, options.seed, capability=compute_capability(options.arch))


def run(options) -> int:
    """Carry out the program; returns its exit status, or 2 if anything was found."""
    if options.program.endswith(".ipynb") and not options.module:
        raise CommandError(f"{options.program} is a notebook: ipython --ext=kernels.notebook {options.program}")
    session = session_of(options)
    session.keep_going, session.counted = options.keep_going, options.count
    json = options.json and options.json.absolute()  # the program may change the folder
    try:
        status = carry_out(session, options.program, options.arguments, options.module)
    except LibraryError as error:
        raise CommandError(str(error)) from error
    write_json(json, session.as_dict())
    return status
