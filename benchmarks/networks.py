"""What benchmarks time of the networks, digits' and detectors': passes forward and training steps, ours and PyTorch's.

Forward is inference: the probabilities of digits; a picture up to the scored boxes, as PyTorch has no non-maximum
suppression. A training step is forward, for detectors with matching, backward, and SGD with momentum. Both compute the
same, and a run of either goes from arrays in the host's memory to results there. Weights are those of a new network,
pictures are noise.

Nothing is imported here before it is needed: competitors import this file before what they need, see turns.py.
"""

import argparse
from dataclasses import dataclass

KINDS = ("forward", "train")
RATE = 1e-6  # the weights shall move, but not blow up: nothing is learned here
FACES = 8  # in each picture that a detector learns from

# How PyTorch is asked, by name.
FORMS = {
    "contiguous": {},
    "channels_last": {"channels_last": True},
    "compiled": {"channels_last": True, "compiled": True},
    "compiled_contiguous": {"compiled": True},
}


@dataclass(frozen=True)
class Case:
    """What is timed: a kind, the model, images in a batch, and for detectors their side in pixels."""

    kind: str
    model: str
    batch: int
    side: int = 0

    @classmethod
    def of(cls, text: str) -> "Case":
        """From its name, such as train:cnn6:50 or forward:lite:1:512."""
        kind, _, rest = text.partition(":")
        model, *numbers = rest.split(":")
        if kind not in KINDS or model not in names() or not all(n.isdecimal() and int(n) for n in numbers):
            known = f"{' or '.join(KINDS)}, one of {', '.join(names())}, batch and side at least 1"
            raise argparse.ArgumentTypeError(f"{text!r}: {known}")
        if len(numbers) != 1 + (model in detectors()):
            raise argparse.ArgumentTypeError(f"{text!r} is not like train:cnn6:50 or forward:lite:1:512")
        return cls(kind, model, *map(int, numbers))

    def __str__(self):
        return ":".join(map(str, (self.kind, self.model, self.batch, *([self.side] if self.side else []))))

    @property
    def size(self) -> dict:
        """What a detector is built for beside its batch."""
        return {"size": (self.side, self.side)} if self.side else {}

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("loss",) if self.kind == "train" else ("boxes", "scores") if self.side else ("probabilities",)

    def build(self):
        """The function that makes the network's graph."""
        from apps.mnist.models import MODELS

        return (detectors() if self.side else MODELS)[self.model]

    def graph(self):
        return self.build()(self.batch, **self.size)

    def inputs(self, graph) -> dict:
        """Pictures of noise; for training any labels, or faces of an eighth to a half of a picture's side."""
        import numpy as np

        generator, shape = np.random.default_rng(0), {value.name: value.shape for value in graph.of_role("input")}
        image = generator.integers(0, 256, shape["image"], np.uint8)
        if self.kind == "forward":
            return {"image": image}
        if not self.side:
            R, classes = shape["target"]
            return {"image": image, "target": np.eye(classes, dtype=np.float32)[generator.integers(0, classes, R)]}
        boxes, label = np.zeros(shape["boxes"], np.float32), np.zeros(shape["label"], np.int32)
        sides = self.side * generator.uniform(1 / 8, 1 / 2, (self.batch, FACES, 1))
        start = generator.random((self.batch, FACES, 2)) * (self.side - sides)
        boxes[:, :FACES] = np.concatenate([start, start + sides], 2)
        label[:, :FACES] = 1
        return {"image": image, "boxes": boxes, "label": label}


def names() -> list[str]:
    """Of all models."""
    from apps.mnist.models import MODELS

    return [*MODELS, *detectors()]


def detectors() -> dict:
    from apps.faces.models import MODELS

    return MODELS


def ours(case: Case, device: str, capture: bool = True):
    """A function that makes one run with our kernels."""
    from framework import Model, Optimizer
    from kernels.device import CudaDevice

    model = Model(case.build(), CudaDevice(capture) if device == "cuda" else device)
    if case.kind == "forward":
        program = model.inference(case.batch, case.outputs, **case.size)
    else:
        optimizer = Optimizer("sgd", momentum=0.9)
        program = model.training(case.batch, optimizer, **case.size)
        optimizer.set_rate(RATE, 0)
    inputs = case.inputs(program.graph)
    return lambda: program(**inputs)


def pytorch(case: Case, device: str, form: str = "contiguous"):
    """A function that makes one run with PyTorch."""
    import torch  # before anything of ours, so that its threads wait as PyTorch has them wait

    torch.relu(torch.ones(4))
    torch.compiler.reset()  # or it takes the next network for one more version of the last
    torch.backends.cudnn.benchmark = True  # as one does where sizes stay
    from benchmarks.torch_twin import TorchTwin
    from framework import Model

    graph = case.graph()
    arrays, inputs = Model(case.build(), "cpu").parameters.download(), case.inputs(graph)
    twin = TorchTwin(graph, arrays, device=device, **FORMS[form])

    def forward():
        with torch.inference_mode():
            return {n: t.cpu() for n, t in twin(case.outputs, training=False, **inputs).items()}

    optimizer = torch.optim.SGD(twin.parameters.values(), lr=RATE, momentum=0.9, fused=True)

    def train():
        optimizer.zero_grad()
        loss = twin(case.outputs, **inputs)["loss"]
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"forward": forward, "train": train}[case.kind]
