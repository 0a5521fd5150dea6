"""Random chains of views, over global, shared and local memory: the elements that NumPy finds, read and written."""

import itertools
import linecache

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.interpreter import Unsupported

COUNTER = itertools.count()
TEXT = """
def chained(a, y):
    whole = {made}
    {copy}
    part = whole{chain}
    n = 0
    {loops}
{indent}y[n] = part[{index}]
{indent}part[{index}] = n + 100
{indent}n += 1
    {back}
"""


def loops(names, extents):
    """Nested loops, and how deep what is in them stands."""
    heads = [f"for {name} in range({extent}):" for name, extent in zip(names, extents, strict=True)]
    lines = [f"{'    ' * depth}{head}" for depth, head in enumerate(heads)]
    return "\n    ".join(lines), "    " * (len(names) + 1)


def kernel_of(made, shape, chain, ndim):
    """A kernel that goes over the elements of a chain of views, reads them, and writes their numbers into them."""
    axes = [f"i{n}" for n in range(len(shape))]
    head, indent = loops(axes, shape)
    copy, back = (
        (f"{head}\n{indent}{to}[{', '.join(axes)}] = {of}[{', '.join(axes)}]" if made != "a" else "pass")
        for to, of in (("whole", "a"), ("a", "whole"))
    )
    names = [f"j{n}" for n in range(ndim)]
    over, indent = loops(names, [f"part.shape[{n}]" for n in range(ndim)])
    parts = {"made": made, "copy": copy, "chain": chain, "loops": over, "indent": indent, "back": back}
    text = TEXT.format(**parts, index=", ".join(names))
    file = f"<views {next(COUNTER)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    names = {"cuda": cuda, "float32": float32}
    exec(compile(text, file, "exec"), names)
    return kernel(names["chained"])


@st.composite
def chains(draw):
    """(shape, chain of views as text): every integer in it lies in its axis."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    array, chain = np.zeros(shape, np.float32), ""
    for _ in range(draw(st.integers(1, 4))):
        step = draw(st.sampled_from(["T", "reshape", "index", "index", "index"]))
        text = {"T": ".T", "reshape": ".reshape(-1)"}.get(step) or draw(indices(array.shape))
        found = eval(f"array{text}", {"array": array})
        assume(found.ndim and np.shares_memory(found, array) and found.size)
        array, chain = found, chain + text
    return shape, chain, array.ndim


@st.composite
def indices(draw, shape):
    """What stands in brackets behind an array: integers and slices, for some of its axes or for all."""
    bound = st.none() | st.integers(-6, 6)
    items = []
    for extent in shape[: draw(st.integers(1, len(shape)))]:
        if draw(st.booleans()) and extent:
            items.append(str(draw(st.integers(0, extent - 1))))
        else:
            start, stop, step = draw(bound), draw(bound), draw(st.sampled_from(["", ":", ":2", ":-1", ":-2"]))
            items.append(f"{'' if start is None else start}:{'' if stop is None else stop}{step}")
    return f"[{', '.join(items)}]"


MEMORIES = ("a", "cuda.shared.array({shape}, float32)", "cuda.local.array({shape}, float32)")


@given(chains(), st.sampled_from(MEMORIES), st.booleans())
def test_a_chain_of_views_finds_the_elements_that_numpy_finds(chosen, memory, is_turned):
    shape, chain, ndim = chosen
    a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    a = np.asfortranarray(a) if is_turned else a
    expected = a.copy(order="K")
    part = eval(f"whole{chain}", {"whole": expected})
    assume(np.shares_memory(part, expected))
    found = part.flatten()
    part[...] = np.arange(part.size).reshape(part.shape) + 100
    each = kernel_of(memory.format(shape=shape), shape, chain, ndim)
    for checked in (False, True):
        b, y = a.copy(order="K"), np.zeros(max(part.size, 1), np.float32)
        try:
            each[1, 1](b, y).interpret(checked)
        except Unsupported as error:
            if "is not contiguous" not in str(error):
                raise
            assume(False)  # Numba forgets of some that they are
        assert np.array_equal(y[: part.size], found)
        assert np.array_equal(b, expected)
