"""python -m kernels show: the source of a rung, for a GPU or for the CPU, or what a compiler makes of it."""

import inspect
from collections.abc import Callable
from typing import Any

from kernels.commands.command_line import CommandError, Parser, add_json, positive, write_json
from kernels.commands.targets import (
    KNOWN_ARCHITECTURES,
    Target,
    add_ladder,
    add_shape,
    case_of,
    find_cpu_ladders,
    find_target,
    trial_of,
)
from kernels.device import Device
from kernels.gpu.kernel import Launch
from kernels.gpu.report import sass
from kernels.gpu.source import reachable
from kernels.modules import PACKAGE

PLACES = f"{PACKAGE}.", "kernels.cpu."  # of the functions that a rung of cpu.py is made of


def add(c: Parser) -> None:
    add_ladder(c)
    c.add_argument("--rung", type=positive, metavar="N", help="number of the rung (default: the highest)")
    what = "architecture for PTX and SASS (default: sm_90)"
    c.add_argument(
        "--arch", dest="architecture", metavar="ARCH", choices=KNOWN_ARCHITECTURES, default="sm_90", help=what
    )
    what = "cpu: the rung of cpu.py that computes the case, and the loops that it calls (default: cuda)"
    c.add_argument("--device", metavar="NAME", choices=("cuda", "cpu"), default="cuda", help=what)
    add_shape(c)
    which = c.add_mutually_exclusive_group()
    which.add_argument("--source", dest="what", action="store_const", const="source", help="Python (the default)")
    which.add_argument("--ptx", dest="what", action="store_const", const="ptx", help="NVIDIA's portable assembly")
    which.add_argument("--sass", dest="what", action="store_const", const="sass", help="machine code; needs nvdisasm")
    c.set_defaults(what="source")
    add_json(c)


def run(options) -> None:
    """Print the equation, the rung's function and the kernels that it launches."""
    if options.device == "cpu":
        show_cpu(options)
        return
    target = find_target(options.ladder)
    rung = target.require_rung(options.rung)
    launches = target.launches(trial_of(target.operation, case_of(target.operation, options.shape)), rung)
    print(f"# {target} rung {rung}. {target.operation.summary}")
    print(f"# {target.operation.source}")
    if options.what == "source":
        texts = source(target, rung, launches)
    else:
        kernels = {repr(launch.kernel): launch for launch in launches}
        texts = {name: launch.ptx(options.architecture) for name, launch in kernels.items()}
        if options.what == "sass":
            texts = {name: sass(text, options.architecture) for name, text in texts.items()}
    for name, text in texts.items():
        print(f"\n# {name}\n{text.rstrip()}")
    write_json(
        options.json,
        {
            "ladder": str(target),
            "rung": rung,
            "equations": target.operation.source,
            "kind": options.what,
            "arch": None if options.what == "source" else options.architecture,
            "text": texts,
        },
    )


def show_cpu(options) -> None:
    """Print the equation, the rung's function and the loops that it calls."""
    if options.what != "source":
        raise CommandError(f"--{options.what}: is of what is compiled for a GPU, and not of --device cpu")
    name = options.ladder if "." in options.ladder else f"{options.ladder}.forward"
    (target,) = find_cpu_ladders(name)
    wanted = target.choose_cpu_rungs("last" if options.rung is None else str(options.rung))[0]
    trial = trial_of(target.operation, case_of(target.operation, options.shape))
    rung = target.require_cpu_ladder().choose(trial.arguments(Device("cpu"), target.direction), wanted)
    print(f"# {target} on the CPU, rung {rung.number}, {rung.name}. {target.operation.summary}")
    print(f"# {target.operation.source}")
    texts = {_place(each): inspect.getsource(each) for each in called(rung.function)}
    for place, text in texts.items():
        print(f"\n# {place}\n{text.rstrip()}")
    found = {"ladder": str(target), "rung": rung.number, "algorithm": rung.name, "equations": target.operation.source}
    write_json(options.json, {**found, "kind": "source", "arch": None, "text": texts})


def called(function: Callable) -> list[Callable]:
    """A function of cpu.py, and those of operations and of kernels/cpu that it names, or that these name; each once."""
    found: list[Callable] = []
    waiting: list[Any] = [function]
    while waiting:
        plain = getattr(value := waiting.pop(0), "py_func", value)  # of one that Numba compiles
        if not inspect.isfunction(plain) or not plain.__module__.startswith(PLACES) or plain in found:
            continue
        found.append(plain)
        named = [plain.__globals__[name] for name in plain.__code__.co_names if name in plain.__globals__]
        modules = [value for value in named if inspect.ismodule(value) and value.__name__.startswith(PLACES)]
        named += [vars(module)[name] for module in modules for name in plain.__code__.co_names if name in vars(module)]
        waiting += named
    return found


def source(target: Target, rung: int, launches: list[Launch]) -> dict[str, str]:
    """Where each function stands and its source: the rung, the kernels it launches, what these call; each once."""
    texts = {}
    for function in target.functions(rung):
        texts[_place(function)] = inspect.getsource(function)
    for launch in launches:
        for code in reachable(launch.kernel.source):
            texts.setdefault(_place(code.function), code.text)
    return texts


def _place(function) -> str:
    """The function as module.name and line."""
    _, line = inspect.getsourcelines(function)
    return f"{function.__module__}.{function.__name__}, line {line}"
