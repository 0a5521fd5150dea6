"""What Numba makes of the loops of conv2d and linear: python -m tests.helpers.compiled

Runs both on their large cases, holds them to the reference, and prints as JSON: the tile, how many versions of loops
were compiled and how many were found in the cache, and how often the compiled ones name registers and instructions.
"""

import gc
import json

from numba.core.dispatcher import Dispatcher

from kernels.cpu.vectors import LANES, TILE
from tests.helpers.cases import large
from tests.helpers.checks import assert_close

WORDS = ("zmm", "ymm", "vfmadd")


def main():
    for name in ("conv2d", "linear"):
        for case in large(name, "cpu"):
            trial = case.trial
            assert_close(trial.forward("cpu"), case.forward, trial.operation.tolerance)
            assert_close(trial.backward("cpu", case.saved), case.backward, trial.operation.tolerance)
    loops = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.py_func.__module__.startswith("kernels.")]
    hits, misses = (
        sum(sum(count.values()) for count in counts)
        for counts in ([d.stats.cache_hits for d in loops], [d.stats.cache_misses for d in loops])
    )
    text = "".join(text for d in loops if not d.stats.cache_hits for text in d.inspect_asm().values())
    found = {"tile": [TILE, LANES], "hits": hits, "misses": misses}
    print(json.dumps(found | {word: text.count(word) for word in WORDS}))


if __name__ == "__main__":
    main()
