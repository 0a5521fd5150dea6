"""A table of a graph: what each layer makes, learns and costs."""

import math

from framework.graph import Graph, Node, Value
from framework.plan import Plan
from kernels.device import Device
from kernels.table import Shown, sizes, table


def rows(graph: Graph) -> list[dict]:
    """One row a node: layer, operation, output (shape), parameters, flops (of forward), bytes (of activations),
    algorithms (by direction, which of several ways it goes on a CPU as it learns), and taken_in (the layer that does
    its work on a CPU where the network looks; "" where none does).

    A parameter that several nodes share counts at the first of them.
    """
    found: list[dict] = []
    looking = Plan(graph, tuple(graph.outputs), fuse=True)
    taken_in = {name: step.name for step in looking.steps for name in step.takes_in}
    counted: set[Value] = set()
    for node in graph.nodes:
        learned = {v for v in node.inputs if v.role == "parameter"} - counted
        counted |= learned
        op = node.operation
        shapes = {name: None if v is None else v.shape for name, v in node.values.items()}
        flops, _ = op.flops(**{n: shapes[n] for n in op.inputs}, **{**op.settings, **node.settings})
        found.append(
            {
                "layer": node.name,
                "operation": op.name,
                "output": node.outputs[0].shape,
                "parameters": sum(math.prod(v.shape) for v in learned),
                "flops": flops,
                "bytes": 0 if op.view else sum(4 * math.prod(v.shape) for v in node.outputs),
                "algorithms": {} if op.view else algorithms(node, shapes),
                "taken_in": taken_in.get(node.name, ""),
            }
        )
    return found


def algorithms(node: Node, shapes: dict) -> dict[str, str]:
    """By direction, the name of the way that a node goes on a CPU, where it has several."""
    op, device = node.operation, Device("cpu")
    case = {**op.settings, **({op.training: True} if op.training else {}), **node.settings}
    case |= {**shapes, **{f"d{name}": shapes[name] for name in (*op.outputs, *op.gradients)}}
    found = {direction: device.algorithm(op, direction, case) for direction in op.directions}
    return {direction: name for direction, name in found.items() if name}


class Summary(Shown):
    """The rows as a table: layer, output shape, parameters, MFLOP of forward, KiB of activations, and on a CPU the
    algorithms of forward and backward, and the layer that takes this one in where the network looks; last, their sums.
    """

    left = (0, 1, 2, 6)

    def __init__(self, graph: Graph):
        self.name, self.rows = graph.name, rows(graph)

    def title(self) -> str:
        return f"{self.name}: {len(self.rows)} layers"

    def cells(self):
        total = {"layer": self.name, "operation": "", "output": (), "algorithms": {}, "taken_in": ""}
        total |= {name: sum(row[name] for row in self.rows) for name in ("parameters", "flops", "bytes")}
        lines = [
            (
                row["layer"],
                row["operation"],
                sizes(row["output"]),
                f"{row['parameters']:,}",
                f"{row['flops'] / 1e6:.2f}",
                f"{row['bytes'] / 1024:.1f}",
                ", ".join(row["algorithms"].values()) + f"looking: in {row['taken_in']}" * bool(row["taken_in"]),
            )
            for row in (*self.rows, total)
        ]
        return [("layer", "operation", "output", "parameters", "MFLOP", "KiB", "on a CPU"), *lines]

    def __repr__(self):
        first, *others, last = table(self.cells(), self.left).splitlines()
        rule = "-" * len(first)
        return "\n".join([first, rule, *others, rule, last])
