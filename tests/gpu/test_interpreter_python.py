"""What kernels may write of Python beside numbers and ranges: the interpreter does what the compiled kernel does.

Each text below is the body of a kernel of x (float32, eight elements) and y (float64, sixteen zeros), run by four
threads, of which each knows its number as i.
"""

import enum
import io
import textwrap
from collections import namedtuple
from contextlib import redirect_stdout

import numpy as np
import pytest
from numba import cuda as numba_cuda

from kernels.gpu import cuda, device, kernel
from kernels.gpu.interpreter import DataRace, OutOfBounds, Unsupported
from tests.gpu.alike import assert_alike, kernel_from

Point = namedtuple("Point", "x y")
ORIGIN = Point(1, 2.5)
TRIPLE = (1, 2, 3)


class Shape(enum.Enum):
    ROUND = 1
    FLAT = 2


class Colour(enum.IntEnum):
    RED = 1
    BLUE = 2


@device
def weighted(a, b=2, c=3.0):
    return a * 100 + b * 10 + c


@numba_cuda.jit(device=True)
def appended(a, b=2):
    return a * 10 + b


@device
def or_itself(a, b=None):
    if b is None:
        return a
    return a + b


@device
def total(values):
    result = 0
    for value in values:
        result += value
    return result


@device
def taxicab(point):
    return point.x + point.y


@numba_cuda.jit(device=True)
def count_of(*values):
    return len(values)


@numba_cuda.jit(device=True)
def first_of(a, *values):
    return values[0] * a


@device
def last_of(*values):
    return values[-1]


def adding(amount):
    @device
    def added(a):
        return a + amount

    return added


adds_five = adding(5)


@device
def counted(y, i):
    y[i + 4] += 1
    return i


@device
def two(y, i):
    y[i + 4] += 1
    return 2


FUNCTIONS_AND_CLASSES = (Point, Shape, Colour, weighted, appended, or_itself, total, taxicab, counted, two)
NAMES = {thing.__name__: thing for thing in FUNCTIONS_AND_CLASSES}
NAMES |= {"ORIGIN": ORIGIN, "TRIPLE": TRIPLE, "adds_five": adds_five, "cuda": cuda, "np": np}
NAMES |= {"count_of": count_of, "first_of": first_of, "last_of": last_of, "TABLE": np.arange(6.0).reshape(2, 3)}

LOOPS = """
for k in (1, 2, 3): y[i] += k
for k in TRIPLE: y[i] += k
for k in x.shape: y[i] += k
for k in Point(1, 2): y[i] += k
for a, b in ((1, 2), (3, 4)): y[i] += a * b
for (a, b), c in zip(((1, 2), (3, 4)), (x[i], x[0])): y[i] += a * b * c
for j, v in enumerate((2, 3)): y[i] += j * v
for j, v in enumerate(range(5), 2): y[i] += j * v
for j, v in enumerate(x): y[i] += j * v
for a, b, k in zip(x, x[2:], range(9)): y[i] += a * b * k
for v in x.flat: y[i] += v
for v in TABLE.flat: y[i] += v * i
for j, v in np.ndenumerate(x): y[i] += j[0] * v
for (a, b), v in np.ndenumerate(TABLE.T): y[i] += v * a + b
for a, b in np.ndindex(2, i): y[i] += a * 10 + b
for j in np.ndindex(x.shape): y[i] += j[0]
for j in np.ndindex(i - 1): y[i] += j[0] + 1
r = enumerate(x)|for k, v in r: y[i] += k * v
t = cuda.local.array((2, 3), "int64")|for k, row in enumerate(t):|    for j in range(3): row[j] = k + j + i|\
for row, a in zip(t, (2, 3)): y[i] += row[1] * a
for row in (x[:4], x[4:]): y[i] += row[i]
t = (x, x[2:], i)|y[i] = t[0][1] + t[1][1] + t[2]
a = x[4:] if i else x[:4]|y[i] = a[i]
h = lambda a: a[1:]|y[i] = h(x)[i]
for a in enumerate((5, 6)): y[i] += a[0] * a[1]
for a, b in zip((1, 2, 3), (4.0, 5.0)): y[i] += a * b
for a, (b, c) in enumerate(zip(range(3), (x[0], x[1], x[2]))): y[i] += a * b * c
for k, in zip(range(3)): y[i] += k
n = 0|for n, v in enumerate((2, 3), 1): pass|y[i] = n
r = range(i)|for k in r: y[i] += k|for k in r: y[i] += k
r = enumerate((1, 2))|for k, v in r: y[i] += k
for k in range(2) if i else range(3): y[i] += k
n = 0|for v in (1, 2, 3):|    if v == 2: continue|    n += v|y[i] = n
for k in range(3):|    if k == i: break|else:|    y[i] = 7
k = 0|while k < i:|    k += 1|    if k == 2: break|else:|    y[i] = 7
k = 0|while k < i:|    k += 1|else:|    k = 2.5|y[i] = k
while True:|    y[i] += 1|    if y[i] > i: break|else:|    y[i] = 99
k = 0|while k < 3:|    k += 1|    j = 0|    while j < k:|        j += 1|        if j == i: break|    else:|\
        y[i] += 10|        continue|    y[i] += 1
for k in range(3):|    for j in range(k):|        if j == i: break|    else:|        y[i] += 10|\
        if k == 1: break|    y[i] += 1
"""

