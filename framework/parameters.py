"""What a network has learned, in flat buffers: parameters, their gradients, running averages.

Flat, because an optimizer step, a gradient norm or an all-reduce is then one kernel over one array. Parameters on
which weight decay acts stand first, so that the two groups are two slices.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np

from framework.graph import Graph, Value
from kernels.device import Device
from kernels.table import Shown, sizes

# Arrays start at multiples of so many values, 256 bytes in float32, as the arena's do. What lies between stays 0.
ALIGNED = 64

Arrays = Mapping[str, np.ndarray]


class ParameterError(ValueError):
    """Weights that do not belong to the network: one line that names the tensor and what was expected."""


class Flat:
    """Named arrays in one buffer. `part(name)` is a view."""

    def __init__(self, device: Device, shapes: dict[str, tuple[int, ...]]):
        self.device, self.shapes = device, shapes
        self._slices: dict[str, slice] = {}
        end = 0
        for name, shape in shapes.items():
            self._slices[name] = slice(end, end + math.prod(shape))
            end += -(-math.prod(shape) // ALIGNED) * ALIGNED
        dtype = device.dtype("float32")
        self.array = device.bytes(max(1, end) * dtype.itemsize).view(dtype)
        self.fill(0)

    def part(self, name: str):
        """The named array, a view of the buffer."""
        return self.array[self._slices[name]].reshape(self.shapes[name])

    def end(self, names: int) -> int:
        """Where in the buffer the first so many arrays end, padding included."""
        following = list(self._slices.values())[names:]
        return following[0].start if following else len(self.array)

    def fill(self, value: float) -> None:
        self.device.upload(self.array, np.full(self.array.shape, value))

    def download(self) -> dict[str, np.ndarray]:
        """Copies of all arrays on the host, float32."""
        host = self.device.download(self.array)
        return {n: host[self._slices[n]].reshape(s).astype(np.float32) for n, s in self.shapes.items()}

    def check(self, arrays: Arrays) -> None:
        """Raises ParameterError for an array that is missing, has another shape, or holds what no weight can be."""
        for name, shape in self.shapes.items():
            if name not in arrays:
                raise ParameterError(f"{name}: is missing, the network needs it with shape {tuple(shape)}")
            array = np.asarray(arrays[name])
            if array.shape != tuple(shape):
                raise ParameterError(f"{name}: has shape {array.shape}, the network needs {tuple(shape)}")
            if array.dtype.kind != "f":
                raise ParameterError(f"{name}: holds {array.dtype}, the network needs float32")
            if bad := array.size - np.count_nonzero(np.isfinite(array)):
                raise ParameterError(f"{name}: {bad} of {array.size} numbers are not finite, the network needs all")

    def upload(self, arrays: Arrays) -> None:
        """Set all arrays. Raises ParameterError and then changes nothing."""
        self.check(arrays)
        host = np.zeros(self.array.shape, self.array.dtype)
        for name, part in self._slices.items():
            host[part] = np.asarray(arrays[name]).ravel()
        self.device.upload(self.array, host)


class Parameters(Shown):
    """Parameters, gradients and running averages of a graph, on a device, started from a seed or from `arrays`.

    Each parameter draws from a generator of its own, seeded by its name, so that adding a layer to a network
    leaves the others as they were. Nothing is drawn where arrays are given. It prints as a table of its arrays.
    """

    left = 3

    def __init__(self, graph: Graph, device: Device, seed: int = 0, arrays: Arrays | None = None):
        values = sorted(graph.of_role("parameter"), key=lambda v: not v.decays)
        states = graph.of_role("state")
        self.device = device
        self.weights = Flat(device, {v.name: v.shape for v in values})
        self.gradients = Flat(device, {v.name: v.shape for v in values})
        self.states = Flat(device, {v.name: v.shape for v in states})
        self.decaying = self.weights.end(sum(v.decays for v in values))
        self.upload({v.name: _start(v, seed) for v in (*values, *states)} if arrays is None else arrays)

    def title(self) -> str:
        return f"{self.count:,} numbers are learned, on {self.device}"

    def cells(self):
        kinds = [("parameter", self.weights), ("running average", self.states)]
        rows = [(name, kind, shape) for kind, flat in kinds for name, shape in flat.shapes.items()]
        heads = ("array", "kind", "shape", "numbers")
        return [heads, *((name, kind, sizes(shape), f"{math.prod(shape):,}") for name, kind, shape in rows)]

    @property
    def count(self) -> int:
        """How many numbers are learned."""
        return sum(math.prod(shape) for shape in self.weights.shapes.values())

    def download(self) -> dict[str, np.ndarray]:
        """All parameters and running averages by name, float32, on the host."""
        return {**self.weights.download(), **self.states.download()}

    def check(self, arrays: Arrays) -> None:
        """Raises ParameterError for arrays that are not the parameters and running averages of this network."""
        known = {**self.weights.shapes, **self.states.shapes}
        if unknown := sorted(set(arrays) - set(known)):
            raise ParameterError(f"{unknown[0]}: the network has no such parameter ({len(unknown)} are unknown)")
        self.weights.check(arrays)
        self.states.check(arrays)

    def upload(self, arrays: Arrays) -> None:
        """Set all parameters and running averages. Raises ParameterError and then changes nothing."""
        self.check(arrays)
        self.weights.upload(arrays)
        self.states.upload(arrays)


def _start(value: Value, seed: int) -> np.ndarray:
    assert value.initial is not None
    generator = np.random.default_rng((seed, zlib.crc32(value.name.encode())))
    return np.broadcast_to(value.initial(generator, value.shape), value.shape)
