"""Optimizers: the step kernels over the flat buffers of a network, and the state they keep.

A step reads the learning rate and the norm of the gradient from memory, so that it can be recorded once and
replayed while both change. Where the norm is not finite the step changes nothing.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.parameters import Flat, Parameters
from kernels.operation import Operation, UnknownOperation, all_operations, find_operation, unknown


class Optimizer:
    """One optimizer operation, `sgd` or `adam`, over all parameters. Weight decay acts on weights, not on biases.

    optimizer = Optimizer("sgd", momentum=0.9, decay=1e-4)

    Raises ValueError for an unknown name (UnknownOperation) or setting, and for a setting out of its range.
    """

    parameters: Parameters  # of the one model that it trains, from `attach` on

    def __init__(self, name: str, decay: float = 0.0, **settings: Any):
        self.operation = _find(name)
        self.settings = {**self.operation.settings, **settings, "decay": decay}
        if strange := set(self.settings) - set(self.operation.settings):
            raise ValueError(f"optimizer: {name} takes {', '.join(self.operation.settings)}, not {', '.join(strange)}")
        one = (1,)  # of any size: its rule is asked for the settings' sake
        self.operation.shapes(dw=one, rate=(len(self._rates(0.0, 0)),), norm=one, **self.settings)
        self.state: dict[str, Flat] = {}

    def __repr__(self):
        settings = ", ".join(f"{name}={value:g}" for name, value in self.settings.items())
        return f"Optimizer({self.operation.name!r}, {settings})"

    def attach(self, parameters: Parameters) -> None:
        """Make the state for these parameters, once. Raises ValueError where it has that of others already."""
        if self.state:
            if parameters is not self.parameters:
                raise ValueError(f"optimizer: this {self.operation.name} has another model already; make a new one")
            return
        self.parameters, device = parameters, parameters.device
        # `w` is the network's own; what else the operation updates (velocity, moments) starts at 0 and is ours.
        for name in self.operation.state:
            self.state[name] = parameters.weights if name == "w" else Flat(device, parameters.weights.shapes)
        float32 = device.dtype("float32")
        self.rate = device.bytes(len(self._rates(0.0, 0)) * float32.itemsize).view(float32)

    def set_rate(self, rate: float, step: int) -> None:
        """The learning rate for step number `step`, counted from 0. Raises ValueError for one that cannot be."""
        if not 0 <= rate < math.inf:
            raise ValueError(f"optimizer: learning rate {rate} must be a number of at least 0")
        if not self.state:
            raise ValueError(f"optimizer: this {self.operation.name} has no model yet; model.training(...) takes it")
        self.parameters.device.upload(self.rate, np.array(self._rates(rate, step)))

    def _rates(self, rate: float, step: int) -> tuple[float, ...]:
        """What the operation reads as its `rate`."""
        assert self.operation.rates is not None
        return self.operation.rates(rate, step, **self.settings)

    def bind(self, norm) -> list:
        """Calls that run one step, given the array that holds the gradient's norm."""
        weights, gradients = self.parameters.weights.array, self.parameters.gradients.array
        calls = []
        middle = self.parameters.decaying
        for part, decay in ((slice(0, middle), self.settings["decay"]), (slice(middle, len(weights)), 0.0)):
            if part.stop > part.start:
                arrays = {name: flat.array[part] for name, flat in self.state.items()}
                arrays |= {"dw": gradients[part], "rate": self.rate, "norm": norm}
                calls += self.parameters.device.bind(
                    self.operation, "forward", {**arrays, **self.settings, "decay": decay}
                )
        return calls

    def download(self) -> dict[str, np.ndarray]:
        """The state by "kind.parameter", on the host; what `upload` takes."""
        return {
            f"{kind}.{name}": array
            for kind, flat in self.state.items()
            if kind != "w"
            for name, array in flat.download().items()
        }

    def check(self, arrays: dict[str, np.ndarray]) -> None:
        """Raises ParameterError for arrays that are not the state of this optimizer."""
        for flat, given in self._by_kind(arrays):
            flat.check(given)

    def upload(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore the state. Raises ParameterError and then changes nothing."""
        self.check(arrays)
        for flat, given in self._by_kind(arrays):
            flat.upload(given)

    def _by_kind(self, arrays: dict[str, np.ndarray]) -> Iterator[tuple[Flat, dict[str, np.ndarray]]]:
        for kind, flat in self.state.items():
            if kind != "w":
                prefix = f"{kind}."
                yield flat, {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _find(name: str) -> Operation:
    """The optimizer of that name. Raises UnknownOperation."""
    try:
        operation = find_operation(name)
        if operation.rates is not None:
            return operation
    except UnknownOperation:
        pass
    optimizers = [each.name for each in all_operations().values() if each.rates is not None]
    raise UnknownOperation(unknown("optimizer", name, optimizers))
