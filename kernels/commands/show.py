"""python -m kernels show: the source of a rung, or what a compiler makes of it."""

import inspect

from kernels.commands.command_line import Parser, add_json, positive, write_json
from kernels.commands.targets import (
    KNOWN_ARCHITECTURES,
    Target,
    add_ladder,
    add_shape,
    case_of,
    find_target,
    trial_of,
)
from kernels.gpu.kernel import Launch
from kernels.gpu.report import sass
from kernels.gpu.source import reachable


def add(c: Parser) -> None:
    add_ladder(c)
    c.add_argument("--rung", type=positive, metavar="N", help="number of the rung (default: the highest)")
    what = "architecture for PTX and SASS (default: sm_90)"
    c.add_argument(
        "--arch", dest="architecture", metavar="ARCH", choices=KNOWN_ARCHITECTURES, default="sm_90", help=what
    )
    add_shape(c)
    which = c.add_mutually_exclusive_group()
    which.add_argument("--source", dest="what", action="store_const", const="source", help="Python (the default)")
    which.add_argument("--ptx", dest="what", action="store_const", const="ptx", help="NVIDIA's portable assembly")
    which.add_argument("--sass", dest="what", action="store_const", const="sass", help="machine code; needs nvdisasm")
    c.set_defaults(what="source")
    add_json(c)


def run(options) -> None:
    """Print the equation, the rung's function and the kernels that it launches."""
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
