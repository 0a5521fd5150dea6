"""One folder per operation. Knows arrays; knows no graph, no layer, no model."""

import os

# Cores that wait for each other at the end of a kernel shall sleep and not spin. Where another program wants the same
# cores, spinning takes the time of the very thread that is waited for: a training step of `cnn6` beside two busy
# programs on two cores took 1084 ms with spinning and 48 ms without. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
