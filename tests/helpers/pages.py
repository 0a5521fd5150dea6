"""The page of the face detector on a port of its own, in this process, and what is asked of it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from apps.faces.evaluation import Detections
from apps.faces.serve import Looks, page
from apps.local_server import guarded, listening, serving

LIMIT = 300  # seconds, in which kernels may have to be compiled
FACTS = {"least": 0.05, "threshold": 0.45, "model": "lite", "device": "cpu", "data": "nothing"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def said(self) -> dict:
        return json.loads(self.content)


@contextmanager
def open_page(detector) -> Iterator[int]:
    """A server with a detector that has a thread of its own; its port."""
    looks = Looks(detector)
    threading.Thread(target=looks.run, daemon=True).start()
    with listening(0) as listener:
        port = listener.getsockname()[1]
        with serving(guarded(page(looks.ask, **FACTS), port), listener):
            yield port


def sent(port: int, method: str, path: str, body=None, **headers: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


def nothing(picture: np.ndarray, scales=None) -> Detections:
    """A detector that finds nothing."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def png(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "png")
    return file.getvalue()


def until(condition):
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def begun(port, content=b"", length=None):
    """A connection on which the beginning of a picture has been sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    head = f"POST /look HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length or len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


def rest(connection):
    """All that still comes."""
    with connection, connection.makefile("rb") as file:
        try:
            return file.read()
        except ConnectionResetError:
            return b""
