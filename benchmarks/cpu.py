"""Speed on a CPU, beside PyTorch in its best form: python -m benchmarks.cpu

What is timed, see networks.py. Each of PyTorch's forms and ours have a process of their own and as many threads, and
take turns (turns.py), row by row; the fastest form by its median is the yardstick of that row. Where PyTorch cannot
compile, for want of a C++ compiler, that form is left out, and the result says so.

On a processor with AVX-512 all is timed twice, the second time without it (instruction_sets.py).
"""

import argparse
import os
import re
import sys

from benchmarks.instruction_sets import here, switched
from benchmarks.networks import FORMS, KINDS, Case, detectors, names, ours, pytorch
from benchmarks.rows import line, markdown, said, summary
from benchmarks.turns import ENVIRONMENT, OURS, YARDSTICK, Ended, Processes, check_torch, medians, take_turns

BATCHES = (1, 50, 512)  # of digits
LOOKS = {"side": 512, "batch": 1}
LEARNS = {"lite": {"side": 320, "batch": 16}}  # the others would take minutes
MARKER = re.compile(r"(<!-- speed -->\n).*(<!-- end of speed -->\n)", re.DOTALL)


def cases(models, batches, kinds) -> list[Case]:
    """Digits at all batches, detectors at their own."""
    found = []
    for model in models:
        if model not in detectors():
            found += [Case(kind, model, batch) for batch in batches for kind in kinds]
        else:
            sizes = {"forward": LOOKS, "train": LEARNS.get(model)}
            found += [Case(kind, model, **size) for kind in kinds if (size := sizes[kind])]
    return found


def instruction_sets(text: str) -> list[str]:
    """For argparse: avx512,avx2."""
    wanted, known = text.split(","), here()
    if not set(wanted) <= set(known):
        raise argparse.ArgumentTypeError(f"{text!r}: this processor has {', '.join(known)}")
    return wanted


def main(arguments: list[str] | None = None) -> int:
    from apps.command_line import run  # here, because competitors import this file before what they need
    from kernels.commands.command_line import add_json, command, output_file, positive, positive_float

    text = "Time all networks on this CPU, beside PyTorch in its best form, in turns."
    c = command(
        "python -m benchmarks.cpu", measure, text, "--model cnn6 lite --batch-size 50 --isa avx2 --json speed.json"
    )
    known, threads = names(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    c.add_argument("--model", choices=known, nargs="+", metavar="NAME", default=known, help="which (default: all)")
    what = f"digits in a batch (default: {' '.join(map(str, BATCHES))})"
    c.add_argument("--batch-size", type=positive, nargs="+", metavar="DIGITS", default=BATCHES, help=what)
    what = "forward, train or both (default: both)"
    c.add_argument("--kind", choices=KINDS, nargs="+", metavar="KIND", default=KINDS, help=what)
    what = f"of {', '.join(FORMS)}: how PyTorch is asked (default: the first three)"
    c.add_argument("--form", choices=FORMS, nargs="+", metavar="FORM", default=list(FORMS)[:3], help=what)
    what = f"instruction sets, with commas between (default: {','.join(here())})"
    c.add_argument("--isa", type=instruction_sets, metavar="NAMES", default=list(here()), help=what)
    c.add_argument("--threads", type=positive, metavar="N", default=threads, help=f"of each (default: {threads})")
    c.add_argument("--repeats", type=positive, metavar="N", default=20, help="most turns of a row (default: 20)")
    what = "after which no more than 5 turns are begun of a row (default: 4)"
    c.add_argument("--seconds", type=positive_float, metavar="S", default=4.0, help=what)
    add_json(c, "also write all rows to this file, each as soon as it is known")
    what = "also put the tables between '<!-- speed -->' and '<!-- end of speed -->' in this file"
    c.add_argument("--write", type=output_file(".md"), metavar="FILE.md", help=what)
    return run(c, arguments)


def measure(options) -> int:
    """Print a line for each row, and what all come to."""
    from kernels.commands.command_line import CommandError, note, write_json
    from kernels.files import write_whole

    check_torch()
    if options.write and not (options.write.exists() and MARKER.search(options.write.read_text())):
        raise CommandError(f"--write: {options.write} has no '<!-- speed -->' with '<!-- end of speed -->' after it")
    result = {"machine": machine(options.threads), "rows": [], "left_out": {}}
    if load() > 0.5:
        note(f"other programs run (load {load():.1f}): PyTorch's threads, which spin, suffer more from that than ours")
    wanted = cases(options.model, options.batch_size, options.kind)
    for isa in options.isa:
        with Processes(switched(ENVIRONMENT, isa) | threads(options.threads)) as processes:
            for case in wanted:
                row, problems = compared(processes, case, isa, options)
                for name, problem in problems.items():
                    note(f"{case}, {isa}: {problem}")
                    result["left_out"][f"{case}, {isa}, {name}"] = problem
                if row:
                    result["rows"].append(row)
                    print(line(row), flush=True)
                result |= summary(result["rows"])
                write_json(options.json, result)
    if options.write:
        text = MARKER.sub(lambda match: f"{match[1]}\n{markdown(result)}\n{match[2]}", options.write.read_text())
        write_whole(options.write, text.encode())
    print(said(result["rows"]))
    return int(len(result["rows"]) < len(wanted) * len(options.isa))


def machine(threads: int) -> dict[str, str]:
    """What times depend on."""
    from benchmarks.machine import installed, processor

    packages = {name: installed(name) for name in ("numpy", "numba", "llvmlite", "torch")}
    return {"processor": processor(), "threads": str(threads), "load before": f"{load():.1f}"} | packages


def load() -> float:
    """How many threads wanted to run, on average over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def threads(count: int) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(count), "NUMBA_NUM_THREADS": str(count)}


def compared(processes, case: Case, isa: str, options) -> tuple[dict | None, dict[str, str]]:
    """A row, where there is ours and one of PyTorch's; and by competitor, why it is left out."""
    competitors = {OURS: (ours, case, "cpu")}
    competitors |= {f"{YARDSTICK}, {form}": (pytorch, case, "cpu", form) for form in options.form}
    problems = {}
    for name, arguments in competitors.items():
        try:
            processes.prepare(name, *arguments)
        except Ended as error:
            problems[name] = str(error)
    able = [name for name in competitors if name not in problems]
    if OURS not in able or len(able) < 2:
        return None, problems
    try:
        times = take_turns(processes, able, options.repeats, options.seconds)
    except Ended as error:
        return None, problems | {"turns": str(error)}
    middle = medians(times)
    seconds = middle.pop(OURS)
    baseline = min(middle, key=middle.__getitem__)
    row = {
        "name": str(case),
        "seconds": seconds,
        "baseline": baseline,
        "baseline_seconds": middle[baseline],
        "ratio": seconds / middle[baseline],
        "instruction_set": isa,
        "turns": len(times[OURS]),
        "forms": middle,
    }
    return row, problems


if __name__ == "__main__":
    sys.exit(main())
