"""Pictures of noise with boxes in them: what a detector computes from them is as good for a test as a photograph."""

import numpy as np

from apps.faces.examples import Example
from apps.faces.training import inputs

# As small as the pyramid of a detector allows: where its coarsest level is normalized, it has at least 2 x 2 cells,
# since two values normalized by their own mean and variance are 1 and -1 whatever they were.
SIZES = {"lite": (96, 96), "scout": (96, 96), "facenet": (65, 97), "faceresnet": (129, 129)}


def example(size, seed=0, faces=12):
    """Faces from 6 pixels to the shorter side of the picture, anywhere in it; every sixth is invalid."""
    generator = np.random.default_rng((seed, faces))
    rows, columns = size
    side = np.exp(generator.uniform(np.log(min(6, *size)), np.log(min(size)), (faces, 1)))
    sides = side * [1.0, 1.2] / 1.2
    start = generator.random((faces, 2)) * ([columns, rows] - sides)
    boxes = np.hstack([start, start + sides]).astype(np.float32)
    picture = generator.integers(0, 256, (rows, columns, 3), np.uint8)
    return Example(picture, boxes, np.arange(faces) % 6 == 5, f"noise {seed}")


def batch(pictures, size, **options):
    """The inputs of a training program, with so many pictures."""
    return inputs([example(size, seed, **options) for seed in range(pictures)], smallest=8)
