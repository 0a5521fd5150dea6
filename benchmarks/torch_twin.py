"""The same network in PyTorch: an oracle for tests, a yardstick for benchmarks."""

import torch
from torch.nn import functional as f

from framework import Graph

# How PyTorch runs a node: (settings, training, arrays by the operation's own names) -> result.
RUN = {
    "conv2d": lambda s, t, x, w, b: f.conv2d(x, w, b, s["stride"], s["padding"]),
    "linear": lambda s, t, x, w, b: x @ w if b is None else torch.addmm(b, x, w),
    "batchnorm": lambda s, t, x, gamma, beta, running_mean, running_var: f.batch_norm(
        x, running_mean, running_var, gamma, beta, t, s["momentum"], s["epsilon"]
    ),
    "activation": lambda s, t, x: ACTIVATIONS[s["function"]](x),
    "maxpool2d": lambda s, t, x: f.max_pool2d(x, s["window"], s["stride"], s["padding"]),
    "avgpool2d": lambda s, t, x: f.avg_pool2d(x, s["window"], s["stride"], s["padding"]),
    "add": lambda s, t, a, b: a + b,
    "reshape": lambda s, t, x: x.reshape(s["shape"]),
    "softmax": lambda s, t, x: torch.softmax(x, 1),
    "softmax_cross_entropy": lambda s, t, x, target: f.cross_entropy(x, target, reduction="none"),
    "reduce": lambda s, t, x: {"sum": torch.sum, "mean": torch.mean, "norm": torch.linalg.vector_norm}[s["how"]](x),
    "loss": lambda s, t, prediction, target: f.binary_cross_entropy(prediction, target, reduction="none").mean(1),
}
ACTIVATIONS = {
    "relu": torch.relu,
    "leaky_relu": f.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "arctan": torch.arctan,
}


class TorchTwin:
    """Runs a graph node by node with PyTorch's operations and autograd.

    `arrays` are the network's parameters and running averages by name; `dtype` and `device` are PyTorch's.
    """

    def __init__(self, graph: Graph, arrays, dtype=torch.float32, device="cpu"):
        self.graph = graph
        self.parameters = {
            v.name: torch.tensor(arrays[v.name], dtype=dtype, device=device, requires_grad=True)
            for v in graph.of_role("parameter")
        }
        self.states = {v.name: torch.tensor(arrays[v.name], dtype=dtype, device=device) for v in graph.of_role("state")}

    def __call__(self, output="loss", training=True, **inputs):
        """The value of one output; with `training` batch statistics are used and running averages updated."""
        values = {**inputs, **self.parameters, **self.states}
        wanted = self.graph.outputs[output]
        for node in self.graph.nodes:
            names = (*node.operation.inputs, *node.operation.state)
            arrays = {n: node.values[n] and values.get(node.values[n].name) for n in names}
            if any(a is None and node.values[n] is not None for n, a in arrays.items()):
                continue  # belongs to another output, whose inputs were not given
            values[node.name] = RUN[node.operation.name](node.settings, training, **arrays)
            if node is wanted.node:
                break
        return values[wanted.name]
