"""An x-ray of a launch: what the hardware would see of it, counted while the interpreter runs a few of its blocks.

    xray(launch, blocks=2, gpu=GPUS["a100"])

A warp runs an instruction for all of its 32 lanes at once. If the instruction loads or stores, the hardware makes one
request of it, and what a request costs depends on the addresses of the lanes: global memory moves in sectors of 32
bytes, shared memory stands in 32 banks of which each gives one word of 4 bytes at a time. The counts are exact
for the source: nothing is sampled. What a compiler changes is not seen, but for one thing: loads and
stores that the kernel, compiled for the GPU that is asked about, joins to wide ones are joined here too.

Read in this order: execution.py (which blocks, which addresses), requests.py (from the accesses of threads to requests
of warps), counts.py (what requests cost), text.py (source lines with their counts beside them), roofline.py (what that
would take on a GPU), sums.py (of all launches of a rung), picture.py.
"""

from kernels.gpu.xray.counts import Access, Arithmetic, Xray
from kernels.gpu.xray.execution import xray
from kernels.gpu.xray.roofline import GPUS, Prediction, predict
from kernels.gpu.xray.sums import Sums

__all__ = ["GPUS", "Access", "Arithmetic", "Prediction", "Sums", "Xray", "predict", "xray"]
