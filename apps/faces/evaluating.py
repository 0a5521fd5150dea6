"""What `python -m apps.faces evaluate` does: it scores a detector on the pictures held out, and says how it counted."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from apps.command_line import telling_of_compiling
from apps.errors import DataError
from apps.faces import figures
from apps.faces.commands import counted, faces_of
from apps.faces.data import Faces
from apps.faces.detector import THRESHOLD, load_detector
from apps.faces.evaluation import Curve, at_threshold, choose_threshold
from apps.faces.lists import LISTS, Lists, find_lists
from apps.faces.scoring import Score, score, score_enlarged
from apps.faces.wider import Wider
from kernels.commands.command_line import make_folder, progress, write_json

# How a detector may look at a picture, by what is said of it: at its stored size, as small as those of the published
# tables for a longer side of 640, and as `detect` does where nothing else is asked for.
VGA = 640
LOOKS: dict[str, dict[str, Any]] = {
    "as stored": {},
    f"longer side {VGA}": {"longest": VGA},
    "several scales": {"scales": "auto"},
}


def evaluate(options) -> None:
    """Print average precision, and draw the curves of precision and recall and a sheet of the worst misses."""
    model, facts = load_detector(options.weights, options.device)
    faces = faces_of(options)
    lists = lists_of(options.lists, faces)
    make_folder("--output", options.output)
    print(f"data   {faces.source}")
    print(f"model  {model.name} from {options.weights}, trained on {facts.get('data', 'unknown data')}")
    looks = looks_of(options)
    started = time.perf_counter()
    bar, results = partial(progress, unit="picture"), {}
    with telling_of_compiling(model.device):
        for name, look in looks.items():
            results[name] = score(model, faces.validation, bar, options.ranks, **look)
        first = next(iter(looks))
        enlarged = score_enlarged(model, faces.validation, bar, options.ranks, **looks[first])
    if not options.ranks.first:
        return
    seconds = time.perf_counter() - started
    result = results[first]
    curves = {name: each.curves(lists, options.thresholds) for name, each in results.items()}
    if options.thresholds:
        print(f"counted at {options.thresholds} thresholds, as the benchmark's toolbox counts at 1000")
    for name, parts in curves.items():
        say_curves(name, parts, results[name].seconds)
    say_enlarged(enlarged)
    chosen = say_threshold(result, options.false_boxes)
    held_out = f"{model.name} on {counted(len(result.names), 'picture')} held out"
    figures.precision_recall(curves[first], options.output / "precision-recall.png", held_out)
    figures.worst_misses(result.examples, result.shown(), options.output / "worst-misses.png")
    print(f"{counted(len(result.names), 'picture')} in {seconds:.1f} s on {model.device}")
    print(f"wrote precision-recall.png and worst-misses.png in {options.output}")
    known = {"model": model.name, "device": model.device.name, "data": faces.source}
    numbers = {
        "subsets": found_in(curves[first]),
        "thresholds": options.thresholds,
        "looks": {n: {**found_in(c), "seconds_a_picture": round(results[n].seconds, 4)} for n, c in curves.items()},
        "chosen": chosen,
        "pictures": len(result.names),
        "seconds": round(seconds, 3),
    }
    write_json(options.json, {**known, **result.metrics, **enlarged, **numbers})


def looks_of(options) -> dict[str, dict[str, Any]]:
    """The looks by name: all, or the one that the options ask for."""
    if not (options.longest or options.scales):
        return LOOKS
    asked: dict[str, Any] = {"longest": options.longest} if options.longest else {}
    if options.scales:
        asked["scales"] = "auto" if "auto" in options.scales else tuple(options.scales)
    said = [f"longer side {options.longest}"] if options.longest else []
    said += [f"scales {' '.join(map(str, options.scales))}"] if options.scales else []
    return {", ".join(said): asked}


def lists_of(given: Path | None, faces: Faces) -> Lists | None:
    """The lists of easy, medium and hard faces: in the folder that is given, or beside the data where they are there.

    Raises DataError for a folder that is given and has none, and for lists that have none of the photographs.
    """
    lists = find_lists([given] if given else faces.lists)
    if given and not lists:
        raise DataError(f"--lists: none of {', '.join(LISTS.values())} found in {given}")
    if not lists:
        return None
    if not isinstance(faces.validation, Wider):
        raise DataError(f"--lists: {faces.source} found, photographs of WIDER FACE expected")
    names = [photograph.title for photograph in faces.validation.photographs]
    here = int(lists.known(names).sum())
    print(f"lists  {lists.folder}: {counted(here, 'picture')} of theirs here, {lists.missing(names)} not here", end="")
    print(f"; {counted(len(names) - here, 'picture')} of ours not in them, left out" if here < len(names) else "")
    return lists


def say_curves(look: str, curves: Mapping[str, Curve], seconds: float) -> None:
    print(f"look   {look}, {seconds:.3f} s a picture")
    for name, curve in curves.items():
        print(f"AP     {f'{curve.ap:.3f}' if curve.faces else '  -  '}  {name} ({counted(curve.faces, 'face')})")


def say_enlarged(metrics: Mapping[str, float]) -> None:
    """A line for each size that pictures were given: what was measured there, by name."""
    for size in dict.fromkeys(name.rpartition("_")[2] for name in metrics):
        found = {n.removesuffix(f"_{size}"): value for n, value in metrics.items() if n.endswith(f"_{size}")}
        print(f"size   {size}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))


def say_threshold(result: Score, most: float) -> dict[str, float]:
    """Say what the threshold is worth from which boxes are shown, and which the validation pictures would choose."""
    usual, chosen = at_threshold(result.from_16, THRESHOLD), choose_threshold(result.from_16, most)
    for what, choice in {"usual": usual, f"lowest with at most {most:g} false boxes a picture": chosen}.items():
        found = f"{choice.false_boxes:.2f} false boxes a picture, {choice.recall:.3f} of the faces from 16 pixels found"
        print(f"from   {choice.threshold:.4f}, the {what}: {found}")
    return {"at_most": most, **asdict(chosen)}


def found_in(curves: Mapping[str, Curve]) -> dict[str, float]:
    """Average precision by name, where there was a face to find."""
    return {name: curve.ap for name, curve in curves.items() if curve.faces}
