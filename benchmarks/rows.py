"""What benchmarks/cpu.py found, as text. A row is what it writes as JSON: a case, ours, PyTorch's best, their ratio."""

import math
import textwrap


def summary(rows: list[dict]) -> dict:
    """The geometric mean of all ratios, and how many are above 1."""
    ratios = [row["ratio"] for row in rows]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
    return {"geometric_mean": mean, "above_1": sum(ratio > 1 for ratio in ratios)}


def line(row: dict) -> str:
    ours, other = row["seconds"], row["baseline_seconds"]
    return (
        f"{row['name']:<26} {row['instruction_set']:<7} {milliseconds(ours):>8} ms, "
        f"{row['baseline']} {milliseconds(other)} ms, ratio {row['ratio']:.2f}"
    )


def said(rows: list[dict]) -> str:
    """What all rows come to."""
    if not rows:
        return "no rows"
    found = summary(rows)
    return f"geometric mean of all ratios {found['geometric_mean']:.3f}; {found['above_1']} of {len(rows)} above 1.0"


def markdown(result: dict) -> str:
    """Where it was measured, and a table for each instruction set, whose lines are models and batches."""
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    parts = [textwrap.fill(f"Measured on: {machine}.", 120)]
    for isa in dict.fromkeys(row["instruction_set"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["instruction_set"] == isa]
        parts += [f"### {isa}", table(rows), f"{isa}: {said(rows)}."]
    if result["left_out"]:
        parts.append("Left out:")
        lines = (f"- {name}: {problem}" for name, problem in result["left_out"].items())
        parts.append("\n".join(textwrap.fill(line, 120, subsequent_indent="  ") for line in lines))
    return "\n\n".join(parts) + "\n"


def table(rows: list[dict]) -> str:
    """A line has forward beside train."""
    lines = {}
    for row in rows:
        kind, _, case = row["name"].partition(":")
        lines.setdefault(case, {})[kind] = row
    kinds = [kind for kind in ("forward", "train") if any(kind in found for found in lines.values())]
    heads = [
        "model",
        "batch",
        *(head for kind in kinds for head in (f"{kind}: ours, ms", "PyTorch, ms", "form", "ratio")),
    ]
    texts = [heads, [*["---"] * 2, *["---:", "---:", "---", "---:"] * len(kinds)]]
    for case, found in lines.items():
        model, batch, *side = case.split(":")
        texts.append([f"`{model}`", " of ".join([batch, *(f"{s} × {s}" for s in side)])])
        for kind in kinds:
            texts[-1] += cells(found[kind]) if kind in found else [""] * 4
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)


def cells(row: dict) -> list[str]:
    ratio = f"{row['ratio']:.2f}"
    return [
        milliseconds(row["seconds"]),
        milliseconds(row["baseline_seconds"]),
        row["baseline"].rpartition(", ")[2],
        f"**{ratio}**" if row["ratio"] > 1 else ratio,
    ]


def milliseconds(seconds: float) -> str:
    """With three digits that mean something."""
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"
