"""Moving averages of what a network learns: often better than what it last learned, above all at a high rate.

Source: Polyak and Juditsky (1992), averaging of weights; Tarvainen and Valpola (2017), section 2, whose average
forgets.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from framework.parameters import Arrays, Flat, Parameters
from kernels.operation import find_operation

PREFIX = "average."


class Averages:
    """Averages of all parameters and running averages of a network, of about the last 1 / (1 - decay) steps.

    decay    from 0 to below 1: the part of the average that a step keeps. In the beginning it is less,
             (1 + step) / (10 + step), so that the random numbers from the start are soon forgotten.
    """

    def __init__(self, parameters: Parameters, decay: float):
        if not 0 <= decay < 1:
            raise ValueError(f"average: decay {decay} must be at least 0 and below 1")
        self.decay, self.device = decay, parameters.device
        flats = parameters.weights, parameters.states
        self._pairs = [(flat, Flat(self.device, flat.shapes)) for flat in flats]
        for flat, average in self._pairs:
            self.device.upload(average.array, self.device.download(flat.array))
        float32 = self.device.dtype("float32")
        self._rate = self.device.bytes(float32.itemsize).view(float32)
        operation = find_operation("moving_average")
        calls = []
        for flat, average in self._pairs:
            arrays = {"x": flat.array, "rate": self._rate, "average": average.array}
            calls += self.device.bind(operation, "forward", arrays)
        self._run = self.device.sequence(calls)

    def update(self, step: int) -> None:
        """Take in what step number `step`, counted from 0, has learned."""
        decay = min(self.decay, (1 + step) / (10 + step))
        self.device.upload(self._rate, np.array([1 - decay]))
        self._run()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Meanwhile the network has the averages in place of what it learned."""
        learned = [self.device.download(flat.array).copy() for flat, _ in self._pairs]
        for flat, average in self._pairs:
            self.device.upload(flat.array, self.device.download(average.array))
        try:
            yield
        finally:
            for (flat, _), array in zip(self._pairs, learned, strict=True):
                self.device.upload(flat.array, array)

    def download(self) -> dict[str, np.ndarray]:
        """The averages by "average.name", on the host; what `upload` takes."""
        return {f"{PREFIX}{n}": array for _, flat in self._pairs for n, array in flat.download().items()}

    def check(self, arrays: Arrays) -> None:
        """Raises ParameterError for arrays that are not the averages of this network."""
        for _, flat in self._pairs:
            flat.check(_own(arrays))

    def upload(self, arrays: Arrays) -> None:
        """Restore the averages. Raises ParameterError and then changes nothing."""
        self.check(arrays)
        for _, flat in self._pairs:
            flat.upload(_own(arrays))


def _own(arrays: Arrays) -> dict[str, np.ndarray]:
    return {n.removeprefix(PREFIX): array for n, array in arrays.items() if n.startswith(PREFIX)}
