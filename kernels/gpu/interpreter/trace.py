"""What the threads of a launch did to memory, in the order they did it, for observers to look at.

An observer sees batches of accesses as NumPy arrays: it can group by address (races) or by warp and source
line (memory transactions, bank conflicts) without the rewritten code or the memory knowing what for.
"""

from array import array
from dataclasses import dataclass

import numpy as np

SITE_BITS = 20
