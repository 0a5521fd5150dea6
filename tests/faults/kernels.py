"""Faults planted in kernels/."""

from tests.faults.fault import Fault

# ruff: noqa: E501
OPERATIONS = "kernels/operations"


def gpu(operation: str, what: str, old: str, new: str, past: str = "", file: str = "cuda.py") -> Fault:
    return Fault(f"{OPERATIONS}/{operation}/{file}", what, old, new, past)


def cpu(operation: str, what: str, old: str, new: str, past: str = "", file: str = "cpu.py") -> Fault:
    return Fault(f"{OPERATIONS}/{operation}/{file}", what, old, new, past)


def reference(operation: str, what: str, old: str, new: str, past: str = "") -> Fault:
    return Fault(f"{OPERATIONS}/{operation}/reference.py", what, old, new, past)


TOGETHER = (
    Fault(
        "kernels/gpu/reduce.py",
        "the tree of block_sum stops a level early",
        "while half > 0:\n        if thread < half:\n            shared[thread] += shared",
        "while half > 1:\n        if thread < half:\n            shared[thread] += shared",
        "a block of 2",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "no barrier between the levels of block_sum",
        "            shared[thread] += shared[thread + half]\n        cuda.syncthreads()  # this level of the tree is complete\n",
        "            shared[thread] += shared[thread + half]\n",
        "a tree of one level",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "no barrier between the levels of block_max",
        "shared[thread] = max(shared[thread], shared[thread + half])\n        cuda.syncthreads()  # this level of the tree is complete\n",
        "shared[thread] = max(shared[thread], shared[thread + half])\n",
        "a tree of one level",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "block_sum gives its memory back while it is read",
        "    total = shared[0]\n    cuda.syncthreads()  # everyone has read the total, so that `shared` may serve again\n",
        "    total = shared[0]\n",
        "one use of the memory",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "of equal values block_argmax takes the higher index",
        "other_index < shared_index[thread]",
        "other_index > shared_index[thread]",
        "values that all differ",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "no barrier between the levels of block_argmax",
        "                shared_index[thread] = other_index\n        cuda.syncthreads()  # this level of the tree is complete\n",
        "                shared_index[thread] = other_index\n",
        "a tree of one level",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "warp_sum ends a step early",
        "value += cuda.shfl_xor_sync(ALL_LANES, value, lane_distance)\n        lane_distance //= 2",
        "value += cuda.shfl_xor_sync(ALL_LANES, value, lane_distance)\n        lane_distance //= 4",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "block_sum_of_warps forgets the last warp",
        "range(1, cuda.blockDim.x // WARP)",
        "range(1, cuda.blockDim.x // WARP - 1)",
        "one warp in a block",
    ),
    Fault(
        "kernels/gpu/reduce.py",
        "block_sum_of_warps gives its memory back while it is read",
        "        total += shared[warp]\n    cuda.syncthreads()  # everyone has read the sums, so that `shared` may serve again\n",
        "        total += shared[warp]\n",
        "one use of the memory",
    ),
    Fault(
        "kernels/gpu/index.py",
        "the last window that covers a row is not limited to those there are",
        "min(count - 1, (i + padding) // stride)",
        "(i + padding) // stride",
    ),
    Fault(
        "kernels/gpu/index.py",
        "the first window ignores the padding",
        "max(0, (i + padding - window) // stride + 1)",
        "max(0, (i - window) // stride + 1)",
        "no padding",
    ),
    Fault(
        "kernels/gpu/index.py",
        "indices are split in signed numbers",
        "index_32, columns_32 = uint32(index), uint32(columns)",
        "index_32, columns_32 = int64(index) & 0x7FFFFFFF, uint32(columns)",
        "index 2**31",
    ),
    Fault(
        "kernels/gpu/products.py",
        "tiles are overwritten while they are read",
        "        multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)\n        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them\n",
        "        multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)\n",
        "K = TILE_K",
    ),
    Fault(
        "kernels/gpu/products.py",
        "a part of a sum reaches into the next",
        "last_k = min(K, (part + 1) * part_length)",
        "last_k = K",
        "one part",
    ),
    Fault(
        "kernels/gpu/products.py",
        "the second column of blocks starts where the first does",
        "first_n = int64(uint32(cuda.blockIdx.x)) * TILE_N",
        "first_n = int64(uint32(cuda.blockIdx.x)) * 0",
    ),
    Fault(
        "kernels/gpu/products.py",
        "groups are not put side by side again",
        "                total[i, j] = tile[tm, own(tn, j, THREADS_N, 1)]",
        "                total[i, j] = tile[tm, own(tn, j, THREADS_N, GROUP)]",
        "GROUP = 1",
    ),
)

