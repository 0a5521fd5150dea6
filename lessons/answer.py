"""A learner's answer: Python text with kernels of their own, loaded afresh each time it is checked.

What it may import is little, and no reference solution: a kernel of a lesson is written, not fetched. The text is the
one source of truth: it is compiled as it stands now, and Python is told the same text, from which kernels are read.
"""

import ast
import builtins
import hashlib
import linecache
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from kernels.bench.loading import required, said
from kernels.gpu import Kernel, Launch

# Whole modules, and of this project the names that a kernel is written with.
MODULES = ("math", "numpy")
OF_KERNELS = (
    "Kernel", "Ladder", "cuda", "device", "float32", "float64", "int32", "int64", "kernel", "rung", "scratch", "uint8",
    "uint32",
)  # fmt: skip
REFUSED_CALLS = ("__import__", "compile", "eval", "exec", "globals", "open")


class AnswerError(ValueError):
    """An answer that cannot be judged: one line that says what is wrong with it, and the line of the file."""

    def __init__(self, problem: str, line: int | None = None):
        self.problem, self.line = problem, line
        super().__init__(f"line {line}: {problem}" if line else problem)


class Answer:
    """The text of an exercise's file, a learner's or one of ours.

    file    the name under which errors and Python's own tools know it
    """

    def __init__(self, text: str, file: str):
        self.text, self.file = text, file
        self.given: dict[str, Kernel] = {}

    @classmethod
    def of_file(cls, path: Path) -> "Answer":
        """Raises AnswerError for a file that cannot be read."""
        try:
            return cls(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            gone = "; `reset` brings the exercise back" if isinstance(error, FileNotFoundError) else ""
            raise AnswerError(f"{path}: {error.strerror}{gone}") from error
        except UnicodeDecodeError as error:
            raise AnswerError(f"{path}: is no text in UTF-8") from error

    def edited(self, old: str, new: str) -> "Answer":
        """The same with one change, which must be to something that stands there once."""
        if self.text.count(old) != 1:
            raise AnswerError(f"{old!r} stands {self.text.count(old)} times in {self.file}, and not once")
        text = self.text.replace(old, new)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return Answer(text, f"{self.file}-{digest}")

    def with_kernel(self, kernel: Kernel) -> "Answer":
        """The same with a kernel from elsewhere, a notebook's cell, in the place of that of its name."""
        answer = Answer(self.text, f"{self.file}-given")
        answer.given = {kernel.name: kernel}
        return answer

    @cached_property
    def tree(self) -> ast.Module:
        try:
            return ast.parse(self.text)
        except SyntaxError as error:
            raise AnswerError(f"is no Python: {error.msg}", error.lineno) from error

    def gaps(self) -> list[int]:
        """The lines on which `...` still stands for what is to be written; in `y[...]` it stands for itself."""
        meant = {
            id(inside)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Subscript)
            for inside in ast.walk(node.slice)
        }
        replaced = [
            range(node.lineno, (node.end_lineno or node.lineno) + 1)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef) and node.name in self.given
        ]
        return sorted(
            {
                node.lineno
                for node in ast.walk(self.tree)
                if isinstance(node, ast.Constant) and node.value is ... and id(node) not in meant
                if not any(node.lineno in lines for lines in replaced)
            }
        )

    def refuse_imports(self, allowed: tuple[str, ...] = ()) -> None:
        """Raises AnswerError for an import of what a learner is to write, and for ways around that."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                wanted = [(alias.name, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                wanted = [(str(node.module), alias.name) for alias in node.names]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSED_CALLS:
                raise AnswerError(f"calls {node.func.id}(), which an exercise has no need of", node.lineno)
            else:
                continue
            for module, name in wanted:
                is_free = module.partition(".")[0] in MODULES or module in allowed
                if not (is_free or (module == "kernels.gpu" and name in OF_KERNELS)):
                    what = name if module in (name, "None") else f"{name} of {module}"
                    problem = f"imports {what}: kernels of a lesson are your own, out of kernels.gpu, math and numpy"
                    raise AnswerError(problem, node.lineno)

    def show_lines(self) -> None:
        """Tell Python's cache of lines this text, whatever the file holds meanwhile: kernels are read from there."""
        linecache.cache[self.file] = (len(self.text), None, self.text.splitlines(keepends=True), self.file)

    @cached_property
    def module(self) -> ModuleType:
        """The text, run. Raises AnswerError."""
        self.show_lines()
        name = f"answer_{hashlib.sha256(self.file.encode()).hexdigest()[:12]}"
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = self.file
        try:
            code = builtins.compile(self.tree, self.file, "exec")
            exec(code, vars(module))
        except (Exception, SystemExit) as error:
            raise AnswerError(said(error, Path(self.file))) from error
        for kernel_name, kernel in self.given.items():
            if not isinstance(getattr(module, kernel_name, None), Kernel):
                known = [n for n, thing in vars(module).items() if isinstance(thing, Kernel)]
                raise AnswerError(f"the exercise has no kernel {kernel_name}, but {', '.join(known)}")
            setattr(module, kernel_name, kernel)
        return module

    def value(self, name: str) -> Any:
        """What stands under a name. Raises AnswerError."""
        if not hasattr(self.module, name):
            raise AnswerError(f"{name} is not there any more: `reset` brings the exercise back")
        return getattr(self.module, name)

    def launches(self, function: str, arguments: Mapping[str, Any]) -> list[Launch]:
        """What a function of the text launches on arrays and numbers, given by name. Raises AnswerError."""
        found = self.value(function)
        if not callable(found):
            raise AnswerError(f"{function} is no function any more: `reset` brings the exercise back")
        # A ladder takes what it needs, and gives its highest rung.
        taken = arguments if hasattr(found, "rungs") else {n: arguments[n] for n in required(found) if n in arguments}
        try:
            launches = found(**taken)
        except Exception as error:
            raise AnswerError(f"{function}: {said(error, Path(self.file))}") from error
        launches = [launches] if isinstance(launches, Launch) else launches
        if not isinstance(launches, list | tuple) or not launches or not all(isinstance(x, Launch) for x in launches):
            raise AnswerError(
                f"{function} returns {launches!r}, and not a list of launches, as [kernel[grid, block](x)]"
            )
        return list(launches)
