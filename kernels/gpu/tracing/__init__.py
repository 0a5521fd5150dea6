"""One block of a launch, step by step: which lanes of a warp are on which line, what they read and write, who waits.

    recording = trace(launch)           # or trace(launch, block=(1, 0, 0))
    recording.write(Path("reverse.html"))

A step is one source line, executed by those lanes of one warp that are there together. The interpreter runs threads one
after another from one meeting to the next; what the lanes of a warp did in between is put side by side afterwards, line
by line, as a warp walks through a program: who is furthest behind goes first, so that branches come one after the other
and meet again behind them. Where the order matters, what is shown is one order of many, and the page says so.

Read in this order: lines.py (where a line ends, which loops are around it), execution.py (the interpreter, listened
to), recorder.py (what each thread did), steps.py (what a warp did), faults.py (at which step something went wrong),
recording.py (the result), cells.py and page.py (the same as a page, page.html).
"""

from kernels.gpu.tracing.execution import trace
from kernels.gpu.tracing.recording import Recording
from kernels.gpu.tracing.steps import Access, Step

__all__ = ["Access", "Recording", "Step", "trace"]
