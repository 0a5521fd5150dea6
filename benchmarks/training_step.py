"""Time of a training step, against PyTorch on the same network: python -m benchmarks.training_step

Both make whole steps (forward, backward, SGD with momentum) in turns, see turns.py. A step of ours includes copying
the batch in and the loss out.
"""

import sys

from benchmarks.turns import OURS, YARDSTICK, Ended, add_options, check, in_turns, milliseconds, report


def inputs_for(program):
    """Random images and one-hot targets."""
    import numpy as np

    generator = np.random.default_rng(0)
    image, target = (program.inputs[name].shape for name in ("image", "target"))
    labels = generator.integers(0, target[1], target[0])
    return {"image": generator.integers(0, 256, image, np.uint8), "target": np.eye(target[1], dtype=np.float32)[labels]}


def our_step(name, batch, device_name, capture=True):
    """A function that makes one step of ours."""
    from apps.mnist.models import MODELS
    from framework import Model, Optimizer
    from kernels.device import CudaDevice

    model = Model(MODELS[name], CudaDevice(capture) if device_name == "cuda" else device_name)
    optimizer = Optimizer("sgd", momentum=0.9)
    program = model.training(batch, optimizer)
    inputs = inputs_for(program)
    optimizer.set_rate(0.01, 0)
    return lambda: program(**inputs)


def torch_step(name, batch, device_name):
    """A function that makes one step of PyTorch's."""
    import torch  # before anything of ours, so that its threads wait as PyTorch has them wait

    torch.relu(torch.ones(4))
    from apps.mnist.models import MODELS
    from benchmarks.torch_twin import TorchTwin
    from framework import Model

    model = Model(MODELS[name], "cpu")
    program = model.training(batch)
    twin = TorchTwin(program.graph, model.parameters.download(), device=device_name)
    optimizer = torch.optim.SGD(twin.parameters.values(), lr=0.01, momentum=0.9)
    inputs = inputs_for(program)

    def step():
        optimizer.zero_grad()
        loss = twin(**inputs)["loss"]
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main(arguments=None):
    from apps.command_line import run  # here, because competitors import this file before what they need
    from apps.mnist.models import MODELS
    from kernels.commands.command_line import command, positive

    text = "Time a training step of a model of the digits, beside PyTorch on the same network, in turns."
    c = command("python -m benchmarks.training_step", measure, text, "--model cnn6 --repeats 30")
    what = "which models (default: cnn6)"
    c.add_argument("--model", choices=MODELS, nargs="+", metavar="NAME", default=["cnn6"], help=what)
    c.add_argument("--batch-size", type=positive, metavar="DIGITS", default=50, help="digits a step (default: 50)")
    add_options(c, repeats=40)
    return run(c, arguments)


def measure(options):
    """Print a table for each model. What is measured is kept at once, should a later model fail."""
    from kernels.commands.command_line import note, write_json

    check(options)
    results, failed = {}, 0
    for model in options.model:
        case = (model, options.batch_size, options.device)
        competitors = {OURS: (our_step, *case)}
        if options.device == "cuda":
            competitors[f"{OURS}, not captured"] = (our_step, *case, False)
        if not options.no_torch:
            competitors[YARDSTICK] = (torch_step, *case)
        title = f"training step of {model}, batch {options.batch_size}, {options.device}, {options.repeats} in turns"
        try:
            times = in_turns(competitors, options.repeats)
        except Ended as error:
            note(f"{model}: {error}")
            failed = 1
            continue
        report(title, times, "steps")
        results[model] = milliseconds(times)
        write_json(options.json, {"device": options.device, "batch": options.batch_size, "milliseconds": results})
    return failed


if __name__ == "__main__":
    sys.exit(main())