CONV2D = (
    gpu(
        "conv2d",
        "the last of the parts is left out",
        "for part in range(1, parts.shape[0]):",
        "for part in range(1, min(parts.shape[0], 2)):",
        "2 parts",
        "cuda/gemm.py",
    ),
    gpu(
        "conv2d",
        "more weights than a block has threads are not added up",
        "added = add_parts(BLOCK=BLOCK)[math.ceil(dw.size / BLOCK), BLOCK]",
        "added = add_parts(BLOCK=BLOCK)[1, BLOCK]",
        "BLOCK",
        "cuda/gemm.py",
    ),
    gpu(
        "conv2d",
        "a stride of the rows is taken for that of the columns",
        "column * STRIDE[1] + PHASE[1]] = value",
        "column * STRIDE[0] + PHASE[1]] = value",
        "square strides",
        "cuda/gemm.py",
    ),
    gpu(
        "conv2d",
        "threads of dw take the same outputs",
        "range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], WARPS * 32):\n        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])\n        row",
        "range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], 256):\n        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])\n        row",
        "the default of WARPS",
        "cuda/reduced.py",
    ),
    gpu(
        "conv2d",
        "a bias's sum ends after one turn of the block",
        "for k in range(cuda.threadIdx.x, dy.shape[0] * dy.shape[2] * dy.shape[3], WARPS * 32):\n        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])\n        total += dy",
        "for k in range(cuda.threadIdx.x, min(WARPS * 64, dy.shape[0] * dy.shape[2] * dy.shape[3]), WARPS * 32):\n        r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])\n        total += dy",
        "WARPS * 64",
        "cuda/reduced.py",
    ),
    gpu(
        "conv2d",
        "inputs under a tile are loaded in two turns at most",
        "for turn in range((INPUTS + THREADS - 1) // THREADS):",
        "for turn in range(min(2, (INPUTS + THREADS - 1) // THREADS)):",
        "2 TILE * TILE inputs",
        "cuda/window.py",
    ),
    gpu(
        "conv2d",
        "no barrier before the next channel",
        "        cuda.syncthreads()  # nobody reads these tiles any more: the next channel may overwrite them\n",
        "",
        "1 channel",
        "cuda/window.py",
    ),
    gpu(
        "conv2d",
        "the second tile of columns starts at its first input",
        "left = cuda.blockIdx.z * TILE * STRIDE[1] - PADDING[1]",
        "left = cuda.blockIdx.z * TILE - PADDING[1]",
        "TILE columns",
        "cuda/window.py",
    ),
    cpu(
        "conv2d",
        "a job's second chunk of terms is left out",
        "            while s < plan.t_start[c + 1]:\n                last = min(s + max(1, CHUNK // terms[s, 2]), plan.t_start[c + 1])",
        "            while s == plan.t_start[c]:\n                last = min(s + max(1, CHUNK // terms[s, 2]), plan.t_start[c + 1])",
        "CHUNK",
        "cpu/loops.py",
    ),
    cpu(
        "conv2d",
        "scattering begins anew with the image of the first portion",
        "part = dx[r : r + images]",
        "part = dx[0:images]",
        "2**23 products",
        "cpu/__init__.py",
    ),
    cpu(
        "conv2d",
        "the second block of lanes gets the biases of the first",
        "start[lane] = bias[block * lanes + lane]",
        "start[lane] = bias[lane]",
        "LANES channels",
        "cpu/loops.py",
    ),
    cpu(
        "conv2d",
        "a job goes on into the next group from its first row",
        "                g, i = g + 1, 0",
        "                g, i = g + 0, 0",
        "one image in a job",
        "cpu/loops.py",
    ),
    cpu(
        "conv2d",
        "what is turned after 256 values stands where the first 256 do",
        "for i2 in range(part * 256, min(n2, part * 256 + 256), 16):",
        "for i2 in range(part % 2 * 256, min(n2, part % 2 * 256 + 256), 16):",
        "512 pixels",
        "cpu/loops.py",
    ),
    cpu(
        "conv2d",
        "the bias's gradient forgets all blocks of channels but the first",
        "total += parts[c // lanes * R + r, c % lanes]",
        "total += parts[r, c % lanes]",
        "LANES channels",
        "cpu/loops.py",
    ),
    reference(
        "conv2d",
        "the stride of the rows serves for both axes",
        "i : i + sw * W_out : sw]",
        "i : i + sw * W_out : sh]",
        "square strides",
    ),
)

