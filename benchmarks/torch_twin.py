"""The same network in PyTorch: an oracle for tests, a yardstick for benchmarks."""

import contextlib
from functools import partial

import torch

from framework import Graph
from kernels.operations.normalise.torch import planes

# How many steps these take depends on how many faces there are: PyTorch cannot compile that.
EAGER = ("match_anchors", "match_atss")


class TorchTwin:
    """Runs a graph node by node with PyTorch's operations and autograd: `twin(**inputs)["loss"].backward()`.

    `arrays` are the network's parameters and running averages by name; `dtype` and `device` are PyTorch's. With
    `channels_last` a pixel's channels stand side by side, with `compiled` PyTorch's own compiler makes one function of
    all nodes: the ways in which its manual says that a network is fast.
    """

    def __init__(self, graph: Graph, arrays, dtype=torch.float32, device="cpu", channels_last=False, compiled=False):
        self.graph, self.dtype, self.device, self.compiled = graph, dtype, device, compiled
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.parameters = {
            v.name: self._laid_out(self._tensor(v, arrays[v.name])).requires_grad_() for v in graph.of_role("parameter")
        }
        self.states = {v.name: self._tensor(v, arrays[v.name]).clone() for v in graph.of_role("state")}
        self.constants = {v.name: self._tensor(v, v.constant) for v in graph.of_role("constant")}
        self._functions = {}

    def __call__(self, outputs=("loss",), training=True, **inputs):
        """Outputs by name; with `training` batch statistics are used and running averages updated."""
        given = {name: self._tensor(self.graph.values[name], array) for name, array in inputs.items()}
        with default_dtype(self.dtype):
            made = self._function(outputs, training)({**given, **self.parameters, **self.states, **self.constants})
        return dict(zip(outputs, made, strict=True))

    def _tensor(self, value, array):
        tensor = torch.as_tensor(array, device=self.device)
        return tensor.to(self.dtype) if value.dtype == "float32" else tensor

    def _laid_out(self, tensor):
        """A copy; of images, which have four axes, with their channels where they shall be."""
        return tensor.clone(memory_format=self.layout if tensor.ndim == 4 else torch.preserve_format)

    def _function(self, outputs, training):
        """A function of tensors by name that returns these outputs."""
        if (outputs, training) not in self._functions:
            names = [self.graph.outputs[name].name for name in outputs]
            first, then = self._plans(outputs, training)

            def rest(tensors):
                run(then, tensors := dict(tensors))
                return tuple(tensors[name] for name in names)

            rest = torch.compile(rest, dynamic=False, fullgraph=True) if self.compiled else rest

            def function(tensors):
                run(first, tensors)
                return rest(tensors)

            self._functions[outputs, training] = function
        return self._functions[outputs, training]

    def _plans(self, outputs, training):
        """The nodes that outputs depend on, in the order in which they run: those that cannot be compiled and what they
        depend on; and all others.

        Raises ValueError for an operation that PyTorch does not have.
        """
        wanted = {self.graph.outputs[name] for name in outputs}
        nodes = self._behind(wanted)
        first = self._behind({value for node in nodes if node.operation.name in EAGER for value in node.outputs})
        plans = [], []
        for node in reversed([*first, *(node for node in nodes if node not in first)]):
            plans[node not in first].append(self._step(node, training, set(node.inputs) - wanted))
            wanted.update(node.inputs)
        return [plan[::-1] for plan in plans]

    def _behind(self, values):
        """The nodes that values depend on."""
        wanted, found = set(values), []
        for node in reversed(self.graph.nodes):
            if not wanted.isdisjoint(node.outputs):
                found.append(node)
                wanted.update(node.inputs)
        return found[::-1]

    def _step(self, node, training, finished):
        """PyTorch's function for a node, the names of what it reads, settings, the names of what it makes, and of the
        results that nobody reads after it."""
        operation, function = node.operation, node.operation.in_torch()
        if function is None:
            raise ValueError(f"{node.name}: {operation.name} has no torch.py")
        reads = [(a, (v := node.values[a]) and v.name) for a in (*operation.inputs, *operation.state)]
        settings = {s: node.settings.get(s, training) for s in operation.settings}
        if operation.name == "normalise":  # its bytes have their channels last: here layouts begin
            function = partial(planes, layout=self.layout)
        return (
            function,
            reads,
            settings,
            [v.name for v in node.outputs],
            [v.name for v in finished if v.role == "result"],
        )


def run(plan, tensors):
    """Run nodes on tensors by name, beside which what they make is put, and no longer kept than it is read."""
    for function, reads, settings, writes, finished in plan:
        arguments = {argument: None if name is None else tensors[name] for argument, name in reads}
        made = function(**arguments, **settings)
        tensors.update(zip(writes, made if len(writes) > 1 else (made,), strict=True))
        for name in finished:
            del tensors[name]


@contextlib.contextmanager
def default_dtype(dtype):
    """The type of floats that are made of integers, such as those of pixels."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
