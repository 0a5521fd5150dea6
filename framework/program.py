"""A graph compiled for a device: every buffer planned, every call bound, so that a run is a list of calls.

Forward runs the nodes that the wanted outputs depend on. Training walks the same nodes back: each node's
backward kernel writes the delta-errors of its inputs, and where a value fans out to several nodes their
delta-errors are added, one `add` call for each node beyond the first (Zozoulenko (2018), eq. 15: the sum over
all neurons that a neuron feeds).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.arena import Block, plan
from framework.graph import Graph, GraphError, Node, Value
from framework.optimizer import Optimizer
from framework.parameters import Parameters
from kernels.operation import Operation, Shape, find_operation


@dataclass(eq=False)
class Buffer:
    """An array of the program: either fixed (parameters, inputs) or a part of the arena for its life in steps."""

    name: str
    shape: Shape
    dtype: str
    array: Any = None
    base: "Buffer | None" = None  # the buffer whose memory this one shows under another shape
    first: int | None = None
    last: int | None = None

    @property
    def root(self) -> "Buffer":
        return self if self.base is None else self.base.root


@dataclass(eq=False)
class Step:
    """One call of an operation: `direction` is "forward" or "backward"; arguments are buffers, None or settings."""

    name: str
    operation: Operation
    direction: str
    arguments: dict[str, Any]

    def buffers(self):
        return [a for a in self.arguments.values() if isinstance(a, Buffer)]


class NonFinite(FloatingPointError):
    """A loss or gradient that is not a number, or infinite: one line that names where it first appeared."""


class Program:
    """Runs a graph: `program(image=..., target=...)` returns the wanted outputs by name, as NumPy arrays.

    With an `objective` (an output of shape (1,)) it also computes all gradients, and their norm as output "norm";
    with an `optimizer` it then makes one step. `reuse=False` gives each array memory of its own.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: Parameters,
        outputs: tuple[str, ...],
        objective: str | None = None,
        optimizer: Optimizer | None = None,
        reuse: bool = True,
    ):
        self.graph, self.parameters, self.device = graph, parameters, parameters.device
        self.training = objective is not None
        for name in (*outputs, *([objective] if objective else [])):
            if name not in graph.outputs:
                raise GraphError(f"outputs: {graph.name} has no output {name!r}, it has {', '.join(graph.outputs)}")
        self._wanted = {name: graph.outputs[name] for name in outputs}
        self.steps: list[Step] = []
        self._buffers: dict[Value, Buffer] = {}
        nodes = self._needed_nodes([*self._wanted.values(), *([graph.outputs[objective]] if objective else [])])
        for node in nodes:
            self._forward_step(node)
        if objective:
            self._backward_steps(nodes, graph.outputs[objective])
        self.arena_bytes = self._place(reuse)
        # What a run consists of: (layer, operation, direction) and the calls that this takes.
        self.calls = [((step.name, step.operation.name, step.direction), self._bind(step)) for step in self.steps]
        if objective:
            self.calls.append((("all gradients", "reduce", "forward"), self._norm_calls()))
        if optimizer:
            optimizer.attach(parameters)
            self.calls.append((("all weights", optimizer.operation.name, "forward"), optimizer.bind(self._norm)))
        self._run = self.device.sequence([call for _, calls in self.calls for call in calls])
        self.inputs = {b.name: b for v, b in self._buffers.items() if v.role == "input"}

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run once. Raises GraphError for an input that is missing, unknown or of another shape."""
        self._set_inputs(inputs)
        self._run()
        results = {name: self.device.download(self._buffers[value].array) for name, value in self._wanted.items()}
        if self.training:
            results["norm"] = self.device.download(self._norm)
        return results

    def find_non_finite(self, **inputs: np.ndarray) -> str:
        """Run step by step on these inputs; says where the first value appears that is not finite."""
        self._set_inputs(inputs)
        for buffer in self.inputs.values():
            if not np.isfinite(self.device.download(buffer.array)).all():
                return f"input {buffer.name}"
        for name, array in self.parameters.weights.download().items():
            if not np.isfinite(array).all():
                return f"parameter {name}"
        for step in self.steps:
            self.device.sequence(self._bind(step))()
            for name, buffer in step.arguments.items():
                # Running averages are left out: the run that failed has spoilt those of all later layers.
                if name in step.operation.state:
                    continue
                if isinstance(buffer, Buffer) and not np.isfinite(self.device.download(buffer.array)).all():
                    return f"layer {step.name} ({step.operation.name}, {step.direction}, {name})"
        return "none of the layers when run again"

    def _set_inputs(self, inputs):
        if set(inputs) != set(self.inputs):
            raise GraphError(f"inputs: {self.graph.name} takes {', '.join(self.inputs)}, given {', '.join(inputs)}")
        for name, values in inputs.items():
            buffer = self.inputs[name]
            if np.shape(values) != buffer.shape:
                raise GraphError(f"{name}: has shape {np.shape(values)}, {self.graph.name} needs {buffer.shape}")
            self.device.upload(buffer.array, values)

    def _needed_nodes(self, values: list[Value]) -> list[Node]:
        needed, waiting = set(), [v.node for v in values if v.node]
        while waiting:
            node = waiting.pop()
            if node not in needed:
                needed.add(node)
                waiting += [v.node for v in node.inputs if v.node]
        return [node for node in self.graph.nodes if node in needed]

    # Steps.

    def _buffer(self, value: Value | None) -> Buffer | None:
        """The buffer that holds a value; made when first asked for."""
        if value is None:
            return None
        if value not in self._buffers:
            array = None
            if value.role == "parameter":
                array = self.parameters.weights.part(value.name)
            elif value.role == "state":
                array = self.parameters.states.part(value.name)
            elif value.role == "input":
                array = self._fixed(value.shape, value.dtype)
            elif value.role == "constant":
                array = self._fixed(value.shape, value.dtype, value.constant)
            self._buffers[value] = Buffer(value.name, value.shape, value.dtype, array)
        return self._buffers[value]

    def _fixed(self, shape, dtype="float32", fill=0):
        dtype = self.device.dtype(dtype)
        array = self.device.bytes(math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
        self.device.upload(array, np.broadcast_to(fill, shape))
        return array

    def _forward_step(self, node: Node) -> None:
        if node.operation.view:
            (source,), (result,) = node.inputs, node.outputs
            self._buffers[result] = Buffer(result.name, result.shape, result.dtype, base=self._buffer(source))
            return
        arrays = {name: self._buffer(value) for name, value in node.values.items()}
        self._step(node, "forward", arrays)

    def _step(self, node: Node, direction: str, arrays: dict[str, Buffer | None]) -> None:
        mode = {node.operation.training: self.training} if node.operation.training else {}
        given = {**mode, **node.settings, **arrays}
        arguments = {name: given[name] for name in node.operation.arguments(direction)}
        self.steps.append(Step(node.name, node.operation, direction, arguments))

    def _backward_steps(self, nodes: list[Node], objective: Value) -> None:
        if objective.shape != (1,):
            raise GraphError(f"objective: {objective.name} has shape {objective.shape}, it must be (1,)")
        learns = {v for v in self.graph.of_role("parameter")}
        for node in nodes:
            if any(node.values[g] in learns for g in node.operation.gradients):
                learns.update(node.outputs)
        # The delta-error of the objective with respect to itself is 1 (eq. 14).
        deltas: dict[Value, Buffer] = {objective: Buffer("one", (1,), "float32", self._fixed((1,), fill=1))}
        for node in reversed(nodes):
            result = node.outputs[0]
            if result not in deltas:
                continue
            if node.operation.view:
                source = node.inputs[0]
                if source in learns:
                    shown = Buffer(f"d.{source.name}", source.shape, source.dtype, base=deltas[result])
                    self._contribute(deltas, source, shown)
                continue
            arrays: dict[str, Buffer | None] = {f"d{node.operation.outputs[0]}": deltas[result]}
            arrays |= {name: self._buffer(node.values[name]) for name in node.operation.needs}
            made: list[tuple[Value, Buffer]] = []
            for name in node.operation.gradients:
                value = node.values[name]
                arrays[f"d{name}"] = None
                if value is not None and value in learns:
                    buffer = self._delta_buffer(value, fresh=value in deltas or any(v is value for v, _ in made))
                    arrays[f"d{name}"] = buffer
                    made.append((value, buffer))
            self._step(node, "backward", arrays)
            for value, buffer in made:
                self._contribute(deltas, value, buffer)

    def _delta_buffer(self, value: Value, fresh: bool) -> Buffer:
        """Where a delta-error is written: for a parameter its place in the flat gradient, unless that is taken."""
        array = None if fresh or value.role != "parameter" else self.parameters.gradients.part(value.name)
        return Buffer(f"d.{value.name}", value.shape, value.dtype, array)

    def _contribute(self, deltas: dict[Value, Buffer], value: Value, buffer: Buffer) -> None:
        """The first delta-error of a value is its sum so far; each further one is added to it."""
        if value not in deltas:
            deltas[value] = buffer
            return
        total = deltas[value]
        self.steps.append(
            Step(f"d.{value.name}", find_operation("add"), "forward", {"a": total, "b": buffer, "y": total})
        )

    # Memory.

    def _place(self, reuse: bool) -> int:
        """Give every buffer its array; returns the bytes of the arena."""
        for number, step in enumerate(self.steps):
            for buffer in step.buffers():
                self._live(buffer, number)
        for value in self._wanted.values():
            self._live(self._buffers[value], len(self.steps))
        every = {id(b): b for step in self.steps for b in step.buffers()}
        every |= {id(b): b for b in self._buffers.values()}
        roots = {id(b.root): b.root for b in every.values() if b.root.array is None}
        blocks = {}
        for key, buffer in roots.items():
            size = math.prod(buffer.shape) * self.device.dtype(buffer.dtype).itemsize
            assert buffer.first is not None
            assert buffer.last is not None
            blocks[key] = Block(size, buffer.first, buffer.last) if reuse else Block(size, 0, len(self.steps))
        total = plan(list(blocks.values()))
        arena = self.device.bytes(max(total, 1))
        for key, buffer in roots.items():
            part = arena[blocks[key].offset : blocks[key].offset + blocks[key].size]
            buffer.array = part.view(self.device.dtype(buffer.dtype)).reshape(buffer.shape)
        for buffer in every.values():
            if buffer.base is not None:
                buffer.array = buffer.root.array.reshape(buffer.shape)
        return total

    @staticmethod
    def _live(buffer: Buffer, step: int) -> None:
        root = buffer.root
        root.first = step if root.first is None else min(root.first, step)
        root.last = step if root.last is None else max(root.last, step)

    # Calls.

    def _bind(self, step: Step):
        arguments = {n: a.array if isinstance(a, Buffer) else a for n, a in step.arguments.items()}
        return self.device.bind(step.operation, step.direction, arguments)

    def _norm_calls(self):
        self._norm = self._fixed((1,))
        arguments = {"x": self.parameters.gradients.array, "y": self._norm, "how": "norm"}
        return self.device.bind(find_operation("reduce"), "forward", arguments)