TUPLES = """
y[i] = i in (1, 2)
y[i] = i not in TRIPLE
y[i] = x[i] in (x[0], x[1])
y[i] = x[i] in (1.25, 2.5)
y[i] = i in (1.0, 2.0)
y[i] = i in ()
y[i] = i in range(2)
y[i] = i in range(1, 9, 2)
y[i] = (1, 2) == (1, i)
y[i] = (1, 2) != (1, i)
y[i] = (1, i) < (1, 2)
y[i] = (1, x[i]) <= (1, 2.5)
y[i] = (1, 2) > (1,)
y[i] = (1, 2) == (1,)
y[i] = ((1, i), 3) == ((1, 2), 3)
t = (float("nan"), i)|y[i] = (t == t) + 2 * (t != t) + 4 * (t < t)
t = (1, x[i])|t = t + (3,)|y[i] = t[2] + len(t)
t = (1, 2, 3)|y[i] = t[i % 3] + t[1:][0] + t[-1] + t[::-1][0]
t = ((1, 2), (3, i))|y[i] = t[1][1] + t[0][1]
(a, b), c = (1, 2), i|y[i] = a + b + c
a, b = 1, 2|a, b = b, a|y[i] = a * 10 + b
y[i], y[i + 4] = y[i + 4] + 1, 2
a = (1, 2)|if i > 1: a = (2.5, 3)|y[i] = a[0]
y[i] = total((1, 2, 3)) + total((x[i], x[0]))
y[i] = taxicab(Point(1, x[i]))
p = Point(y=1, x=x[i])|y[i] = p.x + p[1] + len(p)
y[i] = taxicab(ORIGIN) + ORIGIN.y
p = Point(1, 2) if i else Point(3, 4)|y[i] = p.x
a, b = Point(i, 2)|y[i] = a * b
t = (1, 2)|t = (*t, i)|y[i] = t[2] + len(t)
y[i] = Point(1, 2) == (1, i)
y[i] = (counted(y, i), 2)[1] + Point(counted(y, i), 2).y
a, b = (2.5, counted(y, i)) if i else (1, counted(y, i))|y[i] = a * b
"""