MATCHING = (
    gpu("match_anchors", "a warp counts itself among those before it", "if w < warp:", "if w <= warp:"),
    gpu("match_anchors", "only the warp before is counted", "if w < warp:", "if w == warp - 1:", "2 warps"),
    gpu(
        "match_anchors",
        "boxes of a second tile are numbered from 0",
        "found = look(found, anchor, n, corners(staged, k), first + k, kinds[k], champions[k])",
        "found = look(found, anchor, n, corners(staged, k), k, kinds[k], champions[k])",
        "BLOCK boxes",
    ),
    gpu(
        "match_anchors",
        "no barrier before the next boxes take their places",
        "found = look(found, anchor, n, corners(staged, k), numbers[k], kinds[k], champions[k])\n        cuda.syncthreads()  # everyone has seen them, so that the next may take their places\n",
        "found = look(found, anchor, n, corners(staged, k), numbers[k], kinds[k], champions[k])\n",
        "BLOCK boxes",
    ),
    gpu(
        "match_anchors",
        "a champion is sought among the first anchors only",
        "for n in range(cuda.threadIdx.x, anchors.shape[0], BLOCK):",
        "for n in range(cuda.threadIdx.x, min(anchors.shape[0], 2 * BLOCK), BLOCK):",
        "2 BLOCK anchors",
    ),
    cpu(
        "match_anchors",
        "an ignored face hides from half of itself on, but not half exactly",
        ">= np.float32(0.5)",
        "> np.float32(0.5)",
        "a cover of exactly a half",
    ),
    gpu("topk", "the network stops before its last merge", "while length <= TILE:", "while length < TILE:"),
    gpu(
        "topk",
        "exchanges of the largest network overlap",
        "for pair in range(thread, TILE // 2, BLOCK):",
        "for pair in range(thread, min(TILE // 2, 1000), BLOCK):",
        "TILE = 2000",
    ),
    gpu(
        "topk",
        "no barrier within a merge",
        "            cuda.syncthreads()  # what was exchanged over twice the distance is in place\n",
        "",
    ),
    gpu(
        "topk",
        "the third tile and later ones are not searched",
        "while first < tile_value.shape[1] and rank < value.shape[1]:",
        "while first < min(tile_value.shape[1], 2 * TILE) and rank < value.shape[1]:",
        "2 tiles",
    ),
    gpu(
        "topk",
        "rows of a second tile are numbered from 0",
        "if before(tile[other], first + other, mine, n):",
        "if before(tile[other], other, mine, n):",
        "BLOCK rows, and ties",
    ),
    cpu(
        "topk",
        "a NaN is the largest",
        "np.where(np.isnan(score), LOWEST,",
        "np.where(np.isnan(score), -LOWEST - 1,",
        "finite scores",
    ),
    gpu(
        "nms",
        "only the next word is struck",
        "for later in range(word + 1 + thread, WORDS, BLOCK):",
        "for later in range(word + 1 + thread, min(WORDS, word + 2), BLOCK):",
        "2 words",
    ),
    gpu(
        "nms",
        "words past the threads of the scan are not struck",
        "for later in range(word + 1 + thread, WORDS, BLOCK):",
        "for later in range(word + 1 + thread, min(WORDS, word + 1 + BLOCK), BLOCK):",
        "SCAN_BLOCK words",
    ),
    gpu(
        "nms",
        "a box strikes out at most BLOCK boxes after it",
        "for j in range(i + 1 + thread, K, BLOCK):",
        "for j in range(i + 1 + thread, min(K, i + 1 + BLOCK), BLOCK):",
        "BLOCK boxes",
    ),
    gpu(
        "nms",
        "pictures share their bits",
        'bits = scratch(boxes, (R, K, words), "uint32")',
        'bits = scratch(boxes, (1, K, words), "uint32")',
        "1 picture",
    ),
    gpu(
        "assign_targets",
        "only the first warp's parts are added",
        "for part in range(cuda.threadIdx.x, counts.shape[1], BLOCK):",
        "for part in range(cuda.threadIdx.x, min(counts.shape[1], 32), BLOCK):",
        "32 parts",
    ),
    gpu(
        "assign_targets",
        "parts of a level overlap",
        "range(part * BLOCK + cuda.threadIdx.x, matched.shape[0] * size, cuda.gridDim.x * BLOCK)",
        "range(part * BLOCK + cuda.threadIdx.x, matched.shape[0] * size, min(cuda.gridDim.x, 2) * BLOCK)",
        "2 parts that stride",
    ),
    gpu(
        "assign_targets",
        "the levels take as many blocks as the first",
        "math.ceil(R * max(levels) / BLOCK)",
        "math.ceil(R * levels[0] / BLOCK)",
        "a first level that is the largest",
    ),
)

