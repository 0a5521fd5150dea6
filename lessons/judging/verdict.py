"""What a judge says of an answer: stage by stage, what held and what did not, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np


@dataclass
class Failure(Exception):
    """Why an answer is not right yet.

    text       one line
    details    (what it is, text of one or more lines): the case, expected and got, source lines, tables
    mark       what tells this failure from others: an answer that fails in the same way has the same
    """

    text: str
    details: Sequence[tuple[str, str]] = ()
    mark: tuple = ()
    stage: str = ""

    def __str__(self):
        return self.text

    def is_like(self, other: "Failure") -> bool:
        """Whether another answer failed in the same way."""
        one, two = (self.stage, *self.mark), (other.stage, *other.mark)
        return len(one) == len(two) and all(map(_alike, one, two))


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return one.shape == two.shape and bool(np.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True))
    return type(one) is type(two) and not isinstance(one, np.ndarray) and one == two


@dataclass
class Verdict:
    """All that is said of an answer.

    passed     (stage, what it found) of those that held, in their order
    failure    the first that did not; None where the exercise is solved
    reply      what to think about, where the answer is one that many give
    seed       of the cases that were drawn
    seconds    that it took
    """

    exercise: str
    passed: list[tuple[str, str]] = field(default_factory=list)
    failure: Failure | None = None
    reply: str = ""
    seed: int = 0
    seconds: float = 0.0

    @property
    def solved(self) -> bool:
        return self.failure is None

    def __repr__(self):
        lines = [f"{self.exercise}: {'solved' if self.solved else 'not yet'}"]
        lines += [f"  ✓ {stage}: {said}" for stage, said in self.passed]
        if self.failure:
            lines.append(f"  ✗ {self.failure.stage}: {self.failure.text}")
            for what, text in self.failure.details:
                lines.append(f"    {what}")
                lines += [f"        {line}" for line in text.splitlines()]
            if self.reply:
                lines.append(f"  → {self.reply}")
        return "\n".join(lines)

    def _repr_html_(self):
        state = "solved" if self.solved else "not yet"
        rows = [f"<tr><td>✓</td><td>{escape(stage)}</td><td>{escape(said)}</td></tr>" for stage, said in self.passed]
        below = ""
        if self.failure:
            stage, text = escape(self.failure.stage), escape(self.failure.text)
            rows.append(f"<tr><td>✗</td><td>{stage}</td><td>{text}</td></tr>")
            for what, more in self.failure.details:
                below += f"<p>{escape(what)}</p><pre>{escape(more)}</pre>"
            below += f"<p><b>{escape(self.reply)}</b></p>" if self.reply else ""
        style = 'style="text-align:left"'
        return f"<p><b>{escape(self.exercise)}</b>: {state}</p><table {style}>{''.join(rows)}</table>{below}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        failure = self.failure and {
            "stage": self.failure.stage,
            "text": self.failure.text,
            "details": [{"what": what, "text": text} for what, text in self.failure.details],
        }
        return {
            "exercise": self.exercise,
            "solved": self.solved,
            "passed": [{"stage": stage, "found": said} for stage, said in self.passed],
            "failure": failure,
            "reply": self.reply,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }
