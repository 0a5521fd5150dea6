"""A plan on a device: every buffer an array, every step a call, so that a run is a list of calls."""

from collections.abc import Iterator, Mapping

import numpy as np

from framework.compiling import first_run_of
from framework.graph import GraphError
from framework.optimizer import Optimizer
from framework.parameters import Parameters
from framework.plan import Plan
from framework.ranks import Ranks
from framework.sharing import buckets
from framework.steps import Buffer, Exchange, Step
from kernels.device import Call, CudaDevice
from kernels.operation import find_operation


class NonFinite(FloatingPointError):
    """A loss or gradient that is not a number, or infinite: one line that names where it first appeared."""


class Program:
    """Runs a plan: `program(image=..., target=...)` returns the wanted outputs by name, as NumPy arrays.

    A plan with an objective leaves all gradients in `parameters.gradients`, and their norm is output "norm"; with an
    `optimizer` the program then makes one step.

    algorithms    which of several ways a step of the plan goes on a CPU, by its layer and direction, as "conv2d_1
                  forward"; chosen by shape where nothing is said. What was chosen stands in `algorithms` afterwards
    ranks         who shares the batch, where the plan is one of a share: outputs of shape (1,) and gradients are then
                  sums over all of them, which run it together
    bucket        the fewest numbers of the gradient that the ranks add up at once while others are still computed; by
                  default all are added up in the end
    """

    def __init__(
        self,
        plan: Plan,
        parameters: Parameters,
        optimizer: Optimizer | None = None,
        algorithms: Mapping[str, str] | None = None,
        ranks: Ranks | None = None,
        bucket: int | None = None,
    ):
        self.plan, self.graph = plan, plan.graph
        self.ranks = ranks or Ranks()
        self.algorithms = dict(algorithms or {})
        self.parameters, self.device = parameters, parameters.device
        self._arena = self.device.bytes(max(plan.arena_bytes, 1))
        self._arrays = {buffer: self._array(buffer) for buffer in plan.buffers}
        self.inputs = {buffer.name: buffer for buffer in plan.buffers if buffer.kind == "input"}
        # What a run consists of: (layer, operation, direction) and the calls that this takes.
        self.calls = [((step.label, step.operation.name, step.direction), self._bind(step)) for step in plan.steps]
        if plan.training and plan.share:
            self._add_up_gradients(bucket)
        if plan.training:
            self._norm = self.device.array([0.0])
            self.calls.append((("all gradients", "reduce", "forward"), self._norm_calls()))
        if optimizer:
            optimizer.attach(parameters)
            self.calls.append((("all weights", optimizer.operation.name, "forward"), optimizer.bind(self._norm)))
        self._sequence = self.device.sequence([call for _, calls in self.calls for call in calls])
        # A GPU's kernels are compiled by now, and those of a processor when they first run.
        self._run = self._sequence if isinstance(self.device, CudaDevice) else self._first_run

    def __repr__(self):
        takes = ", ".join(f"{name} {buffer.shape}" for name, buffer in self.inputs.items())
        gives = ", ".join((*self.plan.outputs, *["norm"] * self.plan.training))
        return f"program of {self.graph.name} on {self.device}, {len(self.calls)} steps: {takes} -> {gives}"

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run once. Raises GraphError for an input that is missing, unknown, or of another shape or kind of number."""
        self._set_inputs(inputs)
        self._run()
        results = {name: self._download(buffer) for name, buffer in self.plan.outputs.items()}
        if self.plan.share:
            parts = [name for name, buffer in self.plan.outputs.items() if buffer.shape == (1,)]
            sums = self.ranks.total(np.array([results[name][0] for name in parts]))
            results |= {name: sums[n : n + 1].astype(results[name].dtype) for n, name in enumerate(parts)}
        if self.plan.training:
            results["norm"] = self.device.download(self._norm)
        return results

    def _first_run(self) -> None:
        """As all further ones, and says what it is at, which may have to be compiled."""
        names = [f"{operation}.{direction}" for (_, operation, direction), _ in self.calls]
        distinct = list(dict.fromkeys(names))
        for name, (_, calls) in zip(names, self.calls, strict=True):
            with first_run_of(f"{name} ({distinct.index(name) + 1} of {len(distinct)})"):
                self.device.one_by_one(calls)()
        self._run = self._sequence

    def find_non_finite(self, **inputs: np.ndarray) -> str:
        """Run step by step on these inputs; says where the first value appears that is not finite, and on which rank.

        All ranks go through all steps, as some of these they make together.
        """
        self._set_inputs(inputs)
        found = self.ranks.gather(list(self._non_finite())[:1])
        places = [(number, rank, place) for rank, first in enumerate(found) for number, place in first]
        if not places:
            return "none of the layers when run again"
        _, rank, place = min(places)
        return f"{place} of rank {rank}" if self.ranks.size > 1 else place

    def _non_finite(self) -> Iterator[tuple[int, str]]:
        """Where values are that are not finite, and the number of the step that wrote them; 0 is before all."""
        for buffer in self.inputs.values():
            if not np.isfinite(self._download(buffer)).all():
                yield 0, f"input {buffer.name}"
        for name, array in self.parameters.weights.download().items():
            if not np.isfinite(array).all():
                yield 0, f"parameter {name}"
        for number, step in enumerate(self.plan.steps, 1):
            self.device.one_by_one(self._bind(step))()
            for name, buffer in step.arguments.items():
                # Running averages are left out: the run that failed has spoilt those of all later layers.
                if name in step.operation.state:
                    continue
                if isinstance(buffer, Buffer) and not np.isfinite(self._download(buffer)).all():
                    yield number, f"layer {step.label} ({step.operation.name}, {step.direction}, {name})"

    def _set_inputs(self, inputs):
        if set(inputs) != set(self.inputs):
            raise GraphError(f"inputs: {self.graph.name} takes {', '.join(self.inputs)}, given {', '.join(inputs)}")
        for name, values in inputs.items():
            buffer = self.inputs[name]
            if np.shape(values) != buffer.shape:
                raise GraphError(f"{name}: has shape {np.shape(values)}, {self.graph.name} needs {buffer.shape}")
            given = np.asarray(values).dtype
            if not np.can_cast(given, buffer.dtype, "same_kind"):
                raise GraphError(f"{name}: holds {given}, {self.graph.name} needs {buffer.dtype}")
            self.device.upload(self._arrays[buffer], values)

    # Arrays and calls.

    def _array(self, buffer: Buffer):
        """The memory of a buffer: what the network learned, a part of the arena, or its own."""
        if buffer.kind == "parameter":
            return self.parameters.weights.part(buffer.name)
        if buffer.kind == "gradient":
            return self.parameters.gradients.part(buffer.name)
        if buffer.kind == "state":
            return self.parameters.states.part(buffer.name)
        if buffer.kind == "input":
            return self.device.array(np.zeros(buffer.shape), buffer.dtype.name)
        if buffer.kind == "constant":
            return self.device.array(buffer.constant, buffer.dtype.name)
        return self._arena[buffer.offset : buffer.offset + buffer.bytes].view(buffer.dtype).reshape(buffer.shape)

    def _shown(self, buffer: Buffer):
        """The array of a buffer, or the view that it is of another's."""
        return self._arrays[buffer.root].reshape(buffer.shape)

    def _download(self, buffer: Buffer) -> np.ndarray:
        return self.device.download(self._shown(buffer))

    def _bind(self, step: Step) -> list[Call]:
        if isinstance(step, Exchange):
            shown = [[self._shown(buffer) for buffer in side] for side in (step.parts, step.sums)]
            return [self.ranks.all_reduce(self.device, list(zip(*shown, strict=True)))]
        arguments = {n: self._shown(a) if isinstance(a, Buffer) else a for n, a in step.arguments.items()}
        what, key = (step.operation, step.direction, arguments), f"{step.label} {step.direction}"
        try:
            chosen = self.device.algorithm(*what, self.algorithms.get(key))
        except ValueError as error:
            raise GraphError(f"{step.label}: {error}") from None
        if not chosen:
            return self.device.bind(*what)
        self.algorithms[key] = chosen
        return self.device.bind(*what, rung=chosen)

    def _add_up_gradients(self, bucket: int | None) -> None:
        """Each rank's gradients become those of the whole batch: at once in the end, or in buckets before."""
        flat = self.parameters.gradients
        if bucket is None:
            call = self.ranks.all_reduce(self.device, [(flat.array, flat.array)])
            self.calls.append((("all gradients", "all_reduce", "backward"), [call]))
            return
        parts = self.buckets(bucket)
        for number, (step, place) in reversed(list(enumerate(parts, 1))):
            name = f"gradients, {number} of {len(parts)}"
            call = self.ranks.started(self.device, flat.array[place])
            self.calls.insert(step + 1, ((name, "all_reduce", "backward"), [call]))
        self.calls.append((("all gradients", "all_reduce", "backward"), [self.ranks.finished(self.device)]))

    def buckets(self, bucket: int) -> list[tuple[int, slice]]:
        """Parts of the gradients of at least so many numbers, and the step of the plan after which each is there."""
        last = {buffer.name: buffer.last for buffer in self.plan.buffers if buffer.kind == "gradient"}
        places = self.parameters.gradients.places()
        return buckets([(begin, end, last.get(name, -1)) for name, begin, end in places], bucket)

    def _norm_calls(self) -> list[Call]:
        arguments = {"x": self.parameters.gradients.array, "y": self._norm, "how": "norm", "count": 0}
        return self.device.bind(find_operation("reduce"), "forward", arguments)
