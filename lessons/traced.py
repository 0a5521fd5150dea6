"""One block of an answer, step by step: of the smallest case on which it fails, where it fails at all."""

import secrets

from kernels.gpu import Launch
from kernels.gpu.tracing import Recording, trace
from lessons.answer import Answer
from lessons.exercise import CourseError, Exercise
from lessons.judging.cases import Cases
from lessons.judging.running import Run, compare, interpret, prepare
from lessons.judging.verdict import Failure
from lessons.picture import what_is_launched


def recorded(exercise: Exercise, answer: Answer, seed: int | None = None) -> Recording:
    """What to make a page of. Raises CourseError where nothing can be launched, and AnswerError."""
    if gaps := answer.gaps():
        raise CourseError(f"{exercise.name}: there is a gap on line {gaps[0]} still, so nothing can be launched")
    try:
        before, launch = chosen(exercise, answer, secrets.randbits(31) if seed is None else seed)
    except Failure as failure:
        raise CourseError(f"{exercise.name}: {failure.text}") from failure
    for earlier in before:
        earlier.interpret(checked=False)
    return trace(launch)


def chosen(exercise: Exercise, answer: Answer, seed: int) -> tuple[list[Launch], Launch]:
    """The launch to look at, and those before it, on arrays that nobody has written yet. Raises Failure."""
    judge = exercise.judge
    if not judge.case:
        run = what_is_launched(exercise, answer)
        if not run.launches:
            raise CourseError(f"{exercise.name}: launches nothing that could be traced")
        return [], run.launches[0]
    found = Cases(judge.rules, judge.function, answer, seed)
    for case in found.cases:
        run = prepare(answer, judge.function, case)
        refused = failing(run)
        if refused is not None or compare(run, case, found.rules.tolerance):
            break
    else:
        case, refused = found.cases[0], None
    run, number = prepare(answer, judge.function, case), refused or 0
    return run.launches[:number], run.launches[number]


def failing(run: Run) -> int | None:
    """The number of the launch that the interpreter refuses; the others are run."""
    for number, launch in enumerate(run.launches):
        try:
            interpret(Run([launch], run.arrays))
        except Failure:
            return number
    return None
