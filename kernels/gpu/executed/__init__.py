"""What compiled kernels execute, counted while the emulator runs them: beside the x-ray of the source.

    executed(launch)                    instructions by kind, all blocks
    beside(launch, xray(launch))        the same blocks as an x-ray's, with what their accesses cost
"""

from kernels.gpu.executed.counts import Count, Executed
from kernels.gpu.executed.kinds import KINDS, Sort
from kernels.gpu.executed.run import beside, executed

__all__ = ["KINDS", "Count", "Executed", "Sort", "beside", "executed"]