ROWS = (
    gpu(
        "softmax",
        "the largest value is that of the first turn",
        "for c in range(thread, x.shape[1], BLOCK):\n        largest = max(largest, x[r, c])\n    largest = block_max",
        "for c in range(thread, min(BLOCK, x.shape[1]), BLOCK):\n        largest = max(largest, x[r, c])\n    largest = block_max",
        "BLOCK classes, of large values",
    ),
    gpu(
        "softmax",
        "a warp's sum ends after three turns",
        "        total = float32(0)\n        for c in range(lane, x.shape[1], WARP):\n            total += math.exp",
        "        total = float32(0)\n        for c in range(lane, min(96, x.shape[1]), WARP):\n            total += math.exp",
        "96 classes",
    ),
    gpu(
        "softmax",
        "every block has the rows of the first",
        "r = cuda.blockIdx.x * WARPS + cuda.threadIdx.x // WARP\n    if r < dx",
        "r = cuda.blockIdx.x * 2 + cuda.threadIdx.x // WARP\n    if r < dx",
        "tiny tiles",
    ),
    cpu(
        "softmax",
        "the largest value is not taken off",
        "y[r, c] = np.exp(x[r, c] - largest)",
        "y[r, c] = np.exp(x[r, c])",
        "values whose exponential is finite",
    ),
    gpu(
        "softmax_cross_entropy",
        "a warp's second row overwrites the first",
        "r = (cuda.blockIdx.x * BLOCK + cuda.threadIdx.x) // WARP\n    lane = cuda.threadIdx.x % WARP\n    if r < R:  # true",
        "r = cuda.blockIdx.x * 2 + cuda.threadIdx.x // WARP\n    lane = cuda.threadIdx.x % WARP\n    if r < R:  # true",
        "tiny tiles",
    ),
    gpu(
        "softmax_cross_entropy",
        "a target is supposed to add up to 1",
        "dx[r, c] = dy[r] * (p[r, c] * total - target[r, c])\n\n\n@rung",
        "dx[r, c] = dy[r] * (p[r, c] - target[r, c])\n\n\n@rung",
        "targets that add up to 1",
    ),
    gpu(
        "loss",
        "a block's sum ends after four turns",
        "for i in range(cuda.threadIdx.x, p.shape[1], BLOCK):",
        "for i in range(cuda.threadIdx.x, min(p.shape[1], 4 * BLOCK), BLOCK):",
        "4 BLOCK features",
    ),
    cpu(
        "loss",
        "the mean is taken over the rows",
        "np.float32(share(function, prediction.shape[1])))",
        "np.float32(share(function, prediction.shape[0])))",
        "as many rows as features",
    ),
    gpu(
        "iou",
        "the last strip is as high as the others",
        "rows = min(ROWS, M - first)",
        "rows = ROWS",
        "a multiple of ROWS",
    ),
    gpu(
        "focal_loss",
        "threads of a second block have the rows of the first",
        "    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x\n    if r < R:\n        largest",
        "    r = cuda.blockIdx.x % 4 * BLOCK + cuda.threadIdx.x\n    if r < R:\n        largest",
        "4 blocks",
    ),
    cpu(
        "smooth_l1",
        "the slope forgets the weight",
        "dprediction[r, i] = dy[r] * weight[r] * slope",
        "dprediction[r, i] = dy[r] * slope",
        "weights of 1",
    ),
)

