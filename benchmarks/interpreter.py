"""How fast kernels are executed without a GPU: our interpreter, unchecked and checked, and Numba's own simulator.

    python -m benchmarks.interpreter

The same tiled product of two 32x32 float32 matrices, in 16 blocks of 8x8 threads with two tiles in shared memory
and two barriers per tile. Best of several runs each, the first (which rewrites the kernel) apart. The results of
all three are compared with NumPy's, and with each other bit for bit.

What the checks cost kernels that touch each element once or twice: processor time, beside the unchecked mode's, and the
memory that an element more takes, from ELEMENTS of them to twice as many. Activation, Adam and convolution are the
highest rungs of their ladders; the convolution's arrays are small, and its time is arithmetic.
"""

import inspect
import math
import subprocess
import sys
import tempfile
import textwrap
import time
import tracemalloc
from pathlib import Path

import numpy as np

from kernels.bench.trial import Trial
from kernels.commands.command_line import add_json, command, run, write_json
from kernels.device import Device, launches
from kernels.gpu import cuda, float32, kernel
from kernels.operation import find_operation
from kernels.table import table

SIZE, TILE = 32, 8
ELEMENTS = 2**18


def product(a, b, c):
    """One thread per output; a block walks along K tile by tile, in shared memory."""
    sa = cuda.shared.array((TILE, TILE), float32)
    sb = cuda.shared.array((TILE, TILE), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    row = cuda.blockIdx.y * TILE + ty
    column = cuda.blockIdx.x * TILE + tx
    total = float32(0)
    for t in range(a.shape[1] // TILE):
        sa[ty, tx] = a[row, t * TILE + tx]
        sb[ty, tx] = b[t * TILE + ty, column]
        cuda.syncthreads()
        for k in range(TILE):
            total += sa[ty, k] * sb[k, tx]
        cuda.syncthreads()
    c[row, column] = total


def matrices():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, SIZE, SIZE)).astype(np.float32)
    return a, b, np.zeros_like(a)


def seconds(run, repeats):
    """Time of the first run, and of the best after it."""
    times = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:])


def interpreted(checked):
    a, b, c = matrices()
    launch = kernel(product)[(SIZE // TILE, SIZE // TILE), (TILE, TILE)](a, b, c)
    return *seconds(lambda: launch.interpret(checked=checked), repeats=10), c


@kernel
def scale(x, y, factor, *, BLOCK=256):
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = factor * x[i]


def scaling(n):
    x = np.ones(n, np.float32)
    return [scale[math.ceil(n / 256), 256](x, np.empty_like(x), np.float32(2))]


def of_operation(name, **case):
    """The launches of an operation's forward direction, with the tiles that a GPU gets."""
    operation = find_operation(name)
    trial = Trial.of_shape(operation, case, np.random.default_rng(0))
    return launches(operation, "forward", trial.arguments(Device("interpret"), "forward"))


# Launches for a number of elements in all arrays together.
CHECKED = {
    "y = factor * x": lambda n: scaling(n // 2),
    "activation.forward": lambda n: of_operation("activation", x=(n // 2,), function="relu"),
    "adam.forward": lambda n: of_operation("adam", dw=(n // 4,), rate=(3,), norm=(1,)),
    "conv2d.forward": lambda n: of_operation("conv2d", x=(1, 4, 32, 32), w=(16, 4, 3, 3), padding=(1, 1)),
}


def cost_of_checks(launched):
    """(seconds unchecked, seconds checked, bytes an element) of what `launched` makes for a number of elements."""
    runs = launched(ELEMENTS)
    plain, checked = (min(processor_time(runs, checked) for _ in range(4)) for checked in (False, True))
    few, many = (memory(launched(n)) for n in (ELEMENTS, 2 * ELEMENTS))
    more = many[1] - few[1]
    return plain, checked, (many[0] - few[0]) / more if more else None


def processor_time(runs, checked):
    """Seconds of the processor that interpreting takes: another process takes none of them."""
    start = time.process_time()
    for launch in runs:
        launch.interpret(checked)
    return time.process_time() - start


def memory(runs):
    """(bytes that interpreting takes at most, elements of the arrays)."""
    tracemalloc.start()
    for launch in runs:
        launch.interpret()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sizes = {id(a): a.size for launch in runs for a in launch.args if isinstance(a, np.ndarray)}
    return peak, sum(sizes.values())


SIMULATION = """
import sys, time
import numpy as np
from numba import cuda, float32

SIZE, TILE = {size}, {tile}

{product}
{matrices}
{seconds}
a, b, c = matrices()
simulated = cuda.jit(product)[(SIZE // TILE, SIZE // TILE), (TILE, TILE)]
np.savez(sys.argv[1], times=seconds(lambda: simulated(a, b, c), repeats=1), c=c)
"""


def simulated():
    """The same in a process of its own, because Numba chooses its simulator when it is imported."""
    functions = {f.__name__: textwrap.dedent(inspect.getsource(f)) for f in (product, matrices, seconds)}
    with tempfile.TemporaryDirectory() as folder:
        script, result = Path(folder, "simulation.py"), Path(folder, "result.npz")
        script.write_text(SIMULATION.format(size=SIZE, tile=TILE, **functions))
        subprocess.run([sys.executable, script, result], check=True, env={"NUMBA_ENABLE_CUDASIM": "1"})
        with np.load(result) as saved:
            return *map(float, saved["times"]), saved["c"]


def main(arguments=None):
    text = "Time kernels without a GPU: in our interpreter, unchecked and checked, and in Numba's own simulator."
    c = command("python -m benchmarks.interpreter", measure, text)
    add_json(c)
    return run(c, arguments)


def measure(options):
    """Print the table, after the results have been compared."""
    found = {
        "interpreter, fast": interpreted(checked=False),
        "interpreter, checked": interpreted(checked=True),
        "Numba's simulator": simulated(),
    }
    a, b, _ = matrices()
    _, fast, expected = found["interpreter, fast"]
    _, simulator, _ = found["Numba's simulator"]
    for name, (_, _, c) in found.items():
        np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-5, err_msg=name)
        assert np.array_equal(c, expected), f"{name}: differs from the fast interpreter"
    lines = [
        (name, f"{first * 1e3:.1f} ms", f"{best * 1e3:.1f} ms", f"{best / fast:.1f}x", f"{simulator / best:.1f}x")
        for name, (first, best, _) in found.items()
    ]
    print(__doc__.split("\n\n")[2].replace("\n", " ") + "\n")
    print(table([("", "first run", "best", "of fast", "speedup over the simulator"), *lines]))
    print("\nAll three agree bit for bit, and with NumPy within float32 rounding.")
    costs = {name: cost_of_checks(launched) for name, launched in CHECKED.items()}
    lines = [
        (name, f"{plain * 1e3:.0f} ms", f"{checked * 1e3:.0f} ms", f"{checked / plain:.1f}x", shown(nbytes))
        for name, (plain, checked, nbytes) in costs.items()
    ]
    print(f"\n{__doc__.split(chr(10) * 2)[3]}\n".replace("ELEMENTS", f"{ELEMENTS:,}"))
    print(table([("", "unchecked", "checked", "ratio", "bytes an element"), *lines]))
    rows = {name: {"first": first, "best": best} for name, (first, best, _) in found.items()}
    keys = ("unchecked", "checked", "bytes")
    write_json(options.json, {**rows, "checks": {n: dict(zip(keys, c, strict=True)) for n, c in costs.items()}})


def shown(nbytes):
    return "-" if nbytes is None else f"{nbytes:.1f}"


if __name__ == "__main__":
    sys.exit(main())
