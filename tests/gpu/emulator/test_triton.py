"""Kernels of Triton, compiled for a GPU that is not there and executed by the CPU: a third compiler's PTX."""

import numpy as np
import pytest

from kernels.gpu.emulator import load

triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")

INF = tl.constexpr(float("-inf"))


@triton.jit
def add(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(z + i, tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


@triton.jit
def softmax(x, y, n, BLOCK: tl.constexpr):
    i, row = tl.arange(0, BLOCK), tl.program_id(0)
    v = tl.load(x + row * n + i, mask=i < n, other=INF)
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row * n + i, e / tl.sum(e, 0), mask=i < n)


@triton.jit
def product(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    total = tl.zeros((BM, BN), tl.float32)
    for first in range(0, K, BK):
        at = first + k
        of_a = tl.load(a + m[:, None] * K + at[None, :], mask=(m[:, None] < M) & (at[None, :] < K), other=0.0)
        of_b = tl.load(b + at[:, None] * N + n[None, :], mask=(at[:, None] < K) & (n[None, :] < N), other=0.0)
        total = tl.dot(of_a, of_b, total)
    tl.store(c + m[:, None] * N + n[None, :], total, mask=(m[:, None] < M) & (n[None, :] < N))


def run(function, kinds, constants, architecture, grid, *values):
    """Compile for pointers and numbers of these types, and launch."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    names = [name for name in function.arg_names if name not in constants]
    signature = dict(zip(names, kinds, strict=True)) | dict.fromkeys(constants, "constexpr")
    source = ASTSource(function, signature=signature, constexprs=constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32))
    kernel = load(compiled.asm["ptx"])
    hidden = len(kernel.translation.places.parameters) - len(values)  # scratch memory that these kernels do not use
    block = (32 * compiled.metadata.num_warps, 1, 1)
    kernel.run((*grid, 1, 1)[:3], block, [*values, *[0] * hidden], compiled.metadata.shared)


@pytest.mark.parametrize("architecture", [80, 90])
def test_a_sum(architecture):
    x, y = np.random.default_rng(1).standard_normal((2, 1000)).astype(np.float32)
    z = np.zeros_like(x)
    run(add, ["*fp32", "*fp32", "*fp32", "i32"], {"BLOCK": 256}, architecture, (4,), x, y, z, x.size)
    assert np.array_equal(z, x + y)


@pytest.mark.parametrize("architecture", [80, 90])
def test_softmax(architecture):
    x = np.random.default_rng(2).standard_normal((5, 200)).astype(np.float32)
    y = np.zeros_like(x)
    run(softmax, ["*fp32", "*fp32", "i32"], {"BLOCK": 256}, architecture, (5,), x, y, x.shape[1])
    e = np.exp(x - x.max(1, keepdims=True))
    assert np.allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(("kind", "bits"), [("fp16", 0), ("fp32", 13)])
@pytest.mark.parametrize(("M", "N", "K"), [(64, 64, 32), (100, 72, 88)])
def test_a_product_on_tensor_cores(kind, bits, M, N, K):
    """Of sm_80, whose products are mma.sync; of float32 they round to TF32."""
    generator = np.random.default_rng(3)
    a, b = (generator.standard_normal(s).astype(f"float{kind[2:]}") for s in ((M, K), (K, N)))
    c = np.zeros((M, N), np.float32)
    tiles = {"BM": 64, "BN": 64, "BK": 32}
    kinds = [f"*{kind}", f"*{kind}", "*fp32", "i32", "i32", "i32"]
    run(product, kinds, tiles, 80, (-(-M // 64), -(-N // 64)), a, b, c, M, N, K)
    a, b = a.astype(float), b.astype(float)
    step = 2.0**-9 if bits else 2.0**-22
    assert np.all(np.abs(c - a @ b) <= step * (np.abs(a) @ np.abs(b)))
