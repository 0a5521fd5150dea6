"""The constants by which work is cut up, and for each what is past it: a case, or a test.

python -m tests.constants    writes the table of tests/README.md
"""

import ast
import importlib
import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kernels.commands.targets import Target
from tests.helpers import ROOT
from tests.helpers.cases import Answered, all_large, large
from tests.helpers.operations import OPERATIONS

README = ROOT / "tests" / "README.md"
MARKS = "<!-- constants -->\n", "<!-- end of constants -->\n"

# Where all constants count, and others that do.
PLACES = (
    "kernels/operations/*/c*.py", "kernels/operations/*/cuda/*.py", "kernels/operations/*/cpu/*.py", "kernels/cpu/*.py",
    "kernels/gpu/reduce.py", "kernels/gpu/products.py", "kernels/gpu/placed.py",
    "kernels/device.py",
    "apps/mnist/classifier.py", "apps/faces/ends.py", "apps/faces/detector.py",
)  # fmt: skip
# What a rung works out from the arrays and hands to its kernel; written in the kernel is one such value.
WORKED_OUT = {
    "kernels/gpu/products.py": {
        "GROUP", "LEFT_WIDTH", "PER_M", "PER_N", "RIGHT_WIDTH", "TILE", "TILE_K", "TILE_M", "TILE_N", "WIDTH_M",
        "WIDTH_N",
    },
    "kernels/gpu/placed.py": {
        "COLUMNS", "GROUP", "LOADS", "PER_M", "PER_N", "ROWS", "TILE_K", "TILE_M", "TILE_N", "WIDTH_M", "WIDTH_N",
    },
    "kernels/operations/assign_targets/cuda.py": {"BOUNDS"},
    "kernels/operations/batchnorm/cuda/fours.py": {"GROUPS", "TEAM", "WARPS"},
    "kernels/operations/conv2d/cuda/gemm.py": {"FIRST", "KERNEL", "PADDING", "PHASE", "SHIFT", "STRIDE"},
    "kernels/operations/conv2d/cuda/placed.py": {"FIRST", "KERNEL", "PADDING", "SHIFT", "STRIDE"},
    "kernels/operations/conv2d/cuda/window.py": {"COLUMNS", "KERNEL", "PADDING", "ROWS", "STRIDE"},
    "kernels/operations/l2pool2d/cuda.py": {"WINDOW"},
    "kernels/operations/maxpool2d/cuda.py": {"WINDOW"},
    "kernels/operations/nms/cuda.py": {"WORDS"},
    "kernels/operations/normalise/cuda.py": {"BYTES", "C", "WORDS"},
    "kernels/operations/resize/cuda.py": {"COLUMNS"},
    "kernels/operations/softmax_cross_entropy/cuda.py": {"EACH"},
    "kernels/operations/transpose/cuda.py": {"HEIGHT", "PADDED", "WIDTH"},
}  # fmt: skip
# What cuts nothing up, and names of what rungs have after the *.
OTHER = {
    "ALIGNED", "ALL_LANES", "BEYOND", "COPY", "DEEP", "EVERY_BIT", "GPU_BLOCKS", "LOWEST", "MULTIPLE", "NARROW",
    "NOBODY", "TERMS", "TINY", "TINY_NARROW", "TINY_WIDE", "WIDE",
}  # fmt: skip
# The operation whose cases are past the constants of what several share.
SHOWN_BY = {
    "kernels/cpu/products.py": "conv2d", "kernels/cpu/vectors.py": "conv2d", "kernels/gpu/reduce.py": "softmax",
    "kernels/cpu/multiply.py": "conv2d", "kernels/cpu/transforms.py": "conv2d", "kernels/cpu/turns.py": "conv2d",
    "kernels/cpu/finishing.py": "conv2d_block",
    "kernels/cpu/pairs.py": "maxpool2d",
    "kernels/operations/batchnorm/cuda/fours.py": "batchnorm",
}  # fmt: skip

