"""A network as a static graph: values, and the nodes that make them out of each other. Built once, from shapes.

There is no tape and no autograd. A node says which operation it runs on which values; the operation brings
its own backward kernel. The order in which nodes are added is the order in which they run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.operation import Operation, Shape, ShapeError, UnknownOperation, find_operation
from kernels.table import Shown, sizes

Initial = Callable[[np.random.Generator, Shape], np.ndarray]


class GraphError(ValueError):
    """A graph that cannot be built or run: one line that names the node and the rule."""


@dataclass(eq=False)
class Value:
    """An array of the graph.

    `role` is "input", "constant", "parameter", "state" (running averages) or "result" (of a node).
    """

    graph: "Graph" = field(repr=False)
    name: str
    shape: Shape
    dtype: str
    role: str
    node: "Node | None" = field(default=None, repr=False)
    initial: Initial | None = field(default=None, repr=False)
    decays: bool = False
    constant: np.ndarray | None = field(default=None, repr=False)


@dataclass(eq=False, repr=False)
class Node:
    """One run of an operation. `values` are its arrays by the operation's own names for them; None is absent."""

    name: str
    operation: Operation
    values: dict[str, Value | None]
    settings: dict[str, Any]

    @property
    def inputs(self) -> list[Value]:
        return [v for n in self.operation.inputs if (v := self.values[n]) is not None]

    @property
    def outputs(self) -> list[Value]:
        return [v for n in self.operation.outputs if (v := self.values[n]) is not None]

    def __repr__(self):
        op = self.operation
        given = {n: v.name for n in (*op.inputs, *op.state) if (v := self.values[n]) is not None} | self.settings
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"{op.name}({arguments}) -> {', '.join(f'{v.name} {v.shape}' for v in self.outputs)}"


class Graph(Shown):
    """Values and nodes in the order in which they were added. It prints as a table of its nodes.

    graph = Graph("scale")
    x = graph.input("x", (50, 10))
    y = graph.add("activation", x=x, function="relu")
    graph.output("y", y)
    """

    left = 4

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[Node] = []
        self.values: dict[str, Value] = {}
        self.outputs: dict[str, Value] = {}

    def title(self) -> str:
        takes = ", ".join(f"{value.name} {value.shape}" for value in self.of_role("input"))
        return f"graph {self.name}: {takes or 'nothing'} -> {', '.join(self.outputs) or 'nothing'}"

    def cells(self):
        rows = [(n.name, n.operation.name, ", ".join(v.name for v in n.inputs), n.outputs) for n in self.nodes]
        return [
            ("node", "operation", "takes", "makes"),
            *((*row, ", ".join(sizes(value.shape) for value in outputs)) for *row, outputs in rows),
        ]

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> Value:
        """An array that is given anew at each run."""
        return self._value(name, shape, dtype, "input")

    def constant(self, name: str, array: np.ndarray) -> Value:
        """An array that never changes, such as the anchors of a detector. It is no part of what a network learned."""
        return self._value(name, array.shape, str(array.dtype), "constant", constant=array)

    def parameter(self, name: str, shape: Shape, initial: Initial, decays: bool = False, shared: bool = False) -> Value:
        """A learned array. `decays` says whether weight decay acts on it.

        A `shared` one may be asked for again: all who ask with its name get the same value.
        """
        if shared and (known := self.values.get(name)):
            if (known.role, known.shape) != ("parameter", tuple(shape)):
                raise GraphError(f"{name}: is shared as a {known.role} {known.shape}, not as a parameter {shape}")
            return known
        return self._value(name, shape, "float32", "parameter", initial=initial, decays=decays)

    def state(self, name: str, shape: Shape, initial: Initial) -> Value:
        """An array that operations update as they run, such as a running average."""
        return self._value(name, shape, "float32", "state", initial=initial)

    def output(self, name: str, value: Value) -> Value:
        """Name a value as one that a program can return."""
        self.outputs[name] = value
        return value

    def add(self, operation: str | Operation, name: str | None = None, **arguments: Any) -> Value:
        """A node, as `node` makes it. Returns its output, the first where there are several."""
        return self.node(operation, name, **arguments).outputs[0]

    def node(self, operation: str | Operation, name: str | None = None, **arguments: Any) -> Node:
        """A node that runs an operation, given itself or by its name, on values and settings by its own names for them.

        Raises GraphError for an unknown operation or argument, ShapeError, in the
        node's name, for values that do not fit.
        """
        try:
            op = find_operation(operation) if isinstance(operation, str) else operation
        except UnknownOperation as error:
            raise GraphError(str(error)) from None
        name = name or self.free_name(op.name)
        given = (*op.inputs, *op.state, *op.settings)
        if unknown := set(arguments) - set(given):
            raise GraphError(f"{name}: {op.name} takes {', '.join(given)}, not {', '.join(sorted(unknown))}")
        for array in (*op.inputs, *op.state):
            if arguments.get(array) is None and array not in op.optional:
                raise GraphError(f"{name}: {op.name} needs {array}")
        values = {a: arguments.get(a) for a in (*op.inputs, *op.state)}
        for array, value in values.items():
            if value is not None and value.graph is not self:
                raise GraphError(f"{name}: {array} is {value.name} of another graph ({value.graph.name})")
        # Whether it is training is left to the program that runs the node, unless it is set here.
        settings = {s: arguments.get(s, d) for s, d in op.settings.items() if s in arguments or s != op.training}
        made = self._shapes(name, op, values, settings)
        node = Node(name, op, values, settings)
        for array in (*op.outputs, *op.saved):
            dtype = op.dtype(array)
            full = name if array == op.outputs[0] else f"{name}.{array}"
            values[array] = self._value(full, made[array], dtype, "result", node=node)
        self.nodes.append(node)
        return node

    def free_name(self, kind: str) -> str:
        """A name that nobody has yet: conv2d_1, conv2d_2 ..."""
        number = 1 + sum(node.operation.name == kind for node in self.nodes)
        while f"{kind}_{number}" in self.values:
            number += 1
        return f"{kind}_{number}"

    def of_role(self, role: str) -> list[Value]:
        """All values of one role."""
        return [value for value in self.values.values() if value.role == role]

    def _shapes(self, name, op, values, settings):
        shapes = {a: None if v is None else v.shape for a, v in values.items()}
        try:
            made = op.shapes(**{a: shapes[a] for a in op.inputs}, **{**op.settings, **settings})
        except ShapeError as error:
            raise ShapeError(f"{name}: {error}") from None
        for array in op.state:
            if shapes[array] != made[array]:
                raise ShapeError(f"{name}: {op.name}: {array} has shape {shapes[array]}, it needs {made[array]}")
        return made

    def _value(self, name, shape, dtype, role, **more):
        if name in self.values:
            raise GraphError(f"{name}: graph {self.name} has a value of that name already")
        if not shape or not all(isinstance(n, int | float | np.integer) and n >= 1 and n % 1 == 0 for n in shape):
            raise ShapeError(f"{name}: shape {shape} must have whole sizes of at least 1")
        value = Value(self, name, tuple(int(n) for n in shape), dtype, role, **more)
        self.values[name] = value
        return value
