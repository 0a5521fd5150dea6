"""Time of a training step, against PyTorch on the same network: python -m benchmarks.training_step

Both make whole steps (forward, backward, SGD with momentum) in turns on the same machine, in one run; what is printed
are medians. A step of ours includes copying the batch in and the loss out.
"""

import argparse
import statistics
import time

import numpy as np

from apps.mnist.models import MODELS
from framework import Model, Optimizer
from framework.device import CudaDevice, find_device


def inputs_for(program):
    """Random images and one-hot targets."""
    generator = np.random.default_rng(0)
    image, target = (program.inputs[name].shape for name in ("image", "target"))
    labels = generator.integers(0, target[1], target[0])
    return {"image": generator.random(image, np.float32), "target": np.eye(target[1], dtype=np.float32)[labels]}


def our_step(name, batch, device):
    """A function that makes one step of ours."""
    model = Model(MODELS[name], device)
    optimizer = Optimizer("sgd", momentum=0.9)
    program = model.training(batch, optimizer)
    inputs = inputs_for(program)
    optimizer.set_rate(0.01, 0)
    return lambda: program(**inputs)


def torch_step(name, batch, device):
    """A function that makes one step of PyTorch's."""
    import torch

    from benchmarks.torch_twin import TorchTwin

    model = Model(MODELS[name], "cpu")
    program = model.training(batch)
    twin = TorchTwin(program.graph, model.parameters.download(), device=device)
    optimizer = torch.optim.SGD(twin.parameters.values(), lr=0.01, momentum=0.9)
    inputs = inputs_for(program)

    def step():
        optimizer.zero_grad()
        loss = twin(**{n: torch.from_numpy(a).to(device) for n, a in inputs.items()})
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main():
    p = argparse.ArgumentParser(prog="python -m benchmarks.training_step", description=__doc__.splitlines()[0])
    p.add_argument("--model", choices=MODELS, default="cnn6")
    p.add_argument("--batch-size", type=int, default=50)
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    p.add_argument("--repeats", type=int, default=40)
    p.add_argument("--no-torch", action="store_true", help="do not compare with PyTorch")
    options = p.parse_args()
    device = find_device(options.device)
    steps = {"handwritten": our_step(options.model, options.batch_size, device)}
    if device.name == "cuda":
        steps["handwritten, not captured"] = our_step(options.model, options.batch_size, CudaDevice(capture=False))
    if not options.no_torch:
        steps["PyTorch"] = torch_step(options.model, options.batch_size, device.name)
    for step in steps.values():
        for _ in range(5):
            step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.repeats):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(t) for name, t in times.items()}
    print(f"training step of {options.model}, batch {options.batch_size}, {device.name}, {options.repeats} in turns")
    for name, median in medians.items():
        fast, slow = np.quantile(times[name], [0.1, 0.9])
        print(f"{name:26} {median * 1e3:8.2f} ms  (10 % to 90 %: {fast * 1e3:.2f} to {slow * 1e3:.2f})", end="")
        print(f"  {1 / median:7.1f} steps/s  {median / medians.get('PyTorch', np.nan):5.2f} of PyTorch's time")


if __name__ == "__main__":
    main()
