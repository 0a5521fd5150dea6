"""Time of networks on a GPU, beside PyTorch on the same ones, in turns: python -m benchmarks.cuda

What is timed, see networks.py; how, see turns.py. A training step of ours is timed captured as one graph of launches,
and launch by launch.
"""

import sys

from benchmarks.networks import Case, ours, pytorch
from benchmarks.turns import OURS, YARDSTICK, Ended, check_torch, in_turns, milliseconds, report

CASES = ("train:cnn6:50", "train:fcc6:50", "train:cnn3:50", "forward:faceresnet:1:512", "train:faceresnet:2:512")


def main(arguments: list[str] | None = None) -> int:
    from apps.command_line import run  # here, because competitors import this file before what they need
    from kernels.commands.command_line import add_json, command, positive

    text = "Time networks on a GPU, beside PyTorch on the same ones, in turns."
    c = command("python -m benchmarks.cuda", measure, text, "--cases train:cnn6:50 forward:lite:1:512 --repeats 20")
    what = "what to time: forward or train, model, images in a batch, and for detectors their side in pixels"
    what, default = f"{what} (default: {' '.join(CASES)})", [Case.of(case) for case in CASES]
    c.add_argument("--cases", type=Case.of, nargs="+", metavar="KIND:MODEL:BATCH[:SIDE]", default=default, help=what)
    c.add_argument("--repeats", type=positive, metavar="N", default=20, help="turns to time (default: 20)")
    c.add_argument("--no-torch", action="store_true", help="do not compare with PyTorch")
    add_json(c, "also write medians in ms and their ratio to this file")
    return run(c, arguments)


def measure(options) -> int:
    """Print a table for each case. What is measured is kept at once, should a later case fail."""
    from kernels.commands.command_line import CommandError, note, write_json
    from kernels.device import cuda_problem

    if problem := cuda_problem():
        raise CommandError(f"device cuda cannot be used: {problem}")
    if not options.no_torch:
        check_torch()
    results, failed = {}, 0
    for case in options.cases:
        competitors = {OURS: (ours, case, "cuda")}
        if case.kind == "train":
            competitors[f"{OURS}, not captured"] = (ours, case, "cuda", False)
        if not options.no_torch:
            competitors[YARDSTICK] = (pytorch, case, "cuda")
        try:
            times = in_turns(competitors, options.repeats)
        except Ended as error:
            note(f"{case}: {error}")
            failed = 1
            continue
        report(f"{case}, {options.repeats} in turns", times, "images", case.batch)
        results[str(case)] = milliseconds(times)
        write_json(options.json, {"device": "cuda", "milliseconds": results})
    return failed


if __name__ == "__main__":
    sys.exit(main())
