"""python -m tests.fuzz: give readers what nobody would write."""

import importlib.util
import sys

from kernels.commands.command_line import add_json, at_least, command, note, run, write_json
from tests.fuzz.run import fuzz, keep, names


def main(arguments: list[str] | None = None) -> int:
    text = "Give readers what nobody would write, and keep what they take wrongly in tests/fuzz/corpus."
    parser = command("python -m tests.fuzz", fuzz_all, text, "--target idx --seconds 60")
    parser.add_argument("--target", nargs="+", choices=names(), help="which readers (default: all)")
    what = "in all, shared evenly among the targets (default: 600)"
    parser.add_argument("--seconds", type=at_least(1), default=600, metavar="N", help=what)
    parser.add_argument("--seed", type=at_least(0), default=1, metavar="N", help="of what is drawn (default: 1)")
    add_json(parser)
    return run(parser, arguments)


def fuzz_all(options) -> int:
    """Print a line a target and a line a finding; the exit code is 1 where there is one."""
    if importlib.util.find_spec("atheris") is None:
        note("atheris is not installed, so inputs are changed at random, and coverage guides nobody")
    chosen = options.target or names()
    found, wrong = {}, 0
    for name in chosen:
        outcome = fuzz(name, options.seconds / len(chosen), options.seed)
        wrong += len(outcome.findings)
        row = {"inputs": outcome.inputs, "seconds": round(outcome.seconds, 1), "findings": len(outcome.findings)}
        found[name] = row
        print(
            f"{name:12} {outcome.inputs:9,} inputs in {outcome.seconds:6.1f} s, {len(outcome.findings)} findings",
            flush=True,
        )
        for what, data in outcome.findings:
            print(f"    {keep(name, data)}: {what}", flush=True)
    print(f"{'in all':12} {sum(row['inputs'] for row in found.values()):9,} inputs")
    write_json(options.json, found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
