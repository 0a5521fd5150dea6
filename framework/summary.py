"""A table of a graph: what each layer makes, learns and costs."""

import math

from framework.graph import Graph, Value


def rows(graph: Graph) -> list[dict]:
    """One row a node: layer, operation, output (shape), parameters, flops (of forward), bytes (of activations).

    A parameter that several nodes share counts at the first of them.
    """
    table: list[dict] = []
    counted: set[Value] = set()
    for node in graph.nodes:
        learned = {v for v in node.inputs if v.role == "parameter"} - counted
        counted |= learned
        op = node.operation
        shapes = {name: None if v is None else v.shape for name, v in node.values.items()}
        flops, _ = op.flops(**{n: shapes[n] for n in op.inputs}, **{**op.settings, **node.settings})
        table.append(
            {
                "layer": node.name,
                "operation": op.name,
                "output": node.outputs[0].shape,
                "parameters": sum(math.prod(v.shape) for v in learned),
                "flops": flops,
                "bytes": 0 if op.view else sum(4 * math.prod(v.shape) for v in node.outputs),
            }
        )
    return table


def summary(graph: Graph) -> str:
    """The table as text: layer, output shape, parameters, MFLOP of forward, KiB of activations; and their sums."""
    table = rows(graph)
    lines = [("layer", "operation", "output", "parameters", "MFLOP", "KiB")]
    lines += [
        (
            row["layer"],
            row["operation"],
            " x ".join(map(str, row["output"])),
            f"{row['parameters']:,}",
            f"{row['flops'] / 1e6:.2f}",
            f"{row['bytes'] / 1024:.1f}",
        )
        for row in table
    ]
    total = {name: sum(row[name] for row in table) for name in ("parameters", "flops", "bytes")}
    lines.append(
        (graph.name, "", "", f"{total['parameters']:,}", f"{total['flops'] / 1e6:.2f}", f"{total['bytes'] / 1024:.1f}")
    )
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    # Three columns of words to the left, three of numbers to the right.
    form = "  ".join(f"{{:{'<' if i < 3 else '>'}{width}}}" for i, width in enumerate(widths))
    texts = [form.format(*line) for line in lines]
    rule = "-" * len(texts[0])
    return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])