ROWS_AND_COLUMNS = "len(x) > BLOCK", "x.shape[1] > 2 * BLOCK"
EACH_ARRAY = "y.size > BLOCK", "x.size > BLOCK", "w.size > BLOCK", "len(w) > BLOCK"
TILED_PRODUCTS = (
    "len(w) > TILES.m and y[:, 0].size > TILES.n and w[0].size > TILES.k",
    "w.shape[1] > TILES.m and x[:, 0].size > TILES.n and w[:, 0].size > TILES.k",
    "len(w) > TILES.m and w[0].size > TILES.n and y[:, 0].size > TILES.k",
)
CHANNELS = {
    "BLOCK": ("x.shape[1] > BLOCK", "x[:, 0].size > 2 * BLOCK"),
    "BLOCKS": ("len(x) > ceil(BLOCKS / x.shape[1])",),
    "PIECE": ("x[0, 0].size > PIECE", "x[0, 0].size > 4 * PIECE and x[0, 0].size % 4 == 0"),
    "WARPS": ("x[0, 0].size > 2 * 32 * WARPS",),
}

CPU = "tests/operations/test_conv2d_cpu.py::"

# Conditions on arrays, settings and constants, each of which a case of tests/helpers/cases.py meets; or a test.
PAST: dict[str, dict[str, tuple[str, ...]]] = {
    "kernels/operations/activation/cuda.py": {"BLOCK": ("x.size > 2 * BLOCK",), "ENOUGH": ("x.size > 4 * ENOUGH",)},
    "kernels/operations/adam/cuda.py": {"BLOCK": ("dw.size > 2 * BLOCK",), "ENOUGH": ("dw.size > 4 * ENOUGH",)},
    "kernels/operations/add/cuda.py": {"BLOCK": ("a.size > 2 * BLOCK",), "ENOUGH": ("a.size > 4 * ENOUGH",)},
    "kernels/operations/anchor_counts/cuda.py": {"BLOCK": ("len(matched) * max(levels) > 2 * BLOCK",)},
    "kernels/operations/assign_targets/cuda.py": {
        "BLOCK": ("len(matched) * max(levels) > 2 * BLOCK",),
        "MOST_PARTS": ("len(matched) * max(levels) > MOST_PARTS * BLOCK",),
    },
    "kernels/operations/avgpool2d/cuda.py": {"BLOCK": ("y.size > 2 * BLOCK",)},
    "kernels/operations/batchnorm/cpu/pieces.py": {
        "BLOCK": ("x.shape[1] > 2 * BLOCK and x.ndim == 2",),
        "PIECE": ("x[0, 0].size > PIECE",),
    },
    "kernels/operations/batchnorm/cpu/whole.py": {"LEAST": ("x.shape[1] > 2 * LEAST and x.ndim > 2",)},
    "kernels/operations/batchnorm/cuda/backward.py": {**CHANNELS, "CHANNELS": ("x.shape[1] > 2 * CHANNELS",)},
    "kernels/operations/batchnorm/cuda/channels.py": {
        "BLOCK": CHANNELS["BLOCK"],
        "FEWER_BLOCKS": ("len(x) > ceil(FEWER_BLOCKS / x.shape[1])",),
        "PIECE": CHANNELS["PIECE"][:1],
    },
    "kernels/operations/batchnorm/cuda/forward.py": CHANNELS,
    "kernels/operations/batchnorm/cuda/fours.py": {
        "BLOCK": CHANNELS["BLOCK"],
        "PAIRS": ("x[0, 0].size > 4 * 2 * 8 * PAIRS and x[0, 0].size % 4 == 0",),
        "TOGETHER": ("x[0, 0].size > 4 * 2 * 8 * TOGETHER and x[0, 0].size % 4 == 0",),
        "TURNS": ("x[0, 0].size > 4 * 2 * TURNS and x[0, 0].size % 4 == 0",),
    },
    "kernels/operations/batchnorm_delta/cuda.py": {"BLOCK": ("x.size > 2 * BLOCK",)},
    "kernels/operations/batchnorm_of_sums/cuda.py": {"BLOCK": ("x.shape[1] > 2 * BLOCK",)},
    "kernels/operations/channel_sums/cuda.py": {
        "BLOCK": ("x.shape[1] > BLOCK",),
        "BLOCKS": CHANNELS["BLOCKS"],
        "FEWER": ("len(x) > ceil(FEWER / x.shape[1])",),
        "PIECE": CHANNELS["PIECE"],
        "WARPS": CHANNELS["WARPS"],
    },
    "kernels/operations/concat/cuda.py": {
        "BLOCK": ("a.size > 2 * BLOCK", "b.size > 2 * BLOCK"), "ENOUGH": ("a.size > 4 * ENOUGH", "b.size > 4 * ENOUGH"),
    },
    "kernels/operations/conv2d/cpu/__init__.py": {
        "FEW": ("w.shape[1] > FEW", "len(w) > FEW"),
        "FEW_PIXELS": (f"{CPU}test_the_algorithm_is_chosen_by_shape",),
    },
    "kernels/operations/conv2d/cpu/direct.py": {
        "FEW": ("w.shape[1] > FEW",),
        "PART": ("len(x) * y[0, 0].size * w[0].size > PART and w.shape[1] <= FEW and stride[0] > 1",),
    },
    "kernels/operations/conv2d/cpu/pixels.py": {
        "HIGH": (f"{CPU}test_pixels_in_the_lanes_equal_the_reference",),
        "STRIP": ("y.shape[2] * x.shape[3] > 2 * STRIP and len(w) <= 8",),
    },
    "kernels/operations/conv2d/cpu/strips.py": {"MOST": (f"{CPU}test_strips_equal_the_reference",)},
    "kernels/operations/conv2d/cpu/winograd.py": {
        "GROUPS": (f"{CPU}test_dw_of_more_jobs_than_groups_adds_them_all",),
        "LEAST_CHANNELS": (f"{CPU}test_the_algorithm_is_chosen_by_shape",),
        "LEAST_PIXELS": (f"{CPU}test_the_algorithm_is_chosen_by_shape",),
        "MOST_WEIGHTS": (f"{CPU}test_the_algorithm_is_chosen_by_shape",),
        "TILES": (f"{CPU}test_neither_the_number_of_cores_nor_what_memory_held_changes_a_bit",),
    },
    "kernels/operations/conv2d/cuda/direct.py": {"BLOCK": EACH_ARRAY},
    "kernels/operations/conv2d/cuda/gemm.py": {
        "BLOCK": ("w.size > 2 * BLOCK",),
        "BLOCKS": ("y[:, 0].size > BLOCKS * TILES.k",),
        "TILE": ("len(w) > 2 * TILE", "y[:, 0].size > 2 * TILE", "w[0].size > 2 * TILE", "w.shape[1] > TILE"),
        "TILES": TILED_PRODUCTS,
    },
    "kernels/operations/conv2d/cuda/placed.py": {
        "BITS": ("sum(w.shape[2:]) > BITS",),
        "BLOCKS": ("y[:, 0].size > BLOCKS * TILES.k",),
        "TILES": TILED_PRODUCTS,
    },
    "kernels/operations/conv2d/cuda/reduced.py": {"WARPS": ("y[:, 0].size > 2 * 32 * WARPS",)},
    "kernels/operations/conv2d/cuda/window.py": {
        "SHARED_BYTES": (
            "4 * (15 * stride[0] + w.shape[2]) * (15 * stride[1] + w.shape[3]) > SHARED_BYTES / 2",
            "4 * w[0, 0].size > SHARED_BYTES / 2",
        ),
        "TILE": ("min(y.shape[2:]) > 2 * TILE",),
    },
    "kernels/operations/cross_entropy/cuda.py": {"BLOCK": ("len(p) > BLOCK", "p.shape[1] > 2 * BLOCK")},
    "kernels/operations/decode_boxes/cuda.py": {"BLOCK": ("index.size > 2 * BLOCK",)},
    "kernels/operations/encode_boxes/cuda.py": {"BLOCK": ("matched.size > 2 * BLOCK",)},
    "kernels/operations/focal_loss/cuda.py": {"BLOCK": ("len(x) > 2 * BLOCK",)},
    "kernels/operations/iou/cuda.py": {"BLOCK": ("len(b) > BLOCK",), "ROWS": ("len(a) > 2 * ROWS",)},
    "kernels/operations/l2pool2d/cuda.py": {"BLOCK": ("y.size > 2 * BLOCK",)},
    "kernels/operations/linear/cpu.py": {"FEW": ("len(x) > FEW",), "ROWS": ("len(x) > ROWS and len(w) > ROWS",)},
    "kernels/operations/linear/cuda.py": {
        "BLOCK": EACH_ARRAY,
        "COLUMNS": ("len(w) > 2 * COLUMNS",),
        "ROWS": ("len(x) > 2 * ROWS",),
        "TILE": ("min(*x.shape, *w.shape) > 2 * TILE",),
        "TILES": ("min(*x.shape, *w.shape) > max(TILES.m, TILES.n, 2 * TILES.k)",),
    },
    "kernels/operations/loss/cuda.py": {"BLOCK": ("len(prediction) > BLOCK", "prediction.shape[1] > 2 * BLOCK")},
    "kernels/operations/match_anchors/cuda.py": {"BLOCK": ("len(anchors) > BLOCK", "boxes.shape[1] > BLOCK")},
    "kernels/operations/maxpool2d/cuda.py": {"BLOCK": ("y.size > 2 * BLOCK",), "ENOUGH": ("y.size > 4 * ENOUGH",)},
    "kernels/operations/nms/cuda.py": {
        "BLOCK": ("len(boxes) > BLOCK", "boxes.shape[1] > BLOCK"),
        "SCAN_BLOCK": ("boxes.shape[1] > SCAN_BLOCK * WORD",),
        "WORD": ("boxes.shape[1] > 2 * WORD",),
    },
    "kernels/operations/normalise/cuda.py": {
        "BLOCK": ("x[..., 0].size > 2 * BLOCK",),
        "ENOUGH": ("x[..., 0].size > 4 * ENOUGH",),
        "HELD": ("x.shape[3] > HELD",),
        "SHARED_BYTES": ("x.shape[3] * BLOCK > SHARED_BYTES",),
    },
    "kernels/operations/reduce/cpu.py": {"PART": ("x.size > 2 * PART",)},
    "kernels/operations/reduce/cuda.py": {
        "BLOCK": ("x.size > 2 * BLOCK",),
        "MOST_BLOCKS": ("x.size > MOST_BLOCKS * BLOCK and MOST_BLOCKS > 2 * BLOCK",),
    },
    "kernels/operations/resize/cuda.py": {
        "BLOCK": ("y.size > 2 * BLOCK",),
        "SHARED_BYTES": ("4 * TILE[0] * TILE[1] * x.shape[3] / y.shape[3] > SHARED_BYTES",),
        "TILE": ("y.shape[2] > 2 * TILE[0] and y.shape[3] > 2 * TILE[1]",),
    },
    "kernels/operations/sgd/cuda.py": {"BLOCK": ("dw.size > 2 * BLOCK",), "ENOUGH": ("dw.size > 4 * ENOUGH",)},
    "kernels/operations/smooth_l1/cuda.py": {"BLOCK": ("len(prediction) > 2 * BLOCK",)},
    "kernels/operations/softmax/cuda.py": {"BLOCK": ROWS_AND_COLUMNS, "WARPS": ("len(x) > WARPS",)},
    "kernels/operations/softmax_cross_entropy/cuda.py": {"BLOCK": ROWS_AND_COLUMNS},
    "kernels/operations/targets_of_counts/cuda.py": {"BLOCK": ("len(matched) * max(levels) > 2 * BLOCK",)},
    "kernels/operations/topk/cuda.py": {"BLOCK": ("x.shape[1] > 2 * BLOCK",), "TILE": ("x.shape[1] > 2 * TILE",)},
    "kernels/operations/transpose/cpu.py": {"TILE": ("min(x.shape[1:]) > TILE",)},
    "kernels/operations/transpose/cuda.py": {
        "BLOCK": ("x.size > 2 * BLOCK",),
        "LANES": ("min(x.shape[1:]) > 2 * 4 * LANES",),
        "ROWS": ("min(x.shape[1:]) > 2 * ROWS",),
        "TILE": ("min(x.shape[1:]) > TILE",),
    },
    "kernels/operations/upsample2d/cuda.py": {"BLOCK": ("x.size > 2 * BLOCK", "y.size > 2 * BLOCK")},
    "kernels/cpu/multiply.py": {
        "LANES1": (f"{CPU}test_pixels_in_the_lanes_equal_the_reference",),
        "LANES2": (f"{CPU}test_pixels_in_the_lanes_equal_the_reference",),
        "LANES4": (f"{CPU}test_pixels_in_the_lanes_equal_the_reference",),
        "LANES8": (f"{CPU}test_pixels_in_the_lanes_equal_the_reference",),
        "ROWS": (f"{CPU}test_winograd_equals_the_reference",),
    },
    "kernels/cpu/transforms.py": {"WIDTH": (f"{CPU}test_winograd_equals_the_reference",)},
    "kernels/cpu/pairs.py": {"WIDTH": ("tests/operations/test_maxpool2d.py::test_windows_of_four_in_registers",)},
    "kernels/cpu/finishing.py": {"WIDTH": ("len(w) > 2 * WIDTH",)},
    "kernels/cpu/turns.py": {"SIDE": (f"{CPU}test_turns_read_and_write_what_there_is_and_no_more",)},
    "kernels/cpu/products.py": {
        "CHUNK": ("w[0].size > CHUNK", "y[:, 0].size > 2 * CHUNK"),
        "UNIT": ("y[:, 0].size > 2 * UNIT * TILE",),
    },
    "kernels/cpu/vectors.py": {"LANES": ("len(w) > 2 * LANES",), "TILE": ("y[:, 0].size > 2 * TILE",)},
    "kernels/gpu/reduce.py": {"WARP": ("x.shape[1] > 2 * WARP",)},
    "kernels/device.py": {
        "PINNED": (
            "tests/framework/test_cuda_device.py::test_what_is_uploaded_passes_through_pinned_memory_and_arrives_whole",
            "tests/framework/test_cuda_device.py::test_what_is_larger_than_the_pinned_memory_is_uploaded_too",
        ),
        "SMALL": ("tests/test_device.py::test_small_arrays_are_computed_on_one_core_and_large_ones_on_all",),
    },
    "apps/mnist/classifier.py": {
        "EVALUATION_BATCH": ("tests/apps/test_mnist_models.py::test_an_evaluation_is_the_same_in_portions",),
    },
    "apps/faces/ends.py": {
        "CANDIDATES": (
            "tests/apps/test_faces_models.py::test_a_picture_of_any_size_can_be_learned_from_and_looked_at",
        ),
        "FACES": (
            "tests/apps/test_faces_training.py::test_where_there_are_more_faces_than_places_the_largest_are_kept",
        ),
    },
    "apps/faces/detector.py": {
        "PROGRAMS": (
            "tests/apps/test_faces_detector.py"
            "::test_pictures_of_about_one_size_share_a_program_and_only_some_programs_are_kept",
        ),
    },
}  # fmt: skip


