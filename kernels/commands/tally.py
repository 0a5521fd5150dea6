"""What becomes of a kernel under check: how many cases, how far off, and the arrays of the case on which it fails."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kernels.bench.fuzz import Verdict


@dataclass
class Tally:
    """What became of one kernel: cases run, the worst errors, and the number of the case on which it failed."""

    cases: int = 0
    ulp: float = 0.0
    relative: float = 0.0
    failed: int | None = None

    def count(self, number: int, verdict: Verdict) -> None:
        self.cases += 1
        self.ulp, self.relative = max(self.ulp, verdict.ulp), max(self.relative, verdict.relative)
        if verdict.problem:
            self.failed = number

    def errors(self, tolerance: float) -> str:
        """The worst errors, and what is allowed."""
        return f"worst {self.ulp:9.3g} ulp  {self.relative:.1e} relative, allowed {tolerance:.0e}"

    def as_dict(self) -> dict:
        """For JSON."""
        return {"cases": self.cases, "ulp": self.ulp, "relative": self.relative, "failed": self.failed}


def shown(arrays: Mapping[str, np.ndarray]) -> str:
    """Arrays with a few of their values, one a line."""
    lines = []
    for name, array in arrays.items():
        values = np.array2string(array, threshold=12, edgeitems=2, precision=6, separator=", ").replace("\n", "")
        lines.append(f"        {name} = {values}")
    return "\n".join(lines)
