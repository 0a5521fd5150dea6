"""The course: exercises whose answers are interpreted, counted and differentiated.

from lessons import check

check("map", relu)  # a kernel of a notebook's cell or a script, judged as that of a file is
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernels.gpu import Kernel
    from lessons.judging import Verdict


def check(exercise: str, kernel: "Kernel | None" = None, seed: int | None = None, **answers: Any) -> "Verdict":
    """Judge a kernel in the place of that of its name in an exercise; what else the exercise has is as in its solution.

    seed       of the cases, which are drawn anew unless it is given
    answers    what the exercise asks to be stated, by name: check("coalesced", ALIGNED=4, SHIFTED=5, ...)

    The last line of a notebook's cell, it shows as a table. Raises CourseError.
    """
    from lessons.notebook import check_kernel  # here, because whoever wants another part of the course need not wait

    return check_kernel(exercise, kernel, seed, answers)
