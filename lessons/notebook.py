"""An answer that is no file: a kernel of a notebook's cell, and what else an exercise asks for."""

import ast
from collections.abc import Mapping
from typing import Any

from kernels.gpu import Kernel
from kernels.operation import unknown
from lessons.answer import Answer
from lessons.exercise import CourseError, Exercise, find
from lessons.judging import Verdict


def check_kernel(name: str, kernel: Kernel | None, seed: int | None, answers: Mapping[str, Any]) -> Verdict:
    """See `lessons.check`. Raises CourseError."""
    if not isinstance(name, str):
        raise CourseError(f"the name of an exercise comes first, and then the kernel: check({example(name)})")
    exercise = find(name)
    # Without a kernel it is the exercise that is judged, in which the gaps are: no solution passes for an answer.
    answer = exercise.original if kernel is None else exercise.solution
    answer = Answer(stated(exercise, answer, answers), f"{answer.file}-stated")
    if kernel is not None:
        answer = answer.with_kernel(fitting(exercise, kernel))
    return exercise.check(answer, seed)


def example(given: Any) -> str:
    return f'"map", {given.name}' if isinstance(given, Kernel) else '"map", relu'


def fitting(exercise: Exercise, kernel: Any) -> Kernel:
    """The kernel, if the exercise has one of its name to put it in the place of."""
    if not isinstance(kernel, Kernel):
        what = f"{kernel.__name__} is no kernel yet" if callable(kernel) else f"{kernel!r} is no kernel"
        raise CourseError(f"{what}: write @kernel above the function")
    known = [name for name, thing in vars(exercise.solution.module).items() if isinstance(thing, Kernel)]
    if kernel.name not in known:
        raise CourseError(unknown(f"kernel of {exercise.name}", kernel.name, known))
    return kernel


def stated(exercise: Exercise, answer: Answer, answers: Mapping[str, Any]) -> str:
    """The text of an answer with what is stated in its place, and with gaps where nothing is."""
    asked = asked_for(exercise)
    for name in answers:
        if name not in asked:
            nothing = CourseError(f"{exercise.name} asks for nothing but a kernel: {name} is too much")
            raise CourseError(unknown(f"answer of {exercise.name}", name, asked)) if asked else nothing
    lines = answer.text.splitlines(keepends=True)
    for name, value in assignments(answer):
        if name in asked:
            first, last = value.lineno - 1, value.end_lineno or value.lineno
            said = repr(answers[name]) if name in answers else "..."
            lines[first:last] = [f"{name} = {said}\n", *[""] * (last - first - 1)]
    return "".join(lines)


def asked_for(exercise: Exercise) -> list[str]:
    """What stands as NAME = ... in the exercise's file."""
    found = assignments(exercise.original)
    return [name for name, value in found if isinstance(value, ast.Constant) and value.value is ...]


def assignments(answer: Answer) -> list[tuple[str, ast.expr]]:
    """What stands as NAME = value at the top of a file."""
    found = []
    for node in answer.tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.append((node.targets[0].id, node.value))
    return found
