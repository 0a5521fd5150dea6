"""What a run of a graph does, planned before any device is asked: its steps in order, and where each array lives.

Forward runs the nodes that the wanted outputs depend on. Training walks the same nodes back: each node's
backward kernel writes the delta-errors of its inputs, and where a value fans out to several nodes their
delta-errors are added, one `add` step for each node beyond the first (Zozoulenko (2018), eq. 15: the sum over
all neurons that a neuron feeds).

A plan is pure: it has neither a device nor memory. framework/program.py runs it.
"""

from collections.abc import Callable

import numpy as np

from framework.arena import Block, place
from framework.fusion import fused
from framework.graph import Graph, GraphError, Node, Value
from framework.sharing import Share, shared
from framework.steps import TRANSIENT, Buffer, Step
from kernels.operation import Shape, find_operation, unknown
from kernels.table import Shown


class Plan(Shown):
    """The steps that compute the wanted `outputs` of a graph, and the memory that they need.

    objective    an output of shape (1,): the plan is then that of training, and its gradient is computed as well
    dtype        from the name of a type to the type itself: a device may compute in another precision
    reuse        whether arrays whose lives do not meet share memory
    fuse         whether a convolution takes in what follows it, in a plan for looking (framework/fusion.py)
    share        in a plan for learning, where the graph's examples are a share of a batch (framework/sharing.py)

    What it finds:

    steps        in the order in which they run, of which the first `forward_steps` are forward
    buffers      all arrays that have memory, in the order of their first use
    outputs      the wanted buffers by name
    arena_bytes  memory for all transient arrays together

    It prints as a table of its steps. Raises GraphError for an output that the graph does not have, and for an
    objective of another shape.
    """

    left = 3

    def __init__(
        self,
        graph: Graph,
        outputs: tuple[str, ...],
        objective: str | None = None,
        dtype: Callable[[str], np.dtype] = np.dtype,
        reuse: bool = True,
        fuse: bool = False,
        share: Share | None = None,
    ):
        self.graph, self.training = graph, objective is not None
        self._dtype = dtype
        self._known: dict[Value, Buffer] = {}
        self.steps: list[Step] = []
        wanted = {name: _output(graph, name) for name in outputs}
        goal = _output(graph, objective) if objective else None
        nodes = _needed_nodes(graph, [*wanted.values(), *([goal] if goal else [])])
        for node in nodes:
            self._forward(node)
        self.outputs = {name: self._buffer(value) for name, value in wanted.items()}
        if fuse and not goal:
            self.steps = fused(self.steps, self.outputs.values())
        self.share = share
        if share:
            self.steps = shared(self.steps, share, self._new)
        self.forward_steps = len(self.steps)
        if goal:
            forward, self.steps = self.steps, []
            self._backward(nodes, goal)
            self.steps = forward + (shared(self.steps, share, self._new) if share else self.steps)
        self.buffers = self._set_lives()
        self.arena_bytes = self._place(reuse)

    @property
    def transient(self) -> list[Buffer]:
        """The buffers that lie in the arena."""
        return [buffer for buffer in self.buffers if buffer.kind in TRANSIENT]

    @property
    def alive_bytes(self) -> int:
        """The most bytes of transient arrays that a step needs at once: no arena can be smaller."""
        alive = [0] * (len(self.steps) + 1)
        for buffer in self.transient:
            for number in range(buffer.first, buffer.last + 1):
                alive[number] += buffer.bytes
        return max(alive)

    def title(self) -> str:
        what, back = ("training", len(self.steps) - self.forward_steps) if self.training else ("inference", 0)
        steps = f"{self.forward_steps} steps forward" + f", {back} backward" * (back > 0)
        arena = f"an arena of {self.arena_bytes:,} bytes, of which {self.alive_bytes:,} live at once"
        return f"plan of {self.graph.name} for {what}: {steps}, {arena}"

    def cells(self):
        rows = [(step.label, step.operation.name, step.direction) for step in self.steps]
        return [("step", "operation", "direction"), *rows]

    # Steps.

    def _buffer(self, value: Value) -> Buffer:
        """The buffer that holds a value; made when first asked for."""
        if value not in self._known:
            dtype = self._dtype(value.dtype)
            self._known[value] = Buffer(value.name, value.shape, dtype, _kind(value), constant=value.constant)
        return self._known[value]

    def _new(self, name: str, shape: Shape, dtype: str) -> Buffer:
        """An array of no value of the graph."""
        return Buffer(name, shape, self._dtype(dtype), "saved")

    def _arrays(self, node: Node, names: tuple[str, ...]) -> dict[str, Buffer | None]:
        return {name: None if (value := node.values[name]) is None else self._buffer(value) for name in names}

    def _forward(self, node: Node) -> None:
        if node.operation.view:
            (source,), (result,) = node.inputs, node.outputs
            self._known[result] = self._buffer(source).view(result.name, result.shape)
        else:
            self._step(node, "forward", self._arrays(node, node.operation.forward_arrays))

    def _step(self, node: Node, direction: str, arrays: dict[str, Buffer | None]) -> None:
        mode = {node.operation.training: self.training} if node.operation.training else {}
        given = {**mode, **node.settings, **arrays}
        arguments = {name: given[name] for name in node.operation.arguments(direction)}
        self.steps.append(Step(node.name, node.operation, direction, arguments))

    def _backward(self, nodes: list[Node], goal: Value) -> None:
        if goal.shape != (1,):
            raise GraphError(f"objective: {goal.name} has shape {goal.shape}, it must be (1,)")
        learns = _learning(nodes)
        # The delta-error of the objective with respect to itself is 1 (eq. 14).
        one = Buffer(f"d.{goal.name}", (1,), self._dtype("float32"), "constant", constant=np.ones(1))
        deltas: dict[Value, Buffer] = {goal: one}
        for node in reversed(nodes):
            result = node.outputs[0]
            if result not in deltas:
                continue
            if node.operation.view:
                made = [(v, deltas[result].view(f"d.{v.name}", v.shape)) for v in node.inputs if v in learns]
            else:
                made = self._backward_step(node, learns, deltas)
            for value, buffer in made:
                self._contribute(deltas, value, buffer)

    def _backward_step(self, node: Node, learns: set[Value], deltas: dict[Value, Buffer]) -> list[tuple[Value, Buffer]]:
        """A step that writes delta-errors of those inputs that learn. Returns these values and where theirs stand."""
        made: list[tuple[Value, Buffer]] = []
        arrays = self._arrays(node, node.operation.needs)
        (delta,) = node.operation.deltas
        arrays[delta] = deltas[node.outputs[0]]
        for name in node.operation.gradients:
            value = node.values[name]
            arrays[f"d{name}"] = None
            if value is not None and value in learns:
                first = value not in deltas and all(v is not value for v, _ in made)
                arrays[f"d{name}"] = buffer = self._delta(value, first)
                made.append((value, buffer))
        self._step(node, "backward", arrays)
        return made

    def _delta(self, value: Value, first: bool) -> Buffer:
        """Where a delta-error is written: for a parameter its place among the gradients, unless that is taken."""
        dtype = self._dtype(value.dtype)
        if first and value.role == "parameter":
            return Buffer(value.name, value.shape, dtype, "gradient")
        return Buffer(f"d.{value.name}", value.shape, dtype, "delta-error")

    def _contribute(self, deltas: dict[Value, Buffer], value: Value, buffer: Buffer) -> None:
        """The first delta-error of a value is its sum so far; each further one is added to it."""
        if value not in deltas:
            if value.role == "parameter" and buffer.kind != "gradient":
                raise GraphError(f"{value.name}: is a parameter, of which a view was made; give it the view's shape")
            deltas[value] = buffer
            return
        total = deltas[value]
        arguments = {"a": total, "b": buffer, "y": total}
        self.steps.append(Step(f"d.{value.name}", find_operation("add"), "forward", arguments))

    # Memory.

    def _set_lives(self) -> list[Buffer]:
        """Say of every array from which step to which it is needed; returns those that have memory."""
        uses = [(number, buffer.root) for number, step in enumerate(self.steps) for buffer in step.buffers]
        uses += [(len(self.steps), buffer.root) for buffer in self.outputs.values()]
        buffers = list(dict.fromkeys(buffer for _, buffer in uses))
        for number, buffer in reversed(uses):
            buffer.first = number
        for number, buffer in uses:
            buffer.last = number
        return buffers

    def _place(self, reuse: bool) -> int:
        """Give every transient array its place; returns the bytes of the arena."""
        end = len(self.steps)
        blocks = [Block(b.bytes, b.first, b.last) if reuse else Block(b.bytes, 0, end) for b in self.transient]
        for buffer, offset in zip(self.transient, place(blocks), strict=True):
            buffer.offset = offset
        return max((buffer.offset + buffer.bytes for buffer in self.transient), default=0)


def _output(graph: Graph, name: str) -> Value:
    if name not in graph.outputs:
        raise GraphError(f"{graph.name}: {unknown('output', name, graph.outputs)}")
    return graph.outputs[name]


def _kind(value: Value) -> str:
    if value.node is None:
        return value.role
    return "activation" if any(output is value for output in value.node.outputs) else "saved"


def _needed_nodes(graph: Graph, values: list[Value]) -> list[Node]:
    """The nodes that values depend on, in the order in which they were added."""
    needed, waiting = set(), [v.node for v in values if v.node]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += [v.node for v in node.inputs if v.node]
    return [node for node in graph.nodes if node in needed]


def _learning(nodes: list[Node]) -> set[Value]:
    """The values that depend on a parameter: only their delta-errors are of use."""
    learns: set[Value] = set()
    for node in nodes:
        learns |= {v for v in node.inputs if v.role == "parameter"}
        if any(node.values[name] in learns for name in node.operation.gradients):
            learns.add(node.outputs[0])  # all others are constants to whoever reads them
    return learns
