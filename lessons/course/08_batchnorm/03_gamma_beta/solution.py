"""The gradients of what batch normalization learns: Zozoulenko (2018), eq. 52-53."""

from kernels.gpu import cuda, device, float32, kernel

BLOCK = 16


@device
def block_sum(value, shared):
    """The sum of what the threads of a block bring, which each of them gets: a tree in `shared`."""
    t = cuda.threadIdx.x
    shared[t] = value
    cuda.syncthreads()  # the values of all threads are there
    step = BLOCK // 2
    while step > 0:
        if t < step:
            shared[t] += shared[t + step]
        cuda.syncthreads()  # the sums of this step are there
        step //= 2
    total = shared[0]
    cuda.syncthreads()  # all have read it: `shared` may be written again
    return total


@kernel
def gamma_beta(dy, x, mean, inverse_std, dgamma, dbeta):
    """One block per channel: thread t takes the values number t, t + BLOCK, t + 2 * BLOCK ... of it."""
    shared = cuda.shared.array(BLOCK, float32)
    c, t = cuda.blockIdx.x, cuda.threadIdx.x
    S = x.shape[2]
    count = x.shape[0] * S
    sum_dy, sum_dy_x_hat = float32(0), float32(0)
    for n in range(t, count, BLOCK):
        r, s = n // S, n % S
        x_hat = (x[r, c, s] - mean[c]) * inverse_std[c]
        sum_dy += dy[r, c, s]
        sum_dy_x_hat += dy[r, c, s] * x_hat
    sum_dy = block_sum(sum_dy, shared)
    sum_dy_x_hat = block_sum(sum_dy_x_hat, shared)
    if t == 0:
        dbeta[c] = sum_dy
        dgamma[c] = sum_dy_x_hat


def launches(dy, x, mean, inverse_std, dgamma, dbeta):
    """As many blocks as channels, on dy and x (R, C, H, W) as (R, C, H * W)."""
    dy, x = dy.reshape(*dy.shape[:2], -1), x.reshape(*x.shape[:2], -1)
    return [gamma_beta[x.shape[1], BLOCK](dy, x, mean, inverse_std, dgamma, dbeta)]