FUNCTIONS = """
y[i] = weighted(i) + weighted(i, c=1) + weighted(c=1, a=i)
y[i] = appended(i) + appended(i, b=4) + appended(b=4, a=i)
y[i] = or_itself(i) + or_itself(i, 2) + or_itself(i, None)
y[i] = adds_five(i)
y[i] = two(y, i) * 2 + (two(y, i) == 2) - two(y, i) + max(two(y, i), 1) + (not two(y, i)) + int(two(y, i))
if two(y, i): y[i] = 1 if two(y, i) else 2
y[i] = count_of(1, 2.5) + count_of() + count_of(x, i) + first_of(i, 2.5)
t = (i, 2.5)|y[i] = appended(*t) + count_of(*t, 3) + appended(1, *t[1:]) + max(*t)
h = lambda a: a * 2|y[i] = h(i)
def h(a):|    return a * 2|y[i] = h(i)
def h(a, b=2):|    return a + b|y[i] = h(i) + h(i, 3)
k = 3.5|h = lambda a: a * k|y[i] = h(i)
k = 1|h = lambda a: a + k|k = 2|y[i] = h(i)
k = 3.5|def h(a, b):|    c = a * k|    return c + b * i|y[i] = h(i, x[i]) + h(2, 3)
for k in range(3):|    h = lambda a: a + k|    y[i] += h(i)
h = lambda a: x[a]|y[i] = h(i)
def h(a):|    y[i] = a|h(5)
def h(a):|    def g(b): return b + 1|    return g(a)|y[i] = h(i)
def h(a):|    if a > 1: return 1.5|    return 2|y[i] = h(i)
def h(f, a): return f(a)|y[i] = h(lambda q: q + 1, i)
y[i] = (lambda a: a + 1)(i)
y[i] = sum((1, 2, 3)) + sum((x[i], 2.5)) + sum((x[i], x[i + 1])) + sum((1, 2), 5)
y[i] = divmod(i, 2)[1] * 10 + divmod(i, 2)[0]
a, b = divmod(x[i], 0.75)|y[i] = a * b
a, b = divmod(-x[i], 2)|y[i] = a * b
a, b = divmod(i - 2, -3)|y[i] = a * 10 + b
a, b = divmod(7, 2)|y[i] = a * 10 + b
y[i] = divmod(i, 0)[0] + divmod(x[i], 0)[0]
y[i] = round(x[i], 1) + round(x[i] * 1.37, 2) + round(x[i] * 137, -1)
y[i] = type(x[i])(2.7) + type(i)(2.7)
y[i] = max((1, 2, i)) + min(3, x[i], i)
y[i] = Colour.RED + i + (Colour.BLUE == i)
y[i] = (Shape.ROUND is Shape.ROUND) + 2 * (Shape.ROUND == Shape.FLAT)
y[i] = float("inf") * x[i]
cuda.nanosleep(i)|y[i] = 1
"""


MATCHES = """
match i:;    case 0: y[i] = 5;    case 1 | 2: y[i] = 6;    case _: y[i] = 7
match i + 1:;    case 2 if x[i] > 1: y[i] = 1;    case 2: y[i] = 2;    case n: y[i] = n * 10
match x[i]:;    case 1.25: y[i] = 1;    case 2 | -3: y[i] = 2
match i:;    case Colour.RED:;        y[i] = 1;    case _ if i > 2: y[i] = 2
for k in range(4):;    match k:;        case 1: continue;        case 3: break;        case a: y[i] += a + 1
"""


@pytest.mark.parametrize(
    "body", [line for part in (LOOPS, TUPLES, FUNCTIONS) for line in part.replace("\\\n", "").strip().split("\n")]
)
def test_python_within_a_kernel(body):
    run_alike(body.split("|"))


@pytest.mark.parametrize("body", MATCHES.strip().split("\n"))
def test_match_of_values(body):
    run_alike(body.split(";"))


