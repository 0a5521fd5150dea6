"""What judges are made of: see judge.py for the kinds, counting.py for what can be counted."""

from lessons.judging.draw import Draw
from lessons.judging.judge import (
    FAULTS,
    Budget,
    Climb,
    Counted,
    Derive,
    Detect,
    Judge,
    Known,
    Mistake,
    Predict,
    Write,
    check,
)
from lessons.judging.ours import rungs_of
from lessons.judging.verdict import Failure, Verdict

__all__ = [
    "FAULTS",
    "Budget",
    "Climb",
    "Counted",
    "Derive",
    "Detect",
    "Draw",
    "Failure",
    "Judge",
    "Known",
    "Mistake",
    "Predict",
    "Verdict",
    "Write",
    "check",
    "rungs_of",
]
