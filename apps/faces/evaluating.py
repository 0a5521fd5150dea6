"""What `python -m apps.faces evaluate` does: it scores a detector on the pictures held out, and says how it counted."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from apps.command_line import telling_of_compiling
from apps.errors import DataError
from apps.faces import figures
from apps.faces.commands import faces_of
from apps.faces.data import Faces
from apps.faces.detecting import counted
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
    faces = faces_of(options, learning=False)
    make_folder("--output", options.output)
    print(f"data   {faces.source}")
    print(f"model  {model.name} from {options.weights}, trained on {facts.get('data', 'unknown data')}")
    lists = lists_of(options.lists, faces)
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
    how = "at every score" if options.thresholds is None else f"at {options.thresholds} thresholds, as the toolbox does"
    print(f"counts {how}")
    said = {name: say_look(name, results[name], parts, options.false_boxes) for name, parts in curves.items()}
    say_enlarged(enlarged)
    held_out = f"{model.name} on {counted(len(result.names), 'picture')} held out"
    figures.precision_recall(curves[first], options.output / "precision-recall.png", held_out)
    figures.worst_misses(result.examples, result.shown(), options.output / "worst-misses.png")
    print(f"{counted(len(result.names), 'picture')} in {seconds:.1f} s on {model.device}")
    print(f"wrote precision-recall.png and worst-misses.png in {options.output}")
    known = {"model": model.name, "device": model.device.name, "data": faces.source}
    numbers = {
        **said[first],
        "looks": said,
        "thresholds": options.thresholds,
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

    Raises DataError for a folder that is given and has none, and for lists that do not fit the photographs.
    """
    lists = find_lists([given] if given else faces.lists)
    if given and not lists:
        raise DataError(f"--lists: none of {', '.join(LISTS.values())} found in {given}")
    if not lists:
        return None
    if not isinstance(faces.validation, Wider):
        raise DataError(f"--lists: {faces.source} found, photographs of WIDER FACE expected")
    written = {photograph.title: len(photograph.kept) for photograph in faces.validation.photographs}
    names = list(written)
    known = lists.known(names)
    for name in np.array(names)[known].tolist():
        for which in lists.counted:
            lists.counts(which, name, written[name])  # before anything is looked at, which takes minutes
    here = int(known.sum())
    said = f"lists  {lists.folder}: {counted(here, 'picture')} of theirs here, {lists.missing(names)} not here"
    print(
        said + (f"; {counted(len(names) - here, 'picture')} of ours not in them, left out" if not known.all() else "")
    )
    return lists


def say_look(look: str, result: Score, curves: Mapping[str, Curve], most: float) -> dict[str, Any]:
    """Say what was found so: average precision, and what boxes are worth from the usual threshold on and from that
    which leaves at most so many false boxes a picture. Returns the same for --json."""
    print(f"look   {look}, {result.seconds:.3f} s a picture")
    for name, curve in curves.items():
        print(f"AP     {f'{curve.ap:.3f}' if curve.faces else '  -  '}  {name} ({counted(curve.faces, 'face')})")
    lowest = choose_threshold(result.all_faces, most).threshold
    shown = {}
    for why, threshold in {"usual": THRESHOLD, f"at most {most:g} false": lowest}.items():
        choice, from_16 = (at_threshold(curve, threshold) for curve in (result.all_faces, result.from_16))
        found = f"{choice.recall:.3f} of all faces, {from_16.recall:.3f} from 16 pixels on"
        print(f"shown  from {threshold:.4f} on ({why}): {choice.false_boxes:.2f} false boxes a picture, {found}")
        shown[why] = {**asdict(choice), "recall_16": from_16.recall}
    usual, chosen = shown.values()
    subsets = {name: curve.ap for name, curve in curves.items() if curve.faces}
    seconds = round(result.seconds, 4)
    return {"subsets": subsets, "usual": usual, "chosen": {"at_most": most, **chosen}, "seconds_a_picture": seconds}


def say_enlarged(metrics: Mapping[str, float]) -> None:
    """A line for each size that pictures were given: what was measured there, by name."""
    for size in dict.fromkeys(name.rpartition("_")[2] for name in metrics):
        found = {n.removesuffix(f"_{size}"): value for n, value in metrics.items() if n.endswith(f"_{size}")}
        print(f"size   {size}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
