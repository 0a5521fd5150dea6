"""What compiled kernels execute, counted while the emulator runs them: both the x-ray of the source.

    executed(launch)                    instructions by kind, all blocks
    xray, found = both(launch)          a few blocks, with what their accesses cost, and the x-ray of the same blocks

Read in this order: kinds.py (what an instruction is for), counters.py and touches.py (what the emulator tells),
counts.py and requests.py (what is made of it), run.py, machine.py (from PTX to what a GPU starts), compare.py, text.py.
"""

from kernels.gpu.executed.counts import Count, Executed
from kernels.gpu.executed.kinds import KINDS, Sort
from kernels.gpu.executed.run import both, executed

__all__ = ["KINDS", "Count", "Executed", "Sort", "both", "executed"]
