"""Fuzzing: random cases with hard values, run through every implementation and held against the reference.

A case is a list of choices, each a number with a least value. To shrink a case that fails is to make its choices
smaller, one at a time, as long as it goes on failing; so the same seed and case number always shrink to the same case.

An error is measured against the size of the expected values. Since sums of both signs may come out near 0 by chance,
that is taken to be at least a tenth of what the reference makes of the absolute values of the inputs, or of others
like them, and at least 0.1 where inputs are of size one. Results below the smallest normal float32 may be flushed to 0.

An infinity or a NaN must not be swallowed: where the reference is not finite, nobody may be. The converse is not
asked, because 0 times infinity is a NaN and kernels differ in which products with 0 they skip; for the same reason
cases in which a kernel may skip such products (`Operation.skips`) only show that what is finite is right.
"""

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernels.bench.trial import Trial
from kernels.cpu.ladder import Ladder
from kernels.device import cuda_problem
from kernels.operation import HARD, Operation, ShapeError
from kernels.table import Row

# What is held against the reference. The emulator, whose kernels take a second each to compile, is asked for by name.
DEVICES = ("cpu", "interpret", "emulate", "cuda")
AT_ONCE = ("cpu", "interpret", "cuda")

# What is done to the values of a case; the simplest first, since cases shrink towards it.
SCALES = {"denormal": 1e-40, "tiny": 1e-12, "huge": 1e12}
SPECIAL = {"infinite": np.inf, "nan": np.nan}
KINDS = ("plain", *HARD)
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Subject:
    """One kernel under test: a direction of an operation on a device, and there a rung.

    order    of an interpreted or emulated kernel: the seed of the order in which its threads run; None for that of
             their numbers
    """

    operation: Operation
    direction: str
    device: str
    rung: int | None = None
    order: int | None = None

    def __str__(self):
        on = self.device if self.rung is None else f"{self.device}, rung {self.rung}"
        return f"{self.operation.name}.{self.direction} on {on}"

    def run(self, trial: Trial, forward: dict[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        how = {"rung": self.rung} if self.order is None else {"rung": self.rung, "seed": self.order}
        if self.device == "emulate":  # as the interpreter it refuses what a GPU would not notice, with a GPU's tiles
            how["checked"] = True
        if self.direction == "forward":
            return trial.forward(self.device, **how)
        assert forward is not None
        return trial.backward(self.device, forward, **how)


def devices() -> list[str]:
    """Those that there are here, of what is run where none is named."""
    return [name for name in AT_ONCE if name != "cuda" or cuda_problem() is None]


def subjects(operation: Operation, device: str, order: int | None = None) -> Iterator[Subject]:
    """Every kernel of an operation on a device."""
    for direction in operation.directions:
        whole = getattr(operation.implementation("cpu" if device == "cpu" else "cuda"), direction)
        if device == "cpu" and not isinstance(whole, Ladder):
            yield Subject(operation, direction, device)
            continue
        for rung in range(1, len(whole) + 1):
            yield Subject(operation, direction, device, rung, order if device in ("interpret", "emulate") else None)


class Choices:
    """A Draw that follows given choices and, where these end, draws from a generator or takes the least."""

    def __init__(self, given: list[int], generator: np.random.Generator | None = None):
        self.given = given
        self.generator = generator
        self.made: list[int] = []
        self.least: list[int] = []

    def integer(self, low, high):
        if len(self.made) < len(self.given):
            value = min(max(self.given[len(self.made)], low), high)
        elif self.generator is not None:
            value = int(self.generator.integers(low, high, endpoint=True))
        else:
            value = low
        self.made.append(value)
        self.least.append(low)
        return value

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]


@dataclass
class Case:
    """A trial, the kind of its values, and the choices that led to it."""

    trial: Trial
    kind: str
    choices: Choices

    @classmethod
    def draw(cls, operation: Operation, seed: int, number: int, given: list[int] | None = None) -> "Case":
        """Case `number` of a seed; or, with `given`, the case of these choices. May raise ShapeError."""
        key = (seed, number, zlib.crc32(operation.name.encode()))
        choices = Choices(given or [], None if given is not None else np.random.default_rng((*key, 0)))
        kind = choices.choice(KINDS)
        generator = np.random.default_rng((*key, 1))
        trial = Trial.of_shape(operation, operation.case(choices), generator)
        harden(trial, kind, generator)
        return cls(trial, kind, choices)


def standing(trial: Trial, kind: str) -> list[str]:
    """The arrays of a trial that stand hard values of a kind: inputs and delta-errors of outputs."""
    names = (*trial.operation.inputs, *trial.operation.deltas)
    return [n for n in names if trial.arrays.get(n) is not None and kind in trial.operation.hard_values(n)]


def harden(trial: Trial, kind: str, generator: np.random.Generator) -> None:
    """Turn the values of a trial into those of a kind."""
    arrays = [trial.arrays[name] for name in standing(trial, kind)]
    make_hard([array for array in arrays if array is not None], kind, generator)


def make_hard(arrays: list[np.ndarray], kind: str, generator: np.random.Generator) -> None:
    """Turn the values of arrays into those of a kind."""
    for values in arrays:
        if kind == "ties":
            values[...] = np.round(values)
        elif kind == "zeros":
            values *= generator.random(values.shape) < 0.5
        elif kind in SCALES:
            values *= np.float32(SCALES[kind])
    if kind in SPECIAL and arrays:
        values = arrays[generator.integers(len(arrays))]
        values.flat[generator.integers(values.size)] = SPECIAL[kind] * generator.choice((-1, 1))


@dataclass(repr=False)
class Verdict(Row):
    """How far a kernel was off: in ulp of the largest value of an array, and relative; `problem` if that is wrong."""

    ulp: float = 0.0
    relative: float = 0.0
    problem: str = ""

    def worse(self, other: "Verdict") -> "Verdict":
        """The worst of two arrays of a kernel."""
        worst = max(self.ulp, other.ulp), max(self.relative, other.relative)
        return Verdict(*worst, self.problem or other.problem)

    def row(self):
        return {"problem": self.problem or "none", "ulp": f"{self.ulp:.3g}", "relative": f"{self.relative:.1e}"}


class Judge:
    """What the reference says of a case; computed once, asked for each kernel."""

    def __init__(self, case: Case):
        trial = case.trial
        self.trial, self.kind = trial, case.kind
        self.skips = trial.operation.skips(**trial.settings)
        of_any_sign = standing(trial, "ties")
        positive = {n: a if a is None or n not in of_any_sign else np.abs(a) for n, a in trial.arrays.items()}
        generator = np.random.default_rng(0)
        like = {n: trial.shapes[n] for n in trial.operation.inputs} | trial.settings
        other = Trial.of_shape(trial.operation, like, generator)
        harden(other, case.kind, generator)
        with np.errstate(all="ignore"):
            self.expected, self.forward = _reference(trial)
            absolute, _ = _reference(Trial(trial.operation, trial.shapes, trial.settings, positive))
            similar, _ = _reference(other)
        self.bounds = [absolute, similar]

    def __call__(self, subject: Subject) -> Verdict:
        """Run a kernel on the case and compare."""
        try:
            with np.errstate(all="ignore"):
                got = subject.run(self.trial, self.forward)
        except Exception as error:  # whatever a kernel does wrong is what is looked for
            return Verdict(problem=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        verdict = Verdict()
        for name, expected in self.expected[subject.direction].items():
            bounds = [bound[subject.direction][name] for bound in self.bounds]
            allowed = self.trial.operation.tolerance
            verdict = verdict.worse(compare(name, got[name], expected, bounds, self.kind, allowed, self.skips))
        return verdict


def compare(
    name: str,
    got: np.ndarray,
    expected: np.ndarray,
    bounds: list[np.ndarray],
    kind: str,
    tolerance: float,
    skips: bool = False,
) -> Verdict:
    """How far an array is off, of a case whose values are of a kind.

    bounds    results of other values of the same size, which tell how large this one could have been
    skips     whether the kernel may skip products with 0
    """
    if expected.dtype.kind != "f":
        same = np.array_equal(got, expected)
        return Verdict(problem="" if same else f"{name} is {short(got)}, expected {short(expected)}")
    with np.errstate(all="ignore"):
        finite = np.isfinite(expected.astype(np.float32))
        if not skips and np.isfinite(got[~finite]).any():
            return Verdict(problem=f"{name} is finite where it must be infinite or no number")
        if kind in SPECIAL:
            finite &= np.isfinite(got)
        elif not np.isfinite(got[finite]).all():
            return Verdict(problem=f"{name} is not finite, or not written, where it must be finite")
        if not finite.any():
            return Verdict()
        wanted = expected[finite]
        off = np.abs(got[finite].astype(np.float64) - wanted)
        root = np.sqrt(wanted.size)
        bound = max((n for b in bounds if np.isfinite(n := np.linalg.norm(b[finite]))), default=0.0)
        size = max(
            np.linalg.norm(wanted),
            0.1 * bound,
            0.0 if kind in SCALES else 0.1 * root,
        )
        error = max(np.linalg.norm(off) - SMALLEST_NORMAL * root, 0.0)
        relative = float(error / size) if size else float(error > 0)
        largest = max(np.abs(wanted).max(), size / root, SMALLEST_NORMAL)
        ulp = float(max(off.max() - SMALLEST_NORMAL, 0.0) / np.spacing(np.float32(largest)))
    problem = f"{name} is off by {relative:.1e}, allowed is {tolerance:.0e}" if relative > tolerance else ""
    return Verdict(ulp, relative, problem)


def _reference(trial: Trial) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """What the reference makes of a trial, by direction; and its forward in single precision, which backward is given.

    So a forward that is wrong on some device neither hides nor causes errors of a backward.
    """
    operation = trial.operation
    results = {"forward": trial.forward("reference")}
    single = {name: a.astype(operation.dtype(name)) for name, a in results["forward"].items()}
    if operation.gradients:
        results["backward"] = trial.backward("reference", single)
    return results, single


def shrink(subject: Subject, case: Case, seed: int, number: int, tries: int = 300) -> tuple[Case, Verdict]:
    """The smallest case found on which a kernel still fails: fewer and smaller choices, then plainer values."""
    operation = subject.operation
    best, verdict = case, Judge(case)(subject)
    left = tries
    improved = True
    while improved and left > 0:
        improved = False
        for index, (value, least) in enumerate(zip(best.choices.made, best.choices.least, strict=True)):
            for smaller in dict.fromkeys((least, (least + value) // 2, value - 1)):
                if not least <= smaller < value or left <= 0:
                    continue
                left -= 1
                choices = [*best.choices.made[:index], smaller, *best.choices.made[index + 1 :]]
                try:
                    candidate = Case.draw(operation, seed, number, choices)
                    said = Judge(candidate)(subject)
                except ShapeError:
                    continue
                if said.problem:
                    best, verdict, improved = candidate, said, True
                    break
            if improved:
                break
    for name, plainer in itertools.product(standing(best.trial, "ties"), (np.ones_like, np.round)):
        before = best.trial.arrays[name]
        assert before is not None
        best.trial.arrays[name] = plainer(before)
        said = Judge(best)(subject)
        if said.problem:
            verdict = said
        else:
            best.trial.arrays[name] = before
    return best, verdict


def short(array) -> str:
    """Values in a few characters."""
    return np.array2string(np.asarray(array), threshold=8, precision=4).replace("\n", "")
