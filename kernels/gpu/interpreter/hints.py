"""What to write instead: hints for what people who know Python and NumPy try in a kernel."""

import ast
import difflib
import math
from collections.abc import Iterable

import numpy as np

LOCAL = "memory of a thread is cuda.local.array(shape, dtype), of a block cuda.shared.array(shape, dtype)"
NUMBERS_ONLY = "kernels know numbers, arrays and tuples only"
NO_EXCEPTIONS = "a GPU raises nothing: ask with `if`, or before the launch"
LOOP = "write a loop, as `for i in range(x.size)`"

NO_RANGE = "a loop goes over range(...), an array or a tuple, as `for i in range(x.size)`"

# Syntax, by its name in Python's grammar: what a reader calls it, and what to do.
SYNTAX = {
    "Delete": ("del", "leave it out"),
    "Dict": ("a dictionary", NUMBERS_ONLY),
    "DictComp": ("a dictionary", NUMBERS_ONLY),
    "GeneratorExp": ("a generator", LOOP),
    "Global": ("global", "kernels change arrays alone"),
    "JoinedStr": ("an f-string", NUMBERS_ONLY),
    "List": ("a list", LOCAL),
    "ListComp": ("a list", LOOP),
    "MatMult": ("@", LOOP),
    "Match": ("match with other patterns than values", "write if and elif"),
    "NamedExpr": (":=", "assign in a line of its own"),
    "Set": ("a set", NUMBERS_ONLY),
    "Starred": ("*", "give the arguments one by one"),
    "Try": ("try", NO_EXCEPTIONS),
    "With": ("with", "open files before the launch"),
}

# Functions of NumPy that have another name in math, or are built in.
INSTEAD_OF_NUMPY = {
    "absolute": "abs",
    "power": "**",
}
MAKES_ARRAYS = ("array", "empty", "full", "ones", "zeros")

BUILTINS = {
    "sum": LOOP,
    "sorted": "order by comparing elements",
    "open": "open files before the launch",
    "list": LOCAL,
    "dict": NUMBERS_ONLY,
    "str": NUMBERS_ONLY,
}


def unsupported(node: ast.AST | str, instead: str = "") -> str:
    """That something is not supported: a piece of syntax, or what it is called; and what to do."""
    name = node if isinstance(node, str) else type(node).__name__
    what, known = SYNTAX.get(name, (name, ""))
    instead = instead or known
    return f"{what} is not supported{': ' if instead else ''}{instead}"


def of_function(function, text: str) -> str:
    """That a function cannot be called, which stands in the kernel as `text`."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, np.ufunc) or module.partition(".")[0] == "numpy":
        if "random" in text:
            return unsupported(text, "draw random numbers before the launch, into an array")
        if name in MAKES_ARRAYS:
            return unsupported(text, LOCAL)
        found = INSTEAD_OF_NUMPY.get(name) or (f"math.{name}" if hasattr(math, name) else LOOP)
        return f"{text} is not supported: {found} instead of {text}" if found != LOOP else unsupported(text, LOOP)
    if type(function).__name__ == "ExternFunction":  # what cuda.declare_device gives
        return f"{text} is compiled elsewhere, so there is no source to interpret: emulate the kernel"
    if hasattr(function, "__code__"):
        return f"{text} is a Python function: decorate it with @device, so that kernels can call it"
    return unsupported(text, BUILTINS.get(name, ""))


def of_attribute(text: str, attribute: str, is_array: bool) -> str:
    """That an array or a number, which stands in the kernel as `text`, has no such attribute."""
    if attribute == "astype":
        return unsupported(f"{text}.astype", f"convert by calling the type, as float32({text})")
    if is_array:
        if attribute in ("length", "len", "count"):
            return unsupported(f"{text}.{attribute}", f"the number of elements is {text}.size")
        return unsupported(f"{text}.{attribute}", f"an array has shape, size, ndim and elements; {LOOP}")
    return unsupported(f"{text}.{attribute}")


def of_name(thing) -> str:
    """What to do with something that was named where a number is needed."""
    name = getattr(thing, "__name__", str(thing))
    if name in ("cuda.threadIdx", "cuda.blockIdx", "cuda.blockDim", "cuda.gridDim"):
        return f": it has three parts, as {name}.x"
    return f": call it, as {name}(...)" if callable(thing) or name.startswith("cuda.") else ""


def meant(name: str, options: Iterable[str]) -> str:
    """A question for what was misspelled, or nothing."""
    found = difflib.get_close_matches(name, list(options), 1)
    return f": did you mean {found[0]}?" if found else ""
