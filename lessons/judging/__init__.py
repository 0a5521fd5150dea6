"""What judges are made of: judge.py has the kinds, questions.py what is asked, counting.py what can be counted."""

from lessons.judging.budget import Budget
from lessons.judging.draw import Draw
from lessons.judging.judge import Climb, Derive, Detect, Judge, Mistake, Predict, Write, check
from lessons.judging.ours import rungs_of
from lessons.judging.questions import FAULTS, Counted, Known
from lessons.judging.ship import Hard, Network, Ship
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
    "Hard",
    "Judge",
    "Known",
    "Mistake",
    "Network",
    "Predict",
    "Ship",
    "Verdict",
    "Write",
    "check",
    "rungs_of",
]
