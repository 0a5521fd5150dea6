"""Tables as text: of commands, and of the framework's summary, which has no command line."""

from collections.abc import Sequence
from typing import Any


def table(rows: Sequence[Sequence[Any]], left: int = 1) -> str:
    """Rows of cells as text, the first being the heads: `left` columns of words, the others of numbers."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        cells = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
