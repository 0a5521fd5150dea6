"""Requests to the page of the face detector: the first byte says whether a picture for /look, or a request as it is."""

import json
import socket
from functools import cache
from unittest import mock

from tests.fuzz.target import Target, instrumented

with instrumented("PIL", "apps.images", "apps.faces.pictures", "apps.faces.serve", "apps.local_server"):
    from apps import images, local_server
    from apps.faces.serve import look, page
    from tests.helpers.pages import FACTS, nothing, png

PORT = 8000
HEAD = b"POST /look HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
MOST_PIXELS = 1 << 14  # as of pictures


class Watched(local_server.Server):
    """A server that hides no error."""

    def handle_error(self, request, client_address):
        raise


@cache
def server() -> Watched:
    app = local_server.guarded(page(lambda content, once: look(nothing, content, once), **FACTS), PORT)
    with local_server.listening(0) as listener:
        return Watched(app, listener)


def seeds():
    for content in (png(4, 3), png(4, 3)[:40], b"no picture"):
        yield b"\0" + content
        yield (
            b"\1" + HEAD + f"Content-Length: {len(content)}\r\nOrigin: http://127.0.0.1:8000\r\n\r\n".encode() + content
        )
    for path in ("/", "/page.js", "/icon.svg", "/none"):
        yield f"\1GET {path} HTTP/1.1\r\nHost: localhost:8000\r\n\r\n".encode()
    yield b"\1" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def attempt(data, folder):
    first, content = data[:1], data[1:]
    sent = content if first == b"\1" else HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        with mock.patch.object(images, "MOST_PIXELS", MOST_PIXELS), mock.patch.object(local_server, "PATIENCE", 5.0):
            server().process_request_thread(theirs, ("127.0.0.1", 1))
        with ours.makefile("rb") as file:
            require_answer(file.read())


def require_answer(answer: bytes) -> None:
    """It is a file of the page, what was found, or one line that says what is wrong, and is not our fault."""
    answer = answer.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    if not answer.startswith(b"HTTP/1.1 "):  # none, or one without a head, as HTTP/0.9 has it
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status != 500
    if status >= 400 and body:
        (text,) = json.loads(body).values()
        assert len(text.splitlines()) == 1


WORDS = (
    *(HEAD, b"\r\n\r\n", b"Content-Length: ", b"Host: ", b"Origin: ", b"Transfer-Encoding: chunked\r\n"),
    *(b" HTTP/1.1\r\n", b"Expect: 100-continue\r\n", b"Range: bytes=0-1\r\n", b"GET ", b"HEAD ", b"OPTIONS "),
    *(b"http://[", b"/%00", b"//"),
)
TARGET = Target(attempt, (), seeds, WORDS)
