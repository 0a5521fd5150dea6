"""The same network in PyTorch: an oracle for tests, a yardstick for benchmarks."""

import contextlib

import torch

from framework import Graph


class TorchTwin:
    """Runs a graph node by node with PyTorch's operations and autograd: `twin(**inputs)["loss"].backward()`.

    `arrays` are the network's parameters and running averages by name; `dtype` and `device` are PyTorch's.
    """

    def __init__(self, graph: Graph, arrays, dtype=torch.float32, device="cpu"):
        self.graph, self.dtype, self.device = graph, dtype, device
        self.parameters = {
            v.name: self._tensor(v, arrays[v.name]).clone().requires_grad_() for v in graph.of_role("parameter")
        }
        self.states = {v.name: self._tensor(v, arrays[v.name]).clone() for v in graph.of_role("state")}
        self.constants = {v.name: self._tensor(v, v.constant) for v in graph.of_role("constant")}
        self._plans = {}

    def __call__(self, outputs=("loss",), training=True, **inputs):
        """Outputs by name; with `training` batch statistics are used and running averages updated."""
        given = {name: self._tensor(self.graph.values[name], array) for name, array in inputs.items()}
        given |= {**self.parameters, **self.states, **self.constants}
        values = {self.graph.values[name]: tensor for name, tensor in given.items()}
        with default_dtype(self.dtype):
            for node, run, finished in self._plan(outputs):
                read = {n: node.values[n] for n in (*node.operation.inputs, *node.operation.state)}
                arrays = {n: None if value is None else values[value] for n, value in read.items()}
                settings = {s: node.settings.get(s, training) for s in node.operation.settings}
                made = run(**arrays, **settings)
                values |= zip(node.outputs, made if len(node.outputs) > 1 else (made,), strict=True)
                for value in finished:
                    del values[value]
        return {name: values[self.graph.outputs[name]] for name in outputs}

    def _tensor(self, value, array):
        tensor = torch.as_tensor(array, device=self.device)
        return tensor.to(self.dtype) if value.dtype == "float32" else tensor

    def _plan(self, outputs):
        """The nodes that outputs depend on, each with PyTorch's function and the results that it is the last to read.

        Raises ValueError for an operation that PyTorch does not have.
        """
        if outputs not in self._plans:
            wanted, plan = {self.graph.outputs[name] for name in outputs}, []
            for node in reversed(self.graph.nodes):
                if not wanted.isdisjoint(node.outputs):
                    run = node.operation.in_torch()
                    if run is None:
                        raise ValueError(f"{node.name}: {node.operation.name} has no torch.py")
                    plan.append((node, run, [v for v in set(node.inputs) - wanted if v.role == "result"]))
                    wanted.update(node.inputs)
            self._plans[outputs] = plan[::-1]
        return self._plans[outputs]


@contextlib.contextmanager
def default_dtype(dtype):
    """The type of floats that are made of integers, such as those of pixels."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
