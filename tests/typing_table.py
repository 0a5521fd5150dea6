"""The typing rules of numbers, asked of the installed numba-cuda: kernels/gpu/interpreter/typing_table.txt.

python -m tests.typing_table    writes it
"""

import cmath
import inspect
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from unittest import mock

from numba import cuda, types
from numba.core.errors import NumbaError

from kernels.gpu.interpreter import arithmetic, asked, complex_numbers, libdevice_calls, ufunc_calls
from kernels.gpu.interpreter.expressions import OPERATORS
from kernels.gpu.interpreter.intrinsics import CALLS as OF_CUDA
from kernels.gpu.interpreter.typing_table import FILE, LETTERS, RANGES, TYPES, name_of

SIGNS = (operator.neg, operator.pos, operator.invert)
OF_CMATH = (
    *complex_numbers.ASKS, *complex_numbers.OF_PARTS, cmath.acos, cmath.acosh, cmath.asin, cmath.asinh, cmath.atan,
    cmath.atanh, cmath.cos, cmath.cosh, cmath.phase, cmath.polar, cmath.sin, cmath.sinh, cmath.sqrt, cmath.tan,
    cmath.tanh,
)  # fmt: skip
OF_TWO = ("atan2", "copysign", "fmod", "hypot", "nextafter", "pow", "remainder")
BY_NUMBER = {"cuda.fma": 3, "cuda.selp": 3, **{f"cuda.{name}": 1 for name in ("brev", "cbrt", "clz", "ffs", "popc")}}

HEAD = "# Written by python -m tests.typing_table; how it is read, typing_table.py says.\n\n"


class NeedsDevice(Exception):
    """Numba would have to compile something for the GPU at hand, to say what type it returns."""


def questions() -> Iterator[tuple[str, int, Callable]]:
    """(name, how many numbers, what is to be asked with their types) of all that the table is about."""
    for function, count in functions():
        yield name_of(function), count, lambda *given, function=function: signature(function, given)
    for ufunc in sorted(ufunc_calls.USED, key=lambda ufunc: ufunc.__name__):
        yield f"np.{ufunc.__name__}", ufunc.nin, lambda *given, ufunc=ufunc: loop(ufunc, given)
    yield "unified", 2, unified


def functions() -> Iterator[tuple[Callable | str, int]]:
    """The functions that kernels call with numbers, and with how many."""
    for function in OPERATORS.values():
        yield function, 1 if function in SIGNS else 2
    for function in (abs, bool, complex, float, int, round, *OF_CMATH, math.frexp, math.modf):
        yield function, 1
    for function in (complex, max, min, round, math.ldexp):
        yield function, 2
    for count in (1, 2, 3):
        yield range, count
    for function in arithmetic.MATH:
        yield function, 2 if function.__name__ in OF_TWO else 1
    assert BY_NUMBER.keys() <= {f"cuda.{name}" for name in OF_CUDA}
    yield from BY_NUMBER.items()
    for name in libdevice_calls.CALLS:
        yield name, len(inspect.signature(asked.object_of(name)).parameters)


def signature(function, given):
    """(type of the result, types that the arguments are converted to); None where Numba refuses, or needs a device."""
    try:
        found = asked.signature(function, given)
    except (NumbaError, NeedsDevice):
        return None
    return found and (found.return_type, found.args)


def loop(ufunc, given):
    found = asked.loop(ufunc, given)
    return found and (found.outputs[0], tuple(found.inputs))


def unified(*given):
    found = asked.unified(*given)
    return found and (found, given)


def answers(count, ask) -> dict[str, list[str]]:
    """By signature, as the table writes it, the letters of all types that it is for."""
    found: dict[str, list[str]] = {}
    for letters in itertools.product(TYPES, repeat=count):
        given = tuple(TYPES[letter] for letter in letters)
        answer = ask(*given)
        if answer is not None:
            found.setdefault(written(*answer, given), []).append("".join(letters))
    return found


def written(result, converted, given) -> str:
    """A signature in letters."""
    ranges = {type_: letters for letters, type_ in RANGES.items()}
    items = result if isinstance(result, types.BaseTuple) else (result,)
    text = ranges.get(result) or "".join(LETTERS[item] for item in items)
    return text if converted == given else f"{text}({''.join(LETTERS[type_] for type_ in converted)})"


def products(words: list[str]) -> list[str]:
    """Words as few products: of aa ab ba bb `ab,ab`."""
    if words == [""]:
        return [""]
    behind: dict[str, list[str]] = {}
    for word in words:
        behind.setdefault(word[0], []).append(word[1:])
    alike: dict[tuple[str, ...], str] = {}
    for letter, rest in behind.items():
        key = tuple(products(rest))
        alike[key] = alike.get(key, "") + letter
    return [f"{first},{rest}".rstrip(",") for key, first in alike.items() for rest in key]


def table() -> str:
    """The text of the table: functions that are typed alike share their lines."""
    lines: dict[str, list[str]] = {}
    with mock.patch.object(cuda.dispatcher, "get_current_device", side_effect=NeedsDevice):
        for name, count, ask in questions():
            found = answers(count, ask)
            lines.setdefault(name, []).extend(f"{each} {' '.join(products(found[each]))}" for each in sorted(found))
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, rows in lines.items():
        alike.setdefault(tuple(rows), []).append(name)
    return (
        HEAD + "\n\n".join("\n".join((" ".join(sorted(names)), *rows)) for rows, names in alike.items() if rows) + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(table())
