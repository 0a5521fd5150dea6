"""Time of the face detectors, against PyTorch on the same networks: python -m benchmarks.detectors

Looking at a picture up to the scored boxes, as PyTorch has no non-maximum suppression, and whole training steps:
matching, forward, backward, SGD with momentum. Both compute the same in turns, see turns.py; the clock runs from the
picture in the host's memory to the result there. Weights are those of a new network, pictures are noise.
"""

import argparse
import sys
from dataclasses import dataclass

from benchmarks.turns import OURS, YARDSTICK, Ended, add_options, check, in_turns, milliseconds, report

OUTPUTS = {"look": ("boxes", "scores"), "train": ("loss",)}
CASES = ("look:lite:1:512", "look:facenet:1:512", "look:faceresnet:1:512", "train:lite:16:320")
RATE = 1e-6  # the weights shall move, but not blow up: nothing is learned here


@dataclass(frozen=True)
class Case:
    """What is timed: to "look" or to "train", the model, pictures in a batch, and their side in pixels."""

    kind: str
    model: str
    batch: int
    side: int

    @classmethod
    def of(cls, text: str) -> "Case":
        """From its name, such as look:lite:1:512."""
        from apps.faces.models import MODELS

        try:
            kind, model, batch, side = text.split(":")
            case = cls(kind, model, int(batch), int(side))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not like look:lite:1:512") from None
        if kind not in OUTPUTS or model not in MODELS or min(case.batch, case.side) < 1:
            kinds, models = " or ".join(OUTPUTS), ", ".join(MODELS)
            raise argparse.ArgumentTypeError(f"{text!r}: {kinds}, one of {models}, batch and side at least 1")
        return case

    def __str__(self):
        return f"{self.kind}:{self.model}:{self.batch}:{self.side}"

    def graph(self):
        from apps.faces.models import MODELS

        return MODELS[self.model](self.batch, (self.side, self.side))

    def inputs(self):
        """Pictures of noise; for training with 8 faces each, an eighth to a half of their side."""
        import numpy as np

        from apps.faces.ends import FACES

        R, S, n = self.batch, self.side, 8
        generator = np.random.default_rng(0)
        image = generator.integers(0, 256, (R, S, S, 3), np.uint8)
        if self.kind == "look":
            return {"image": image}
        boxes, label = np.zeros((R, FACES, 4), np.float32), np.zeros((R, FACES), np.int32)
        sides = S * generator.uniform(1 / 8, 1 / 2, (R, n, 1))
        start = generator.random((R, n, 2)) * (S - sides)
        boxes[:, :n] = np.concatenate([start, start + sides], 2)
        label[:, :n] = 1
        return {"image": image, "boxes": boxes, "label": label}


def ours(case: Case, device: str):
    """A function that looks or trains once with our kernels."""
    from apps.faces.models import MODELS
    from framework import Model, Optimizer

    model, size = Model(MODELS[case.model], device), (case.side, case.side)
    if case.kind == "look":
        program = model.inference(case.batch, OUTPUTS["look"], size=size)
    else:
        optimizer = Optimizer("sgd", momentum=0.9)
        program = model.training(case.batch, optimizer, size=size)
        optimizer.set_rate(RATE, 0)
    inputs = case.inputs()
    return lambda: program(**inputs)


def pytorch(case: Case, device: str):
    """A function that looks or trains once with PyTorch."""
    import torch  # before anything of ours, so that its threads wait as PyTorch has them wait

    torch.relu(torch.ones(4))
    torch.backends.cudnn.benchmark = True  # as one does where sizes stay
    from apps.faces.models import MODELS
    from benchmarks.torch_twin import TorchTwin
    from framework import Model

    twin = TorchTwin(case.graph(), Model(MODELS[case.model], "cpu").parameters.download(), device=device)
    inputs = case.inputs()

    def look():
        with torch.no_grad():
            return {n: t.cpu() for n, t in twin(OUTPUTS["look"], training=False, **inputs).items()}

    optimizer = torch.optim.SGD(twin.parameters.values(), lr=RATE, momentum=0.9)

    def train():
        optimizer.zero_grad()
        loss = twin(OUTPUTS["train"], **inputs)["loss"]
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"look": look, "train": train}[case.kind]


def main(arguments: list[str] | None = None) -> int:
    from apps.command_line import run  # here, because competitors import this file before what they need
    from kernels.commands.command_line import command

    text = "Time the face detectors, beside PyTorch on the same networks, in turns."
    example = "--cases look:lite:1:512 train:lite:16:320 --repeats 20"
    c = command("python -m benchmarks.detectors", measure, text, example)
    what = f"what to time: look or train, model, pictures in a batch, their side in pixels (default: {' '.join(CASES)})"
    default = [Case.of(case) for case in CASES]
    c.add_argument("--cases", type=Case.of, nargs="+", metavar="KIND:MODEL:BATCH:SIDE", default=default, help=what)
    add_options(c, repeats=10)
    return run(c, arguments)


def measure(options) -> int:
    """Print a table for each case. What is measured is kept at once, should a later case fail."""
    from kernels.commands.command_line import note, write_json

    check(options)
    results, failed = {}, 0
    for case in options.cases:
        competitors = {OURS: (ours, case, options.device)}
        if not options.no_torch:
            competitors[YARDSTICK] = (pytorch, case, options.device)
        try:
            times = in_turns(competitors, options.repeats, warm_up=3)
        except Ended as error:
            note(f"{case}: {error}")
            failed = 1
            continue
        report(f"{case}, {options.device}, {options.repeats} in turns", times, "pictures", case.batch)
        results[str(case)] = milliseconds(times)
        write_json(options.json, {"device": options.device, "milliseconds": results})
    return failed


if __name__ == "__main__":
    sys.exit(main())
