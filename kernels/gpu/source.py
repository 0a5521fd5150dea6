"""A Python function as kernels see it: its text, its syntax tree, what its names mean, and what it calls.

Compilers, the interpreter and the x-ray all start here, so nothing here knows any of them.
"""

import ast
import functools
import importlib
import inspect
import linecache
import pickle
import textwrap
import weakref

from kernels.gpu import compiler

# What to do where a device function calls itself.
RECURSION = "kernels have no recursion, write a loop"


class SourceError(RuntimeError):
    """A function whose source cannot be read: one line that names it."""


class Written:
    """A function as its file has it, whatever its constants. Raises SourceError where that is not kept.

    first_line    its number in the file
    text          decorators included, but for the indentation of the whole
    names         that its body uses, in their order
    """

    def __init__(self, function):
        self.function = function
        try:
            lines, self.first_line = inspect.getsourcelines(function)
            self.text = textwrap.dedent("".join(lines))
            is_kept = defines(self._definition(), function)
        except (OSError, SyntaxError):
            is_kept = False
        if not is_kept:  # or there is something else under the same name
            name = function.__name__
            raise SourceError(f"{name}: its source is not kept: put it into a file, from where it can be read")
        self.names = tuple(dict.fromkeys(node.id for node in ast.walk(self.tree()) if isinstance(node, ast.Name)))

    def tree(self):
        """A fresh syntax tree: no decorators, no keyword-only arguments, lines as in the file."""
        definition = self._definition()
        definition.decorator_list = []
        definition.args.kwonlyargs, definition.args.kw_defaults = [], []
        return definition

    def _definition(self):
        if self.function.__name__ == LAMBDA:
            return definition_of_lambda(self.function)
        return ast.parse("\n" * (self.first_line - 1) + self.text).body[0]


LAMBDA = "<lambda>"


def definition_of_lambda(function):
    """The definition that a lambda is short for, from the file that it stands in. Raises OSError, SyntaxError."""
    lines = linecache.getlines(function.__code__.co_filename, function.__globals__)
    found = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.Lambda)]
    found = [node for node in found if holds(node.body, function.__code__)]
    if not found:
        raise OSError("there is another text in the file by now")
    inmost = max(found, key=lambda node: (node.lineno, node.col_offset))
    tree = ast.FunctionDef(LAMBDA, inmost.args, [ast.Return(inmost.body)], [])
    return ast.fix_missing_locations(ast.copy_location(tree, inmost))


def holds(body, code):
    """Whether all that a code executes stands in an expression."""
    first, last = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [(line, column, end, beyond) for line, end, column, beyond in code.co_positions() if beyond]
    return all(first <= (line, column) and (end, beyond) <= last for line, column, end, beyond in places)


def defines(definition, function):
    """Whether a statement defines a function of that name and with its arguments."""
    if not isinstance(definition, ast.FunctionDef):
        return False
    names = [argument.arg for argument in (*definition.args.posonlyargs, *definition.args.args)]
    code = function.__code__
    return definition.name == function.__name__ and names == list(code.co_varnames[: code.co_argcount])


_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def written(function):
    """A function as its file has it, read once for all that differ in constants alone. Raises SourceError."""
    if function not in _known:
        _known[function] = Written(function)
    return _known[function]


