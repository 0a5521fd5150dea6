"""How large the tile of the CPU's matrix product should be, by trying: python -m benchmarks.tile

The innermost loop of kernels/cpu/multiply.py is built with several heights and lanes, as many sums as the registers
hold and some more and fewer, and multiplies as a job of conv2d does: a kernel of 5 x 5 over 64 channels of pictures of
14 x 14, UNIT tiles by CHUNK rows of v at a time. Then, with the tile that is in use, several UNIT and CHUNK. One core;
all sizes in turns, of each the best turn.
"""

import sys
from functools import cache

from benchmarks.cpu import instruction_sets
from benchmarks.instruction_sets import here, switched
from benchmarks.turns import ENVIRONMENT, Processes

CHANNELS, SIDE, KERNEL = 64, 14, 5
POSITIONS = (SIDE - KERNEL + 1) ** 2  # of a kernel in a picture
TERMS = CHANNELS * KERNEL * KERNEL
LANES, UNITS, CHUNKS = (16, 32, 64), (4, 8, 16, 32), (256, 512, 1024, 2048)
REGISTERS = {512: 32, 256: 16, 128: 32}  # vector registers of so many bits: AVX-512, AVX2, NEON
WORK = 5e7  # multiply-adds in a run


def in_use():
    """A competitor that only says: TILE, LANES, UNIT and CHUNK as they are, and how wide registers are."""
    from kernels.cpu.products import CHUNK, UNIT
    from kernels.cpu.registers import bits, machine
    from kernels.cpu.vectors import LANES, TILE

    return {"tile": (TILE, LANES), "unit": UNIT, "chunk": CHUNK, "bits": bits(machine())}


@cache
def loop(height: int, lanes: int):
    """A job as a function for each tile; what is compiled is kept for other sizes of blocks."""
    from numba import njit

    from kernels.cpu.multiply import make_tile

    tile = make_tile(height, lanes)

    @njit
    def job(sums, a, rows, v, terms, stretches, count):
        for _ in range(count):
            for first in range(0, len(terms) // 3, stretches):
                last = min(first + stretches, len(terms) // 3)
                for m in range(0, len(rows), height):
                    tile(sums, m * lanes, a, rows, m, v, 0, terms, first, last, 1)

    return job


def product(height: int, lanes: int, unit: int, chunk: int, count: int):
    """A function that does a job so many times, and returns the sums."""
    import numpy as np

    m, n = np.arange(height * unit), np.arange(CHANNELS * KERNEL)
    image, position = np.divmod(m, POSITIONS)
    row, column = np.divmod(position, SIDE - KERNEL + 1)
    rows = image * CHANNELS * SIDE * SIDE + row * SIDE + column
    terms = np.stack([n // KERNEL * SIDE * SIDE + n % KERNEL * SIDE, n * KERNEL, np.full_like(n, KERNEL)], axis=1)
    generator = np.random.default_rng(0)
    a = generator.standard_normal((image[-1] + 1) * CHANNELS * SIDE * SIDE, np.float32)
    v, sums = generator.standard_normal(TERMS * lanes, np.float32), np.zeros(len(m) * lanes, np.float32)

    def run():
        loop(height, lanes)(sums, a, rows, v, terms.ravel(), max(1, chunk // KERNEL), count)
        return sums

    return run


def rates(processes, variants: list, repeats: int) -> list[float]:
    """GFLOP/s of each variant, a multiply-add being two."""
    best = [0.0] * len(variants)
    for _ in range(repeats):
        for n, (height, lanes, unit, chunk) in enumerate(variants):
            work = height * lanes * unit * TERMS
            count = max(1, round(WORK / work))
            processes.prepare("product", product, height, lanes, unit, chunk, count)
            best[n] = max(best[n], 2 * count * work / processes.turn("product") / 1e9)
    return best


def heights(lanes: int, bits: int) -> list[int]:
    """As many rows of sums as fit beside a row of v and one value of a, two fewer and two more."""
    registers = lanes * 32 // bits
    fit = (REGISTERS[bits] - registers - 1) // registers
    return [height for height in range(fit - 2, fit + 3) if height > 0]


def main(arguments: list[str] | None = None) -> int:
    from kernels.commands.command_line import add_json, command, positive, run

    text = "Try sizes of the tile of the CPU's matrix product, and of its blocks; mark the best, and those in use."
    c = command("python -m benchmarks.tile", measure, text, "--isa avx2 --repeats 20")
    what = f"instruction sets, with commas between (default: {','.join(here())})"
    c.add_argument("--isa", type=instruction_sets, metavar="NAMES", default=list(here()), help=what)
    c.add_argument("--repeats", type=positive, metavar="N", default=8, help="turns of each size (default: 8)")
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Print two tables for each instruction set."""
    from kernels.commands.command_line import write_json

    result = {}
    for isa in options.isa:
        with Processes(switched(ENVIRONMENT, isa)) as processes:
            used = processes.call("product", in_use)
            unit, chunk = used["unit"], used["chunk"]
            tiles = list(dict.fromkeys([used["tile"], *((h, n) for n in LANES for h in heights(n, used["bits"]))]))
            blocks = list(dict.fromkeys([(unit, chunk), *((u, c) for u in UNITS for c in CHUNKS)]))
            of_tiles = rates(processes, [(*tile, unit, chunk) for tile in tiles], options.repeats)
            of_blocks = rates(processes, [(*used["tile"], *block) for block in blocks], options.repeats)
        tiles, blocks = (dict(zip(*pair, strict=True)) for pair in ((tiles, of_tiles), (blocks, of_blocks)))
        show(f"{isa}: tiles, UNIT {unit}, CHUNK {chunk}", ("TILE", "LANES"), tiles, used["tile"])
        height, lanes = used["tile"]
        show(f"{isa}: blocks, TILE {height}, LANES {lanes}", ("UNIT", "CHUNK"), blocks, (unit, chunk))
        result[isa] = {
            name: [{"sizes": sizes, "gflops": found} for sizes, found in speeds.items()]
            for name, speeds in (("tiles", tiles), ("blocks", blocks))
        }
        write_json(options.json, result)


def show(title: str, names: tuple[str, str], speeds: dict, used: tuple[int, int]) -> None:
    from kernels.table import table

    best = max(speeds, key=speeds.__getitem__)
    rows = [
        [*sizes, f"{found:.1f}", ", ".join(["best"] * (sizes == best) + ["in use"] * (sizes == used))]
        for sizes, found in sorted(speeds.items())
    ]
    print(title)
    print(table([[*names, "GFLOP/s", ""], *rows], left=(3,)))


if __name__ == "__main__":
    sys.exit(main())