PICTURES = (
    gpu(
        "transpose",
        "a tile of ROWS rows is loaded in four turns",
        "    for i in range(ty, TILE, ROWS):\n        if first_m + i < M",
        "    for i in range(ty, min(TILE, 3 * ROWS), ROWS):\n        if first_m + i < M",
        "3 ROWS rows in a tile",
    ),
    gpu(
        "transpose",
        "no barrier before the tile is read",
        "    cuda.syncthreads()  # the tile is complete\n    for k",
        "    for k",
    ),
    gpu(
        "transpose",
        "narrow tiles are as high as square ones",
        "return height, TILE * TILE // height",
        "return height, min(TILE, TILE * TILE // height)",
        "matrices narrower than a tile",
    ),
    cpu(
        "transpose",
        "matrices of a batch end at their last whole strip",
        "strips = (N + TILE - 1) // TILE",
        "strips = max(1, N // TILE)",
        "TILE columns",
    ),
    gpu(
        "resize",
        "what lies between is a tile wide",
        "for w in range(left + tx, right, TILE[1]):",
        "for w in range(left + tx, min(right, left + 2 * TILE[1]), TILE[1]):",
        "2 TILE columns under a tile",
    ),
    gpu(
        "resize",
        "channels after the first are those of the first picture",
        "r = cuda.blockIdx.x // y.shape[1]",
        "r = cuda.blockIdx.x // y.shape[1] * 0",
        "1 picture",
    ),
    gpu(
        "upsample2d",
        "copies of the last row are lost",
        "return (h * H_out + H - 1) // H",
        "return h * H_out // H",
        "whole factors",
    ),
    gpu(
        "upsample2d",
        "the last taker is the one before",
        "(2 * H_out * h + 3 * H_out - H - 1) // (2 * H)",
        "(2 * H_out * h + 3 * H_out - H - 1) // (2 * H) - 1",
    ),
    gpu(
        "avgpool2d",
        "windows at the edge divide by what is there",
        "y[r, c, h_out, w_out] = total / float32(window_h * window_w)",
        "y[r, c, h_out, w_out] = total / float32((min(top + window_h, x.shape[2]) - max(top, 0)) * window_w)",
        "no padding",
    ),
    cpu("avgpool2d", "overlaps overwrite", "dx[r, c, h, w] += part", "dx[r, c, h, w] = part", "windows apart"),
    cpu("l2pool2d", "overlaps overwrite", "dx[r, c, h, w] +=", "dx[r, c, h, w] =", "windows apart"),
    gpu(
        "concat",
        "the first place of b is counted in rows",
        "first = (dy.shape[1] - dx.shape[1]) * dy.shape[2] if dx is db else 0",
        "first = (dy.shape[1] - dx.shape[1]) if dx is db else 0",
        "rows of one value",
    ),
    gpu(
        "activation",
        "a grid of at most 64 blocks",
        "forward_each(F=f, BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK]",
        "forward_each(F=f, BLOCK=BLOCK)[min(math.ceil(x.size / BLOCK), 64), BLOCK]",
        "64 BLOCK values",
    ),
    gpu(
        "add",
        "every block has the values of the first four",
        "i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x\n    if i < y.size",
        "i = cuda.blockIdx.x % 64 * BLOCK + cuda.threadIdx.x\n    if i < y.size",
        "64 BLOCK values",
    ),
    gpu(
        "normalise",
        "the last bytes that fill no word are left out",
        "words_kernel[math.ceil(x.size / size), BLOCK]",
        "words_kernel[x.size // size, BLOCK]",
        "a multiple of BLOCK pixels",
    ),
)

