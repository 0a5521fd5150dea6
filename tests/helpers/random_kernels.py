"""Small random kernels: their source, and the arrays they take.

    source, arrays = program(random.Random(7))

Each thread loads a value of every array, computes with integers and floats of several widths, in branches and loops,
tells lanes and threads of its block what it has, and stores a value of every type. What Python, Numba and a GPU
promise is drawn, and nothing else: no division by zero, no shift beyond the width, no float that no integer can hold,
no int64 that overflows, which Numba promises LLVM will not happen (v * v >= 0, says NVVM then).
"""

import random
import textwrap

import numpy as np

BLOCK, THREADS = 32, 64
INTEGERS = ("int8", "uint8", "int16", "int32", "uint32", "int64")
FLOATS = ("float32", "float64")
BITS = {"int8": 8, "uint8": 8, "int16": 16, "int32": 32, "uint32": 32, "int64": 64}
# Values that have their own rules somewhere.
SPECIAL = {
    "int8": (-128, -1, 0, 1, 127),
    "uint8": (0, 1, 255),
    "int16": (-(2**15), -1, 0, 2**15 - 1),
    "int32": (-(2**31), -1, 0, 1, 2**31 - 1),
    "uint32": (0, 1, 2**31, 2**32 - 1),
    "int64": (-(2**63), -1, 0, 1, 2**31, 2**63 - 1),
    "float32": (0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-40, 3e38),
    "float64": (0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-310, 1e308),
}


def program(choose: random.Random) -> tuple[str, dict[str, np.ndarray]]:
    """(source of a kernel `run`, its arguments by name: inputs x_TYPE, then outputs y_TYPE)."""
    types = [*dict.fromkeys((choose.choice(("int32", "int64")), *choose.sample(INTEGERS, 2), *FLOATS))]
    writer = Writer(choose, types)
    arguments = [f"{side}_{kind}" for side in "xy" for kind in types]
    source = f"@kernel\ndef run({', '.join(arguments)}):\n" + textwrap.indent("\n".join(writer.body()), "    ")
    generator = np.random.default_rng(choose.getrandbits(32))
    arrays = {f"x_{kind}": values(generator, kind) for kind in types}
    return source, arrays | {f"y_{kind}": np.zeros(THREADS, kind) for kind in types}


def values(generator, kind):
    """Some special ones among random ones of all sizes."""
    if kind in FLOATS:
        found = (generator.standard_normal(THREADS) * 10.0 ** generator.integers(-6, 7, THREADS)).astype(kind)
    else:
        limits = np.iinfo(kind)
        found = generator.integers(limits.min, limits.max, THREADS, kind, endpoint=True)
        found = np.where(generator.random(THREADS) < 0.5, found % 17, found).astype(kind)
    special = np.array(SPECIAL[kind], kind)
    at = generator.random(THREADS) < 0.2
    found[at] = generator.choice(special, at.sum())
    return found