class Constant(NamedTuple):
    """A constant with one of its values, and the names that a condition on it may use: those of its module or rung."""

    file: str
    name: str
    value: Any
    names: dict[str, Any]


def is_size(value) -> bool:
    if isinstance(value, tuple):
        return len(value) > 0 and all(isinstance(each, int) for each in value)
    return isinstance(value, int) and not isinstance(value, bool)


def paths() -> list[Path]:
    return sorted({path for place in PLACES for path in ROOT.glob(place)})


def constants() -> list[Constant]:
    """What modules define in capitals, and what rungs and kernels take after the *: each with each of its values."""
    every: dict[tuple, Constant] = {}
    for path in paths():
        for constant in of_module(path):
            if constant.name not in OTHER | WORKED_OUT.get(constant.file, set()):
                every.setdefault((constant.file, constant.name, constant.value), constant)
    return [every[key] for key in sorted(every, key=repr)]


def of_module(path: Path) -> Iterator[Constant]:
    file = str(path.relative_to(ROOT))
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for node in ast.parse(path.read_text()).body:
        known, names = vars(module), {}
        if isinstance(node, ast.FunctionDef):
            names = keywords(known[node.name])
        elif isinstance(node, ast.Assign):
            targets = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            names = {name: known[name] for name in targets if name.isupper()}
        yield from (Constant(file, n, value, {**known, **names}) for n, value in names.items() if is_size(value))


