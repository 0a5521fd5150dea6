"""Non-maximum suppression by one block: Lin et al. (2017), section 4.1."""

from kernels.gpu import cuda, float32, int32, kernel

BLOCK = 8
MOST = 32  # boxes


@kernel
def suppress(iou, keep, overlap):
    """One block. A box that is not struck out at its turn strikes out those after it that it overlaps too much."""
    struck = cuda.shared.array(MOST, int32)
    K = iou.shape[0]
    t = cuda.threadIdx.x
    for j in range(t, K, BLOCK):
        struck[j] = 0
    cuda.syncthreads()  # nobody is struck out
    ...  # about six lines: the turns of all boxes
    for j in range(t, K, BLOCK):
        keep[j] = 1 - struck[j]


def launches(iou, keep, overlap):
    """iou (K, K), of boxes that are sorted by their scores; keep (K,). K is MOST at most."""
    return [suppress[1, BLOCK](iou, keep, float32(overlap))]
