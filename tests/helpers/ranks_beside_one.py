"""python -m tests.helpers.ranks_beside_one NETWORK STEPS, under mpirun: ranks learn, and one by itself is held beside.

At each step rank 0 computes from the same weights what one rank does of the whole batch, and compares: how far loss,
norm, gradients and running averages are apart, relative to themselves. The ranks then make the step. Prints the
largest of each as JSON, with the sum of the weights' bytes in the end.
"""

import json
import sys
import zlib

import numpy as np

from apps.faces.models import lite
from apps.mnist.models import cnn6
from framework import Model, Optimizer
from framework.mpi import find_ranks
from kernels.operations.labels import FACE, IGNORED_FACE, PADDING


def digits(step):
    """Twelve pictures of bars, told apart by where they stand, for a network of digits."""
    generator = np.random.default_rng((3, step))
    label = generator.integers(0, 10, 12)
    image = generator.integers(0, 60, (12, 28, 28, 1), np.uint8)
    for picture, place in zip(image, label, strict=True):
        picture[:, 2 + 2 * place : 5 + 2 * place] += 180
    return {"image": image, "target": np.eye(10)[label]}


def faces(step):
    """Five pictures, of which one has no face, and one more than all others together."""
    generator = np.random.default_rng((4, step))
    boxes, label = np.zeros((5, 192, 4), np.float32), np.full((5, 192), PADDING, np.int32)
    image = generator.integers(0, 256, (5, 64, 64, 3), np.uint8)
    for picture, count in enumerate(generator.permutation([0, 1, 2, 3, 9])):
        first = generator.uniform(0, 40, (count, 2))
        boxes[picture, :count] = np.hstack([first, first + generator.uniform(8, 24, (count, 2))])
        label[picture, :count] = FACE
        label[picture, count] = IGNORED_FACE
    return {"image": image, "boxes": boxes, "label": label}


def reduced_lite(batch):
    return lite(batch, (64, 64))


NETWORKS = {"cnn6": (cnn6, digits, 12, ("loss",)), "lite": (reduced_lite, faces, 5, ("loss", "classification"))}


def main(name: str, steps: int) -> None:
    build, batches, batch, outputs = NETWORKS[name]
    ranks, optimizer = find_ranks(), Optimizer("adam")
    model = Model(build, "cpu", seed=1)
    program = model.training(batch, optimizer, outputs, ranks=ranks)
    alone = Model(build, "cpu", seed=2) if ranks.first else None
    whole = alone.training(batch, outputs=outputs) if alone else None
    rows, apart = ranks.share(batch), {}
    for step in range(steps):
        inputs = batches(step)
        optimizer.set_rate(0.001, step)
        before = model.parameters.download()
        said = program(**{name: values[rows.start : rows.stop] for name, values in inputs.items()})
        if alone and whole:
            alone.parameters.upload(before)
            expected = whole(**inputs)
            pairs = {name: (said[name], expected[name]) for name in said}
            for kind in ("gradients", "states"):
                pairs[kind] = getattr(model.parameters, kind).array, getattr(alone.parameters, kind).array
            for name, (found, wanted) in pairs.items():
                far = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
                apart[name] = max(apart.get(name, 0.0), float(far))
    sums = ranks.gather(zlib.crc32(model.parameters.weights.array.tobytes()))
    if ranks.first:
        print(json.dumps({"apart": apart, "weights": sums}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