OPTIMIZERS = (
    gpu(
        "adam",
        "the second moment is not corrected for its start",
        "v_hat = mean_square / rate[2]",
        "v_hat = mean_square / rate[1]",
    ),
    cpu(
        "adam",
        "decay is part of the gradient",
        "w[i] -= rate[0] * (m_hat / (np.sqrt(v_hat) + epsilon) + decay * w[i])",
        "w[i] -= rate[0] * ((m_hat + decay * w[i]) / (np.sqrt(v_hat) + epsilon))",
        "no decay",
    ),
    cpu(
        "adam",
        "a gradient that is not finite is stepped along",
        "if np.isfinite(norm[0]):",
        "if True:",
        "finite gradients",
    ),
    gpu(
        "sgd",
        "decay does not enter the velocity",
        "speed = momentum * velocity[i] + dw[i] + decay * w[i]\n        velocity[i] = speed",
        "speed = momentum * velocity[i] + dw[i] + decay * w[i]\n        velocity[i] = speed - decay * w[i]",
        "no decay",
    ),
    Fault(
        "kernels/operations/adam/__init__.py",
        "the second moment fills a step too early",
        "1 - beta2 ** (step + 1)",
        "1 - beta2 ** (step + 2)",
    ),
)

MACHINES = (
    Fault(
        "kernels/gpu/interpreter/races.py",
        "a thread's read hides that it wrote before",
        "latest[later.thread, later.kind] = later",
        "latest[later.thread] = later",
        "one access a thread",
    ),
    Fault(
        "kernels/gpu/interpreter/races.py",
        "of the blocks that touch a cell only the first of each batch is known",
        "np.maximum(self.last_block[cells], groups.last_actor + 1)",
        "np.maximum(self.last_block[cells], groups.first_actor + 1)",
        "a batch of one block",
    ),
    Fault(
        "kernels/gpu/interpreter/races.py",
        "two reads are a race where a third thread writes elsewhere",
        "return bool((self.kind | other.kind) & WRITE) or self.kind != other.kind",
        "return True",
    ),
    Fault(
        "kernels/gpu/xray/requests.py",
        "the rest of a run of reads is joined too",
        "is_whole = head_aligned & (place < length // most * most)",
        "is_whole = head_aligned & (place < length)",
        "runs that are multiples of 4",
    ),
    Fault(
        "kernels/gpu/occupancy.py",
        "registers are given out one by one",
        "_up(max(registers, 1) * WARP, REGISTER_STEP)",
        "max(registers, 1) * WARP",
        "multiples of 8 registers",
    ),
    Fault(
        "kernels/gpu/occupancy.py",
        "the warps of a block are not whole",
        "warps = _up(threads, WARP) // WARP",
        "warps = max(1, threads // WARP)",
        "multiples of 32 threads",
    ),
    Fault(
        "kernels/device.py",
        "pinned memory is written again while it is being read",
        "            self.stream.synchronize()\n            start = 0",
        "            start = 0",
        "PINNED bytes",
    ),
    Fault(
        "kernels/device.py", "two uploads share a place", "self._used = start + size", "self._used = start", "1 upload"
    ),
)

KERNELS: tuple[Fault, ...] = (*TOGETHER, *MACHINES, *CONV2D, *MATCHING, *ROWS, *PICTURES, *OPTIMIZERS)
