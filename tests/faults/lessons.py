"""Faults planted in lessons/: what would let a wrong answer pass, or cost a learner their work."""

from tests.faults.fault import Fault

LESSONS: tuple[Fault, ...] = (
    Fault(
        "lessons/answer.py",
        "all of kernels.gpu may be imported",
        'module == "kernels.gpu" and name in OF_KERNELS',
        'module == "kernels.gpu"',
    ),
    Fault(
        "lessons/judging/calculus.py",
        "a difference is divided by half of its width",
        "/ (2 * STEP)",
        "/ STEP",
    ),
    Fault(
        "lessons/judging/calculus.py",
        "differences are to one side",
        "for side in (1, -1):",
        "for side in (2, 0):",
        "a linear function",
    ),
    Fault(
        "lessons/judging/cases.py",
        "the second order is the first",
        "interpret(run, seed=self.seed)",
        "interpret(run)",
    ),
    Fault(
        "lessons/judging/comparing.py",
        "a NaN is whatever is expected",
        "(np.isnan(got) & np.isnan(expected))",
        "np.isnan(got)",
    ),
    Fault(
        "lessons/judging/judge.py",
        "cases are the same on each check",
        "secrets.randbits(31) if seed is None else seed",
        "0 if seed is None else seed",
    ),
    Fault(
        "lessons/judging/running.py",
        "what the answer's own Python computed stays",
        "case.inputs[name] if name in case.inputs else poison(arrays[name].dtype)",
        "case.inputs[name] if name in case.inputs else arrays[name]",
    ),
    Fault(
        "lessons/judging/running.py",
        "inputs may be written",
        "arrays[name].flags.writeable = False",
        "arrays[name].flags.writeable = True",
    ),
    Fault(
        "lessons/desk.py",
        "starting again begins anew",
        "if not self.path(exercise).exists()]",
        "if self.path(exercise)]",
    ),
    Fault(
        "lessons/desk.py",
        "a reset forgets what was written",
        "path.rename(kept)",
        "kept.touch()",
    ),
)