def keywords(function) -> dict[str, Any]:
    """What a rung, a kernel or a device function takes after the *, with its value unless something else is said."""
    function = function.source.function if hasattr(function, "source") else function
    parameters = inspect.signature(getattr(function, "py_func", function)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def cases(file: str) -> list[Answered]:
    """Those that the CPU runs, or the rungs that stand in the file."""
    name = SHOWN_BY.get(file) or file.split("/")[2]
    if "cpu" in file:
        return large(name, "cpu")
    module = file.removesuffix(".py").replace("/", ".")
    rungs = {
        f"{direction} {number}"
        for direction in OPERATIONS[name].directions
        for ladder in Target(OPERATIONS[name], direction).ladders
        for number, rung in enumerate(ladder.rungs, start=1)
        if rung.__module__ == module or file in SHOWN_BY
    }
    return [case for case in all_large(name) if not case.only or rungs.intersection(case.only)]


def meeting(constant: Constant, condition: str) -> list[Answered]:
    """The cases that meet a condition."""
    found = []
    for case in cases(constant.file):
        shapes = {name: shape for name, shape in case.trial.shapes.items() if shape is not None}
        arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
        if eval(condition, {**constant.names, "ceil": math.ceil, **case.trial.settings, **arrays}):
            found.append(case)
    return found


def in_words(case: Answered) -> str:
    """The shapes of a case's inputs."""
    return ", ".join(f"{n} {case.trial.shapes[n]}" for n in case.trial.operation.inputs if case.trial.shapes[n])


def table() -> str:
    """Without values: some depend on the processor."""
    shown: dict[tuple, list[str]] = {}
    for constant in constants():
        for past in PAST[constant.file][constant.name]:
            words = past if "::" in past else in_words(meeting(constant, past)[0])
            places = shown.setdefault((constant.file, constant.name, "" if "::" in past else past), [])
            if words not in places:
                places.append(words)
    lines = ["| file | constant | past it | shown by |", "| --- | --- | --- | --- |"]
    for (file, name, condition), places in shown.items():
        lines.append(f"| {file} | `{name}` | {condition and f'`{condition}`'} | {'; '.join(places)} |")
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """The README with a new table."""
    begin, end = MARKS
    return text[: text.index(begin) + len(begin)] + "\n" + table() + "\n" + text[text.index(end) :]


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
