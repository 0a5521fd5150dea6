"""To 99 % in a few seconds: a small network, whose first layer is worked out from the digits, sees most of them once.

The leading directions in which the digits' patches of 5x5 pixels differ, and their opposites, are the first layer's
kernels, after Jordan (2024), whose first layer whitens. They stay as they are, so nothing goes back past them: neither
they nor the inputs of the second convolution need a delta-error. Batch normalization after them makes what they find
equally large, which is what whitening adds.

image (R, 28, 28, 1) uint8, target (R, 10) -> probabilities (R, 10), losses (R,), loss (1,), as in models.py.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from apps.errors import DataError
from apps.mnist.classifier import Evaluation
from apps.mnist.data import Digits, one_hot
from apps.mnist.idx import CLASSES, SIDE, Rows
from framework import Graph, Model, Optimizer
from framework.layers import batchnorm, conv2d, flatten, linear, pool, relu, softmax_classifier, zeros
from framework.sampling import Sampler
from framework.schedule import cosine_schedule
from kernels.device import Device

# Chosen by 10 000 of the digits to train on, with training on the others; docs/sprint.md says what each is worth.
BATCH, SHARE = 128, 0.8  # digits a step; how much of the digits is seen at all
RATE, WARM, FORGETTING, SMOOTH = 0.03, 0.2, 0.99, 0.2
KERNEL, DIRECTIONS, PATCHES = 5, 8, 20_000


def network(batch: int) -> Graph:
    """Two convolutions with pooling, a dense layer, softmax."""
    graph = Graph("sprint")
    image = graph.input("image", (batch, SIDE, SIDE, 1), "uint8")
    x = graph.add("normalise", "normalise", x=image, mean=(0.0,), std=(1.0,))
    # A state and no parameter: it stays with the weights, and no step learns it.
    directions = graph.state("directions", (2 * DIRECTIONS, 1, KERNEL, KERNEL), zeros)
    x = graph.add("conv2d", x=x, w=directions, stride=(1, 1), padding=(0, 0))
    x = relu(batchnorm(pool(x, "max", window=2)))
    x = conv2d(x, channels=32, kernel=3, bias=False)
    x = relu(batchnorm(pool(x, "max", window=2)))
    x = relu(batchnorm(linear(flatten(x), 128, bias=False)))
    softmax_classifier(linear(x, CLASSES))
    return graph


def directions(images: np.ndarray | Rows, generator: np.random.Generator) -> np.ndarray:
    """The directions in which patches of images (n, 28, 28) differ most, and their opposites: (16, 1, 5, 5) float32.

    Sums of products of bytes are whole numbers, which float64 adds up in any order to the same bits.
    """
    picture = images[generator.integers(0, len(images), (PATCHES, 1, 1)).ravel()]
    top, left = generator.integers(0, SIDE - KERNEL, (2, PATCHES, 1, 1), endpoint=True)
    places = np.arange(KERNEL)
    each = np.arange(PATCHES).reshape(-1, 1, 1)
    patches = picture[each, top + places[:, np.newaxis], left + places].reshape(PATCHES, -1).astype(np.float64)
    mean = patches.sum(axis=0) / PATCHES
    _, vectors = np.linalg.eigh(patches.T @ patches / PATCHES - np.outer(mean, mean))
    leading = vectors.T[: -DIRECTIONS - 1 : -1]
    return np.concatenate([leading, -leading]).reshape(-1, 1, KERNEL, KERNEL).astype(np.float32)


def train(digits: Digits, device: Device | str, seed: int) -> Model:
    """A network that has seen SHARE of the digits, each once. Raises DataError where that is less than a batch."""
    images, n = digits.train_images, len(digits.train_images)
    steps = int(SHARE * n) // BATCH
    if not steps:
        raise DataError(f"{digits.source}: {n} digits to train on found, at least {math.ceil(BATCH / SHARE)} expected")
    model, optimizer = Model(network, device, seed), Optimizer("adam", beta2=FORGETTING)
    first = directions(images, np.random.default_rng(seed))
    model.device.upload(model.parameters.states.part("directions"), first)
    step, sampler = model.training(BATCH, optimizer), Sampler(n, BATCH, seed)
    rate = cosine_schedule(RATE, steps, warmup=int(WARM * steps))
    # Nothing is worth being certain of in so short a time: a tenth of SMOOTH goes to each of the ten.
    targets = (1 - SMOOTH) * one_hot(digits.train_labels) + np.float32(SMOOTH / CLASSES)
    for number in range(steps):
        optimizer.set_rate(rate(number), number)
        chosen = sampler(number)
        step(image=images[chosen][..., np.newaxis], target=targets[chosen])
    return model


@dataclass(frozen=True)
class Run:
    """One run: accuracy is a fraction of the digits held out; processor is the time of all cores together."""

    seed: int
    accuracy: float
    seconds: float
    processor_seconds: float


def compile_kernels(digits: Digits, device: Device | str) -> float:
    """Train on a batch and look at the digits held out, all of which is compiled then; returns the seconds it took."""
    started, first = time.perf_counter(), slice(math.ceil(BATCH / SHARE))
    few = replace(digits, train_images=digits.train_images[first], train_labels=digits.train_labels[first])
    Evaluation(train(few, device, seed=0), digits)()
    return time.perf_counter() - started


def runs(digits: Digits, device: Device | str, seeds: range) -> Iterator[Run]:
    """A run for each seed. The clock starts with bytes in memory and stops when the last weight is learned.

    All that is made of the bytes is made within: kernels of the first layer, targets, orders, the network itself.
    """
    for seed in seeds:
        started, busy = time.perf_counter(), time.process_time()
        model = train(digits, device, seed)
        seconds, processor = time.perf_counter() - started, time.process_time() - busy
        yield Run(seed, Evaluation(model, digits)().accuracy, seconds, processor)
