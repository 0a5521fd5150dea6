"""A table of a graph: what each layer makes, learns and costs."""

import math

from framework.graph import Graph, Value
from kernels.commands.table import table


def rows(graph: Graph) -> list[dict]:
    """One row a node: layer, operation, output (shape), parameters, flops (of forward), bytes (of activations).

    A parameter that several nodes share counts at the first of them.
    """
    found: list[dict] = []
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
            }
        )
    return found


def summary(graph: Graph) -> str:
    """The table as text: layer, output shape, parameters, MFLOP of forward, KiB of activations; and their sums."""
    found = rows(graph)
    total = {"layer": graph.name, "operation": "", "output": ()}
    total |= {name: sum(row[name] for row in found) for name in ("parameters", "flops", "bytes")}
    lines = [
        (
            row["layer"],
            row["operation"],
            " x ".join(map(str, row["output"])),
            f"{row['parameters']:,}",
            f"{row['flops'] / 1e6:.2f}",
            f"{row['bytes'] / 1024:.1f}",
        )
        for row in (*found, total)
    ]
    heads = ("layer", "operation", "output", "parameters", "MFLOP", "KiB")
    first, *others, last = table([heads, *lines], left=3).splitlines()
    rule = "-" * len(first)
    return "\n".join([first, rule, *others, rule, last])