class Source:
    """A Python function as text, syntax tree and names, with its keyword-only arguments split off as constants."""

    def __init__(self, function, constants, may_be_lambda=False):
        if getattr(function, "_can_compile", True) is False:
            raise TypeError(
                f"{function.__name__}: Numba has compiled it for declared types: leave them out of @cuda.jit"
            )
        function = getattr(function, "py_func", function)  # of what @cuda.jit has made of it
        if not inspect.isfunction(function) or (function.__name__ == LAMBDA and not may_be_lambda):
            what = "a lambda" if inspect.isfunction(function) else repr(function)
            raise TypeError(f"@kernel and @device stand above a function that `def` makes, not above {what}")
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        unknown = set(constants) - set(defaults)
        if unknown:
            raise TypeError(
                f"{function.__name__}: no compile-time parameter {', '.join(sorted(unknown))}, "
                f"it has {', '.join(defaults) or 'none'}"
            )
        self.function = function
        self.constants = {**defaults, **constants}
        missing = [name for name, value in self.constants.items() if value is inspect.Parameter.empty]
        if missing:
            raise TypeError(f"{function.__name__}: compile-time parameter {', '.join(missing)} has no value")

    def __repr__(self):
        values = {
            n: v if isinstance(v, DeviceFunction) else getattr(v, "__name__", v) for n, v in self.constants.items()
        }
        return f"{self.name}({', '.join(f'{n}={v}' for n, v in values.items())})" if values else self.name

    @property
    def name(self):
        return self.function.__name__

    @property
    def place(self):
        """(module, name) under which another process finds the function. Raises PicklingError where there is none."""
        module, name = self.function.__module__, self.function.__qualname__
        if "." in name:
            raise pickle.PicklingError(f"{name}: stands in no module, and so no other process can find it")
        return module, name

    @property
    def file(self):
        return self.function.__code__.co_filename

    @property
    def first_line(self):
        """Number of the first line of `text` in the file."""
        return written(self.function).first_line

    @property
    def text(self):
        """The source as it stands in the file, decorators included, but for the indentation of the whole."""
        return written(self.function).text

    @functools.cached_property
    def arguments(self):
        """Names of the run-time arguments."""
        parameters = inspect.signature(self.function).parameters.values()
        return tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)

    def tree(self):
        """A fresh syntax tree of the function: no decorators, no keyword-only arguments, lines as in the file."""
        return written(self.function).tree()

    def names(self):
        """What the names in the function mean: its module's globals, its closure, its constants."""
        closure = inspect.getclosurevars(self.function).nonlocals
        known = {**self.function.__globals__, **closure, **self.constants}
        return {name: known[name] for name in written(self.function).names if name in known}

    def specialised(self, ready=None, shift=0):
        """The function with its constants bound, and device functions in their compiled form, ready for Numba.

        The constants become cells of a closure and not globals, because that is what Numba's cache looks at.

        ready    what makes of a name's meaning its compiled form
        shift    by how many lines the function stands further down
        """
        names = {n: (ready or _compiled)(v) for n, v in self.names().items()}
        constants = {n: names.pop(n) for n in self.constants if n in names}
        tree = ast.increment_lineno(self.tree(), shift)
        maker = ast.FunctionDef(
            name="specialise",
            args=ast.arguments([], [ast.arg(n) for n in constants], None, [], [], None, []),
            body=[tree, ast.Return(ast.Name(self.name, ast.Load()))],
            decorator_list=[],
        )
        module = ast.fix_missing_locations(ast.Module([maker], []))
        names["__name__"] = self.function.__module__
        exec(compile(module, self.file, "exec"), names)
        return names["specialise"](**constants)


def _compiled(value):
    return value.compiled if isinstance(value, DeviceFunction) else value


class DeviceFunction:
    """A function for use inside kernels; made by `@device`. Inlined when compiled, called when interpreted.

    As with kernels, arguments after the `*` are compile-time parameters: outside of kernels, calling the function with
    other values gives another function, to be a compile-time parameter of a kernel itself.

    intrinsic    a function as compiler.intrinsic takes it, if what it does has a machine instruction that no Python
                 compiles to: that is compiled instead
    """

    def __init__(self, function, constants=None, family=None, intrinsic=None):
        self.source, self.intrinsic = Source(function, constants or {}), intrinsic
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._compiling = False
        # All that differ in compile-time parameters alone, by these: so each is one function.
        self._family = {} if family is None else family
        self._family[constants_key(self.source.constants)] = self

    def __call__(self, *args, **constants):
        """The same function with other compile-time parameters."""
        if args:
            raise TypeError(f"{self.source.name}: a @device function is called in kernels only")
        merged = {**self.source.constants, **constants}
        found = self._family.get(constants_key(merged))
        return found or DeviceFunction(self.source.function, merged, self._family, self.intrinsic)

    def __repr__(self):
        return repr(self.source)

    def __reduce__(self):
        return _device_at, (*self.source.place, self.source.constants)

    @functools.cached_property
    def compiled(self):
        if self.intrinsic is not None:
            return compiler.intrinsic(self.intrinsic)
        if self._compiling:
            raise compiler.CompileError(f"{self.source.name} calls itself: {RECURSION}")
        self._compiling = True
        try:
            return compiler.device_jit(self.source.specialised())
        finally:
            self._compiling = False


def function_at(module, name):
    """The function at a place, whatever decorators have made of it."""
    found = getattr(importlib.import_module(module), name)
    return found.source.function if hasattr(found, "source") else found


def _device_at(module, name, constants):
    found = getattr(importlib.import_module(module), name)
    return DeviceFunction(function_at(module, name), constants, intrinsic=getattr(found, "intrinsic", None))


def constants_key(constants):
    """Compile-time parameters as a key, in whatever order they were given."""
    return tuple(sorted(constants.items()))


def device(function=None, *, intrinsic=None):
    """Decorator: make a function usable inside kernels; `intrinsic` as DeviceFunction has it."""
    if function is None:
        return functools.partial(device, intrinsic=intrinsic)
    return DeviceFunction(function, intrinsic=intrinsic)


def reachable(source):
    """A source, and those of all device functions that it calls, or that these call: each once, callers first."""
    waiting, found = [source], {}
    while waiting:
        source = waiting.pop(0)
        if source.function not in found:
            found[source.function] = source
            waiting += [value.source for value in source.names().values() if isinstance(value, DeviceFunction)]
    return list(found.values())
