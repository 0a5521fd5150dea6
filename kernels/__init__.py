"""One folder per operation. Knows arrays; knows no graph, no layer, no model."""

import os

from kernels.caches import find_places

# Cores that wait for each other shall sleep and not spin, or they take the time of the very thread that is waited for.
# OpenMP, which runs our kernels: a training step of `cnn6` beside two busy programs on two cores took 1084 ms with
# spinning and 48 ms without. OpenBLAS, which runs NumPy's products: its threads spin on after a product and keep a
# core from the kernels that follow; without that the step, alone on the machine, fell from 43 to 29 ms.
# Both read this when they are loaded, so `import kernels` stands before NumPy's import in framework/ and apps/.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

# The libraries read this when they are loaded, too.
find_places()
