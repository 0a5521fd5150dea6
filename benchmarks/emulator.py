"""How fast compiled kernels are executed without a GPU, and how long it takes to translate them.

    python -m benchmarks.emulator

First every rung of conv2d.forward and a few others on their typical case, with default tiles: instructions that threads
execute, seconds on one core and on all (the best of three), instructions a second. Then all kernels of the project,
each parsed and translated anew, nothing from a cache: seconds.
"""

import statistics
import sys
import time

from kernels.commands.command_line import command, run
from kernels.commands.targets import case_of, find_target, find_targets, trial_of
from kernels.gpu.emulator import ARCHITECTURE, load
from kernels.gpu.emulator.arguments import of_numba
from kernels.gpu.emulator.loaded import entry
from kernels.gpu.emulator.native import Code, compiled
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.translate import STEP, translate
from kernels.gpu.executed import executed
from kernels.table import table

TIMED = ("conv2d.forward", "conv2d.dx", "conv2d.dw", "linear.forward", "softmax.forward", "batchnorm.statistics")


def seconds(kernel, launch, cores):
    """The best of three."""
    values, best = of_numba(launch.args, launch.types), float("inf")
    for _ in range(3):
        start = time.perf_counter()
        kernel.run(launch.grid, launch.block, values, launch.shared_bytes, cores=cores)
        best = min(best, time.perf_counter() - start)
    return best


def rates(name, rung):
    """A row of the table: all launches of a rung together."""
    target = find_target(name)
    launches = trial_of(target.operation, case_of(target.operation, None)).launches(
        target.direction, rung, part=target.part
    )
    count = sum(executed(launch).total("threads") for launch in launches)
    one, every = (sum(seconds(load(e.ptx(ARCHITECTURE)), e, cores) for e in launches) for cores in (1, None))
    return {
        "kernel": name,
        "rung": str(rung),
        "instructions": f"{count / 1e9:.2f} G",
        "one core": f"{one:.2f} s",
        "all cores": f"{every:.2f} s",
        "a second": f"{count / every / 1e9:.1f} G",
    }


def translations():
    """Seconds each kernel of the project takes from its PTX to machine code."""
    known = set()
    for target in find_targets(None):
        trial = trial_of(target.operation, case_of(target.operation, None))
        for rung in target.rungs:
            for launch in trial.launches(target.direction, rung, part=target.part):
                if (launch.kernel, launch.types) not in known:
                    known.add((launch.kernel, launch.types))
                    yield f"{target} rung {rung}, {launch.kernel.name}", translation(launch.ptx(ARCHITECTURE))


def translation(ptx):
    start = time.perf_counter()
    module = parse(ptx)
    Code(compiled(translate(entry(module, None), module).text)).address(STEP)
    return time.perf_counter() - start


def parser():
    return command("python -m benchmarks.emulator", measure, "time the emulator", "")


def measure(options) -> int:
    rungs = [("conv2d.forward", rung) for rung in find_target("conv2d.forward").rungs]
    rungs += [(name, find_target(name).rungs[-1]) for name in TIMED[1:]]
    rows = [rates(name, rung) for name, rung in rungs]
    print(table([list(rows[0]), *(row.values() for row in rows)]))
    found = sorted(translations(), key=lambda each: each[1])
    times = [each for _, each in found]
    median, (name, most) = statistics.median(times), found[-1]
    print(f"\n{len(found)} kernels translated: median {median:.2f} s, most {most:.2f} s ({name})")
    return 0


def main(arguments: list[str] | None = None) -> int:
    return run(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
