"""Nobody can hold the page of the face detector up: not by asking often, slowly or wrongly; and nothing is kept."""

import os
import re
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("flask", reason="the extra `serve` is not installed")

from apps import local_server
from apps.faces import serve
from apps.faces.serve import WAITING, Looks
from tests.helpers.pages import LIMIT, begun, nothing, open_page, png, rest, sent, until


class Held:
    """A detector that finds nothing until it is let go, and counts how many looks there are at once."""

    def __init__(self):
        self.go, self.now, self.most, self.seen = threading.Event(), 0, 0, []
        self.go.set()

    def __call__(self, picture, scales=None):
        self.now += 1
        self.most = max(self.most, self.now)
        assert self.go.wait(LIMIT)
        time.sleep(0.01)
        self.now -= 1
        self.seen.append(picture.shape)
        return nothing(picture)


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def port(held):
    with open_page(held) as port:
        until(lambda: held.seen)  # what is looked at before anybody asks
        yield port
        held.go.set()


def test_pictures_are_looked_at_one_at_a_time_and_each_has_its_own_answer(port, held):
    sizes = [(20 + n, 30 - n) for n in range(WAITING)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        for _ in range(5):
            answers = list(pool.map(lambda size: sent(port, "POST", "/look", png(*size)).said, sizes))
            assert [(said["width"], said["height"]) for said in answers] == sizes
    assert held.most == 1


def test_so_many_wait_and_the_next_is_told_to_come_again(port, held):
    held.go.clear()
    more = 2
    with ThreadPoolExecutor(1 + WAITING + more) as pool:
        first = pool.submit(sent, port, "POST", "/look", png(8, 8))
        until(lambda: held.now == 1)
        others = [pool.submit(sent, port, "POST", "/look", png(8, 8)) for _ in range(WAITING + more)]
        until(lambda: sum(each.done() for each in others) == more)
        refused = [each.result() for each in others if each.done()]
        assert sent(port, "GET", "/").status == 200
        held.go.set()
        statuses = [each.result().status for each in (first, *others)]
    assert [(each.status, each.said) for each in refused] == more * [
        (503, {"error": "4 pictures wait already; try again in a moment"})
    ]
    assert sorted(statuses) == [200] * (1 + WAITING) + [503] * more
    assert sent(port, "POST", "/look", png(8, 8)).status == 200


def test_slow_uploads_keep_nobody_waiting_and_end(port, monkeypatch):
    monkeypatch.setattr(local_server, "PATIENCE", 3.0)
    started = time.monotonic()
    slow = [begun(port, b"\x89PNG", length=1000) for _ in range(10)]
    silent = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    assert sent(port, "POST", "/look", png(8, 8)).status == 200
    assert time.monotonic() - started < 3
    for connection in slow[:5]:
        connection.settimeout(0.05)
    dripped = 0
    try:
        while dripped < 300:  # a byte now and then keeps nothing open
            for connection in slow[:5]:
                connection.sendall(b".")
            dripped += 1
            time.sleep(0.05)
    except OSError:
        pass
    assert dripped < 200
    for connection in slow[5:]:
        assert b'{"error":"a request that ends early found, a whole one within 3 s expected"}' in rest(connection)
    assert rest(silent) == b""
    assert time.monotonic() - started < 30
    for connection in slow[:5]:
        connection.close()


def test_an_upload_that_breaks_off_harms_nobody(port, held, capfd):
    for _ in range(20):
        begun(port, b"\x89PNG", length=1000).close()
    half = begun(port, png(8, 8)[:40], length=100)
    half.shutdown(socket.SHUT_WR)
    assert b" 400 " in rest(half).splitlines()[0]
    assert sent(port, "POST", "/look", png(8, 8)).status == 200
    assert len(held.seen) == 2
    assert capfd.readouterr() == ("", "")


def test_more_connections_than_there_may_be_are_closed_until_some_end(held, monkeypatch):
    monkeypatch.setattr(local_server, "CONNECTIONS", 3)
    with open_page(held) as port:
        slow = [begun(port, length=1000) for _ in range(3)]
        assert rest(socket.create_connection(("127.0.0.1", port), timeout=LIMIT)) == b""
        for connection in slow:
            connection.close()

        def answered():
            try:
                return sent(port, "GET", "/").status == 200
            except OSError:
                return False

        until(answered)


def test_what_is_refused_for_its_size_is_told_so_although_it_goes_on_sending(port, monkeypatch):
    monkeypatch.setattr(serve, "MOST_BYTES", 1 << 20)
    answer = sent(port, "POST", "/look", bytes(20 << 20))
    assert (answer.status, answer.said) == (413, {"error": "a file of 20 MB found, at most 1 MB expected"})


def test_a_picture_whose_length_is_not_said_is_refused(port):
    answer = sent(port, "POST", "/look", iter([b"a", b"b"]))  # in chunks
    assert (answer.status, answer.said) == (411, {"error": "no Content-Length found, one expected"})


@pytest.mark.parametrize(
    "garbage",
    [b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
     b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n",
     b"POST /look HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
     b"POST http://elsewhere.example/look HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_ends_its_connection_and_nothing_else(port, garbage, capfd):
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    connection.sendall(garbage)
    connection.shutdown(socket.SHUT_WR)
    said = rest(connection)
    assert re.search(rb'\{"error": ?"[^"\n]+"\}\n$', said)
    assert b" 200 " not in said
    assert sent(port, "GET", "/").status == 200
    assert capfd.readouterr() == ("", "")


# --- Nothing is kept

OPENED: list[str] = []  # for writing, while a test looks
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
looking = threading.Event()


def hook(event, arguments):
    if looking.is_set() and event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        OPENED.append(str(arguments[0]))


def test_nothing_of_a_picture_is_written_or_printed(port, capfd):
    sys.addaudithook(hook)
    noise = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)).save(noise, "png")
    looking.set()
    try:
        assert sent(port, "POST", "/look", noise.getvalue()).status == 200
        assert sent(port, "POST", "/look", noise.getvalue()[:-999]).status == 422
        seen, _ = list(OPENED), OPENED.clear()
        Path(os.devnull).write_text("this is seen")
    finally:
        looking.clear()
    assert (seen, OPENED) == ([], [os.devnull])
    assert capfd.readouterr() == ("", "")


def test_what_was_looked_at_is_not_held(held):
    looks = Looks(held)
    threading.Thread(target=looks.run, daemon=True).start()
    content = png(8, 8) + bytes(1 << 20)
    before = sys.getrefcount(content)
    looks.ask(content)
    until(lambda: sys.getrefcount(content) == before)
