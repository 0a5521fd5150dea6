"""One folder per operation. Knows arrays; knows no graph, no layer, no model."""

import os

from kernels.caches import find_places

# Libraries read both of these when they are loaded, so `import kernels` stands first in framework/ and apps/. Numba is
# not loaded here: kernels/cpu and kernels/gpu do, and see to its cache.

# Cores that wait for each other shall sleep and not spin, or they take the time of the very thread that is waited for:
# beside two busy programs on two cores, a training step of `cnn6` took 1084 ms with spinning and 48 ms without. But to
# wake a core takes longer than many a kernel, and the next kernel comes soon: so they spin some 30 microseconds first.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

find_places()
