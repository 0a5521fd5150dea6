"""A page on which pictures are dropped and faces found: python -m apps.faces serve

A picture comes as the body of POST /look and stays in memory until it has been looked at. The answer has all boxes that
may be wanted, with their scores; the page shows those above a threshold, and asks nobody when that is moved.
"""

import time
import warnings
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from io import BytesIO
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread

import numpy as np
from flask import Flask, abort, render_template, request, send_from_directory
from PIL import Image

from apps.command_line import telling_of_compiling
from apps.errors import DataError
from apps.faces.album import Record, record
from apps.faces.detector import Detector, load_detector
from apps.faces.looks import AUTO
from apps.faces.pictures import read_upright
from apps.local_server import HERE, guarded, listening, serving

PAGE = Path(__file__).parent / "page"
FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

MOST_BYTES = 32 << 20  # of a picture's file
WAITING = 4  # pictures in line behind the one that is looked at
LEAST = 0.05  # score of a box that may be wanted
HEARD = 0.5  # seconds until Ctrl-C is heard if another thread received it, which does not wake the one that waits


class Looks:
    """Pictures before one detector, one after the other: asked for in any thread, looked at in that of `run`."""

    def __init__(self, detector: Detector):
        self._detector = detector
        self._waiting: Queue[tuple[bytes, bool, Future[Record]]] = Queue(WAITING)

    def ask(self, content: bytes, once: bool = False) -> Record:
        """What `look` finds. Raises DataError, and Full where more pictures wait than may."""
        answer: Future[Record] = Future()
        self._waiting.put_nowait((content, once, answer))
        return answer.result()

    def run(self) -> None:
        """Look at what comes, until this thread is interrupted."""
        self._detector(np.zeros((64, 64, 3), np.uint8))  # so that nobody waits for what has to be compiled
        while True:
            self._next()

    def _next(self) -> None:
        try:
            content, once, answer = self._waiting.get(timeout=HEARD)
        except Empty:
            return
        try:
            answer.set_result(look(self._detector, content, once))
        except Exception as error:
            answer.set_exception(error)


def look(detector: Detector, content: bytes, once: bool = False) -> Record:
    """What is found in a picture's file, as `detect --json` has it, and the milliseconds it took. Raises DataError.

    once    whether one look at its own size will do, as for the frames of a camera, which shall follow each other fast
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about what is in the file
        picture = read_upright(BytesIO(content))
    started = time.perf_counter()
    found = detector(picture, (1.0,) if once else None)
    milliseconds = 1000 * (time.perf_counter() - started)
    return {**record(picture, found), "milliseconds": round(milliseconds, 1)}


def page(ask: Callable[[bytes, bool], Record], **facts: str | float) -> Flask:
    """The application; `ask` is that of Looks. facts: least and threshold, scores, and model, device and data."""
    app = Flask(__name__, static_folder=None, template_folder=str(PAGE))

    @app.get("/")
    def index():
        return render_template("index.html", most_bytes=MOST_BYTES, **facts)

    @app.get("/example.jpg")
    def example():
        return astronaut(), {"Content-Type": "image/jpeg"}

    @app.get("/<name>")
    def file(name: str):
        if name not in FILES:
            abort(404, "no such page")
        return send_from_directory(PAGE, name, mimetype=FILES[name])

    @app.post("/look")
    def answer():
        length = request.content_length
        if length is None:
            abort(411, "no Content-Length found, one expected")
        if length > MOST_BYTES:
            abort(413, f"a file of {length / 2**20:.0f} MB found, at most {MOST_BYTES >> 20} MB expected")
        try:
            return ask(request.get_data(cache=False), "once" in request.args)
        except DataError as error:
            abort(422, str(error))
        except Full:
            abort(503, f"{WAITING} pictures wait already; try again in a moment")

    return app


@cache
def astronaut() -> bytes:
    """The picture of scikit-image in which there is a face, as a JPEG file."""
    from skimage import data  # here, because it loads slowly and is seldom needed

    file = BytesIO()
    Image.fromarray(data.astronaut()).save(file, "jpeg", quality=90)
    return file.getvalue()


def serve(options) -> None:
    """Answer at an address of this machine, until interrupted."""
    with listening(options.port) as listener:
        model, known = load_detector(options.weights, options.device)
        least, data = min(LEAST, options.threshold), known.get("data", "unknown data")
        looks = Looks(Detector(model, least, scales=AUTO))
        facts = {"model": model.name, "device": str(model.device), "data": data}
        app = page(looks.ask, least=least, threshold=options.threshold, **facts)
        port = listener.getsockname()[1]
        with serving(guarded(app, port), listener):
            print(f"model  {model.name} on {model.device}, trained on {data}")
            print(f"page   http://{HERE}:{port}/ until Ctrl-C", flush=True)
            if options.open:
                Thread(target=webbrowser.open, args=(f"http://{HERE}:{port}/",), daemon=True).start()
            with telling_of_compiling(model.device):
                looks.run()