class Writer:
    def __init__(self, choose: random.Random, types):
        self.choose, self.types = choose, types
        self.variables = {kind: [f"v_{kind}"] for kind in types}
        self.count = 0

    def body(self):
        yield "i = cuda.grid(1)"
        yield "t = cuda.threadIdx.x"
        for kind in self.types:
            yield f"v_{kind} = x_{kind}[i]"
        for _ in range(self.choose.randint(3, 7)):
            yield from self.statement(depth=0)
        for kind in self.types:
            yield f"y_{kind}[i] = {self.choose.choice(self.variables[kind])}"

    def statement(self, depth):
        kinds = [self.assign] * 4 + [self.branch, self.loop] * (depth < 2)
        if depth == 0:
            kinds += [self.shuffle, self.exchange, self.vote]
        yield from self.choose.choice(kinds)(depth)

    def block(self, depth):
        for _ in range(self.choose.randint(1, 2)):
            for line in self.statement(depth + 1):
                yield "    " + line

    def assign(self, depth):
        kind = self.choose.choice(self.types)
        if depth == 0 and self.choose.random() < 0.4:  # a new variable; inside a branch it might not be set
            name = f"w{self.count}"
            self.count += 1
            yield f"{name} = {self.value(kind, 3)}"
            self.variables[kind].append(name)
        else:
            yield f"{self.choose.choice(self.variables[kind])} = {self.value(kind, 3)}"

    def branch(self, depth):
        yield f"if {self.condition(2)}:"
        yield from self.block(depth)
        if self.choose.random() < 0.5:
            yield "else:"
            yield from self.block(depth)

    def loop(self, depth):
        name = f"k{depth}"
        start, stop, step = self.choose.choice(((0, 3, 1), (5, 1, -2), (2, 9, 3), (0, 0, 1)))
        yield f"for {name} in range({start}, {stop}, {step}):"
        yield from self.block(depth)
        if self.choose.random() < 0.3:
            yield f"    if {self.condition(1)}:"
            yield f"        {self.choose.choice(('break', 'continue'))}"

    def shuffle(self, depth):
        kind = self.choose.choice([k for k in self.types if k in ("int32", "int64", *FLOATS)])
        name = self.choose.choice(self.variables[kind])
        how, by = self.choose.choice((("xor", 5), ("up", 3), ("down", 7), ("", 9)))
        yield f"{name} = {kind}(cuda.shfl_{how + '_' if how else ''}sync(0xFFFFFFFF, {name}, {by}))"

    def vote(self, depth):
        kind = self.choose.choice([k for k in self.types if k in INTEGERS])
        how = self.choose.choice(("any_sync", "all_sync", "ballot_sync"))
        target = self.choose.choice(self.variables[kind])
        yield f"{target} = {kind}({target} + cuda.{how}(0xFFFFFFFF, {self.condition(2)}))"

    def exchange(self, depth):
        """Through shared memory, with another thread of the block."""
        kind = self.choose.choice(self.types)
        name, shared = self.choose.choice(self.variables[kind]), f"s{self.count}"
        self.count += 1
        yield f"{shared} = cuda.shared.array({BLOCK}, {kind})"
        yield f"{shared}[t] = {name}"
        yield "cuda.syncthreads()"
        yield f"{name} = {shared}[(t + {self.choose.randint(1, 31)}) % {BLOCK}]"
        yield "cuda.syncthreads()"

    def condition(self, depth):
        if depth and self.choose.random() < 0.3:
            word = self.choose.choice(("and", "or"))
            return f"({self.condition(depth - 1)} {word} {self.condition(depth - 1)})"
        kind = self.choose.choice(self.types)
        sign = self.choose.choice(("<", "<=", ">", ">=", "==", "!="))
        return f"({self.value(kind, depth)} {sign} {self.value(kind, depth)})"

    def value(self, kind, depth):
        """An expression of a type."""
        leaf = self.choose.choice(self.variables[kind])
        if depth == 0 or self.choose.random() < 0.2:
            return leaf if self.choose.random() < 0.8 else f"{kind}({self.choose.randint(0, 100)})"
        return self.float_value(kind, depth - 1) if kind in FLOATS else self.integer_value(kind, depth - 1)

    def integer_value(self, kind, depth):
        a, b = self.value(kind, depth), self.value(kind, depth)
        small = self.choose.randint(1, 9)
        form = self.choose.choice(
            (
                f"{a} {self.choose.choice('&|^')} {b}",
                self.arithmetic(kind, a, b),
                f"{a} {self.choose.choice(('<<', '>>'))} {self.choose.randint(0, BITS[kind] - 1)}",
                f"{a} {self.choose.choice(('//', '%'))} {small}",
                f"~({a})",
                f"{self.choose.choice(('min', 'max'))}({a}, {b})",
                f"({a} if {self.condition(0)} else {b})",
                self.value(self.choose.choice([k for k in self.types if k in INTEGERS]), depth),
                self.counted(kind, depth),
            )
        )
        return f"{kind}({form})"

    def arithmetic(self, kind, a, b):
        """Of int64 with operands so small that nothing overflows."""
        if kind == "int64":
            a, b = f"({a} % 1000003)", f"({b} % 1009)"
        return self.choose.choice((f"{a} {self.choose.choice('+-*')} {b}", f"-({a})", f"abs({a})"))

    def counted(self, kind, depth):
        """Bits counted, of a type that a GPU counts them in."""
        wide = [k for k in self.types if k in ("int32", "uint32", "int64")]
        if not wide:
            return self.value(kind, depth)
        other = self.choose.choice(wide)
        return f"cuda.{self.choose.choice(('popc', 'clz', 'brev'))}({self.value(other, depth)})"

    def float_value(self, kind, depth):
        a, b = self.value(kind, depth), self.value(kind, depth)
        form = self.choose.choice(
            (
                f"{a} {self.choose.choice('+-*')} {b}",
                f"{a} / {self.choose.choice(('3', '0.7', '-8'))}",
                f"{self.choose.choice(('-', 'abs', 'math.sqrt', 'math.fabs', 'math.floor', 'math.ceil'))}({a})",
                f"{self.choose.choice(('min', 'max'))}({a}, {b})",
                f"({a} if {self.condition(0)} else {b})",
                self.value(self.choose.choice(self.types), depth),
            )
        )
        return f"{kind}({form})"
