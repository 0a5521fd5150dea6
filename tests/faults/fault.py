"""A planted fault, and which tests must find it."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Files whose tests are not named after them.
TESTED_BY = {
    "apps/faces/anchors.py": ("tests/apps/test_faces_models.py",),
    "apps/faces/evaluation.py": ("tests/apps/test_faces_evaluation.py", "tests/apps/test_faces_toolbox.py"),
    "apps/faces/matching.py": ("tests/apps/test_faces_models.py",),
    "apps/faces/paste.py": ("tests/apps/test_faces_augment.py",),
    "apps/faces/serve.py": ("tests/apps/test_faces_serve.py", "tests/apps/test_local_server.py"),
    "apps/faces/views.py": ("tests/apps/test_faces_augment.py",),
    "apps/faces/wider.py": ("tests/apps/test_faces_data.py",),
    "apps/local_server.py": ("tests/apps/test_local_server.py", "tests/apps/test_faces_serve.py"),
    "framework/program.py": ("tests/framework/test_program.py", "tests/framework/test_sharing.py"),
    "framework/ranks.py": ("tests/framework/test_sharing.py",),
    "framework/trainer.py": ("tests/framework/test_trainer.py", "tests/framework/test_trainer_ranks.py"),
    "lessons/judging/cases.py": ("tests/lessons/test_answer.py",),
    "lessons/judging/comparing.py": ("tests/lessons/test_answer.py",),
    "lessons/judging/judge.py": ("tests/lessons/test_answer.py",),
    "lessons/judging/running.py": ("tests/lessons/test_answer.py",),
    "lessons/judging/calculus.py": ("tests/lessons/test_calculus.py",),
    "kernels/bench/trial.py": ("tests/operations/test_operations.py",),
    "kernels/device.py": ("tests/framework/test_cuda_device.py", "tests/framework/test_program.py"),
}

# What operations are made of and only their tests try.
SERVES = {
    "kernels/cpu/finishing.py": "conv2d_block",
    "kernels/cpu/pairs.py": "maxpool2d",
    "kernels/cpu/products.py": "conv2d",
    "kernels/cpu/vectors.py": "conv2d",
    "kernels/operations/windows.py": "avgpool2d",
}


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    file    where it stands
    what    what is wrong then, in a few words
    old     a piece of the file that occurs in it once
    new     what stands there instead
    past    what hides it: the constant, size or condition below which all comes out right; "" where any case shows it
    """

    file: str
    what: str
    old: str
    new: str
    past: str = ""

    @property
    def operation(self) -> str | None:
        """The operation in whose folder it stands, if it does."""
        parts = Path(self.file).parts
        return parts[2] if parts[:2] == ("kernels", "operations") and len(parts) > 3 else None

    @property
    def tests(self) -> tuple[str, ...]:
        """Arguments of pytest that choose the tests of the place: of an operation its own and those of all operations.

        Raises FileNotFoundError where there are none.
        """
        if name := self.operation or SERVES.get(self.file):
            folder = ROOT / "tests" / "operations"
            general = [
                folder / "test_operations.py",
                ROOT / "tests/gpu/test_cases.py",
                folder / "test_default_tiles.py",
            ]
            own = sorted(folder.glob(f"test_{name}_cpu.py"))  # of an operation with much of its own on the CPU
            files = [folder / f"test_{name}.py", *own, *general]
            return (*_existing(files), "-k", f"test_{name} or [{name}] or [{name}-")
        if self.file in TESTED_BY:
            return _existing([ROOT / each for each in TESTED_BY[self.file]])
        area, *place, module = Path(self.file).with_suffix("").parts
        if (
            area == "kernels" and len(place) > 1
        ):  # a package, such as kernels/gpu/xray, has tests in one file or several
            return _existing(sorted((ROOT / "tests" / place[0]).glob(f"test_{place[1]}*.py")))
        folder = place[0] if area == "kernels" else area
        prefix = f"{place[0]}_" if area == "apps" and place else ""
        return _existing([ROOT / "tests" / folder / f"test_{prefix}{module}.py"])


def _existing(files: list[Path]) -> tuple[str, ...]:
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{file.relative_to(ROOT)}: these tests are not there")
    return tuple(str(file.relative_to(ROOT)) for file in files)