def run_alike(body):
    lines = textwrap.indent("\n".join(body), "    ")
    text = f"def f(x, y):\n    i = cuda.threadIdx.x\n{lines}\n"
    x = np.arange(1, 9, dtype=np.float32) * np.float32(1.25)
    assert_alike(kernel_from(text, **NAMES), x, np.zeros(16), block=4, rtol=0.0)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("for k in (1, 2.5): y[0] += k", r"\(1, 2.5\) has several types: a loop goes over a tuple of one"),
        ("for k in (): y[0] += k", "a loop over a tuple without items is not supported"),
        ("for k in reversed((1, 2)): y[0] += k", "a loop goes over range|reversed is not supported"),
        ("for k in enumerate(): y[0] += k", "enumerate takes what it goes over, and from where it counts"),
        ("for k in zip(): y[0] += k", "zip takes what it goes over, one or more"),
        ("y[0] = 2 in (1, 2.5)", r"contains\(.*\) is not supported by Numba"),
        ("y[0] = Point(1).x", "Point takes x, y, each once"),
        ("y[0] = Point(1, 2).z", r"Point\(int64, int64\) has no attribute z: its fields are x, y"),
        ("y[0] = (1, 2)[y.size :][0]", "a tuple takes a slice that is written or named only"),
        ("h = lambda a: a\n    y[0] = h(1, 2)", "lambda takes a, each once"),
        ("h = lambda a: a\n    y[0] = h()", "lambda takes a, given 0"),
        ("h = lambda *a: a\n    y[0] = h(1)", "lambda within a kernel takes plain arguments"),
        ("match y:\n        case [a]: y[0] = a", "match with other patterns than values is not supported"),
        ("y[0] = last_of(1, 2)", "last_of takes \\*values: give each argument a name"),
        ("y[0] = weighted(*(1, 2))", "weighted takes no \\*: give the arguments one by one"),
        ("y[0] = count_of(*y)", r"\*y: 1-D array of float64 is no tuple"),
        ("y[0] = 'a' in ('a', 'b')", "'a' stands where a number is needed"),
        ("y[0] = y.flat[0.5]", "y.flat is an iterator over float64, which has no elements"),
        ("y[0] = sum(range(3))", "sum is not supported: write a loop"),
        ("y[0] = next(3)", "next of int64 is not supported: it takes what iter"),
        ("y[0] = float('one')", "float of 'one' is not supported"),
        ("y[0] = y is y", "`is` compares with None only, or members of an enum"),
    ],
)
def test_what_is_not_supported_is_refused(line, problem):
    with pytest.raises(Unsupported, match=problem):
        kernel_from(f"def f(y):\n    {line}\n", **NAMES)[1, 1](np.zeros(4)).interpret()


# Tuples given to a kernel


@kernel
def of_tuples(pair, arrays, point, y):
    i = cuda.threadIdx.x
    source, factors = arrays
    y[i] = source[i] * factors[i, 1] + pair[0] + pair[1] + point.x - arrays[0][i]
    arrays[0][i] = len(arrays)
    for k in pair:
        y[i] += k


def arguments(size=4):
    x, factors = np.arange(size, dtype=np.float32), np.arange(2.0 * size).reshape(size, 2)
    return (3, np.int64(4)), (x, factors), Point(np.float32(0.1), 7), np.zeros(size)


def test_a_kernel_takes_tuples_of_numbers_and_arrays():
    launches = [of_tuples[1, 4](*arguments()) for _ in range(3)]
    launches[0].interpret()
    launches[1].interpret(checked=False)
    launches[2].emulate(contracted=False)
    for launch in launches:
        assert launch.args[-1].tobytes() == launches[2].args[-1].tobytes()
        assert list(launch.args[1][0]) == [2] * 4


def test_an_array_in_a_tuple_is_checked_by_its_name():
    with pytest.raises(OutOfBounds, match=r"source\[3\] is out of bounds for shape \(3,\)"):
        of_tuples[1, 4](*arguments(3)).interpret()
    pair, (x, factors), point, y = arguments()
    with pytest.raises(DataRace, match=r"arrays\[0\]"):
        of_tuples[2, 4](pair, (x, factors), point, y).interpret()


def test_what_a_tuple_holds_is_checked_before_the_launch():
    _, arrays, point, y = arguments()
    with pytest.raises(TypeError, match=r"of_tuples: pair\[1\] is a str: give an array"):
        of_tuples[1, 4]((1, "a"), arrays, point, y)


def test_a_launch_shows_its_tuples():
    text = io.StringIO()
    with redirect_stdout(text):
        print(of_tuples[1, 4](*arguments()))
    assert "arrays: (float32 of 4, float64 of (4, 2))" in text.getvalue()
