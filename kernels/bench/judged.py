"""A user's program, interpreted and checked on values of every kind, and held against a NumPy function.

The function takes arrays and numbers of the program by their names, and fills the same arrays, in float64. Integers and
booleans stay what they are, since they may be indices. Without a function, what can be seen is what the interpreter
refuses, and values that are not finite where all that went in was of size one.
"""

from collections.abc import Callable, Mapping

import numpy as np

from kernels.bench.fuzz import KINDS, Verdict, compare, make_hard, short
from kernels.bench.loading import FileError, call, required
from kernels.bench.program import Program
from kernels.gpu.interpreter import KernelError
from kernels.operation import normal, unknown

# Kinds of values that a kernel has no reason to answer with an infinity.
ORDINARY = ("plain", "ties", "zeros")

Values = Mapping[str, np.ndarray]


def draw(program: Program, seed: int, number: int) -> tuple[str, dict[str, np.ndarray]]:
    """Case `number` of a seed: the kind of its values, each in its turn, and values for the arrays of floats."""
    kind = KINDS[number % len(KINDS)]
    generator = np.random.default_rng((seed, number))
    values = {name: normal(generator, array.shape).astype(array.dtype) for name, array in program.floats.items()}
    for array in values.values():
        make_hard([array], kind, generator)
    return kind, values


class ProgramJudge:
    """Says of values whether the program does with them what it must.

    function    what fills the arrays as they must be; None where nobody knows
    said        what the function is called: "my.py:expected"
    order       seed of the order in which threads are run; None for that of their numbers
    Raises FileError for a function that takes what the program has not, that fails, or that fills nothing.
    """

    def __init__(
        self,
        program: Program,
        function: Callable | None = None,
        said: str = "",
        tolerance: float = 1e-5,
        order: int | None = None,
    ):
        self.program, self.function, self.said, self.tolerance = program, function, said, tolerance
        self.order = order
        self.taken = required(function) if function else []
        for name in self.taken:
            if name not in program.arguments:
                raise FileError(f"{said}: {unknown('argument', name, program.arguments)}")
        if function is not None:
            _, values = draw(program, 0, 0)
            filled = self._expected(values)
            if all(np.array_equal(array, values.get(name, program.start[name])) for name, array in filled.items()):
                raise FileError(f"{said}: changes none of its arrays: let it fill them, as y[...] = 2 * x")

    def __call__(self, kind: str, values: Values) -> Verdict:
        """Interpret the program on values of a kind, and compare."""
        program = self.program
        program.fill(values)
        try:
            program.interpret(self.order)
        except KernelError as error:
            return Verdict(problem=str(error))
        if self.function is None:
            return self._finite(kind)
        expected, bounds = self._expected(values), self._expected({n: np.abs(a) for n, a in values.items()})
        verdict = Verdict()
        for name, wanted in expected.items():
            got = program.arrays[name]
            found = compare(name, got, wanted, [bounds[name]], kind, self.tolerance)
            if found.problem:
                found.problem += f": {_where_most(name, got, wanted)}"
            verdict = verdict.worse(found)
        return verdict

    def _finite(self, kind: str) -> Verdict:
        for name, array in self.program.floats.items():
            if kind in ORDINARY and not np.isfinite(array).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                place = f"{name}[{', '.join(map(str, index))}]"
                return Verdict(problem=f"{place} becomes {array[index]} of finite values (--against tells if it must)")
        return Verdict()

    def _expected(self, values: Values) -> dict[str, np.ndarray]:
        """The arrays that the function takes, as it leaves them."""
        given = {}
        for name in self.taken:
            value = self.program.arguments[name]
            if isinstance(value, np.ndarray):
                start = values.get(name, self.program.start[name])
                value = start.astype(np.float64 if start.dtype.kind == "f" else start.dtype)
            given[name] = value.item() if isinstance(value, np.generic) else value
        assert self.function is not None
        with np.errstate(all="ignore"):
            returned = call(self.function, self.said, **given)
        if returned is not None:
            raise FileError(f"{self.said}: returns a value: let it fill its arrays, as y[...] = 2 * x")
        return {name: value for name, value in given.items() if isinstance(value, np.ndarray)}

    def plainest(self, kind: str, values: Values) -> tuple[dict[str, np.ndarray], Verdict]:
        """Values as plain as can be, ones or whole numbers, on which the program still fails."""
        best, verdict = dict(values), self(kind, values)
        for name in values:
            for plainer in (np.ones_like, np.round):
                candidate = {**best, name: plainer(best[name])}
                said = self(kind, candidate)
                if said.problem:
                    best, verdict = candidate, said
                    break
        return best, verdict


def _where_most(name: str, got: np.ndarray, expected: np.ndarray) -> str:
    """The element that is off most, and what it should be."""
    with np.errstate(all="ignore"):
        off = np.abs(got.astype(np.float64) - expected)
    off[np.isnan(off) & ~(np.isnan(got) & np.isnan(expected))] = np.inf
    index = np.unravel_index(int(np.nanargmax(np.where(np.isnan(off), -1.0, off))), off.shape)
    place = ", ".join(str(int(i)) for i in index)
    return f"{name}[{place}] is {short(got[index])}, expected {short(expected[index])}"
