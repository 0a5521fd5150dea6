"""The page of the face detector: what it answers, whom it refuses, and how the command begins and ends."""

import re
import signal
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import data

pytest.importorskip("flask", reason="the extra `serve` is not installed")

from apps import images
from apps.faces import serve
from apps.faces.__main__ import main
from apps.faces.detector import SHIPPED, Detector, load_detector
from apps.faces.looks import AUTO
from apps.faces.pictures import read_upright
from apps.faces.serve import FILES, LEAST, MOST_BYTES, PAGE, Looks, look, page
from apps.local_server import HEADERS, guarded, listening
from kernels.interrupts import Interrupt
from tests.helpers.pages import FACTS, LIMIT, begun, nothing, png, rest, sent, until
from tests.helpers.programs import environment

PORT = 8000


@pytest.fixture
def asked():
    """What the application asked its detector for."""
    return []


@pytest.fixture
def client(asked):
    """Sends requests to an application without a server, whose detector finds nothing."""

    def ask(content, once):
        asked.append((content, once))
        return look(nothing, content, once)

    return guarded(page(ask, **FACTS), PORT).test_client()


@pytest.fixture
def send(client):
    return lambda path, method="GET", **more: client.open(path, f"http://127.0.0.1:{PORT}", method=method, **more)


def one_line(response) -> str:
    """What an answer says is wrong."""
    assert response.mimetype == "application/json"
    (name, text) = next(iter(response.get_json().items()))
    assert (name, len(response.get_json()), len(text.splitlines())) == ("error", 1, 1)
    return text


# --- The page


@pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), *((f"/{name}", kind) for name, kind in FILES.items())])
def test_the_page_and_its_files_are_what_they_are_said_to_be(send, path, kind):
    response = send(path)
    assert (response.status_code, response.mimetype) == (200, kind)
    assert response.data


def test_all_files_of_the_page_are_answered():
    assert {path.name for path in PAGE.iterdir()} == {"index.html", *FILES}


def test_the_page_says_what_looks_where_and_from_which_score_on(send):
    text = send("/").text
    assert "<b>lite</b> on cpu, trained on nothing" in text
    assert 'min="0.05" max="1" step="0.01" value="0.45"' in text
    assert f'data-most-bytes="{MOST_BYTES}"' in text


@pytest.mark.parametrize("name", ["index.html", *FILES])
def test_nothing_of_the_page_comes_from_elsewhere_or_stands_where_the_policy_forbids_it(name):
    text = (PAGE / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"//\w+\.|url\(|@import|innerHTML|\beval\b", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", text)


def test_the_example_is_a_picture_with_a_face(send):
    response = send("/example.jpg")
    assert response.mimetype == "image/jpeg"
    assert read_upright(BytesIO(response.data)).shape == (512, 512, 3)


@pytest.mark.parametrize(
    "path", ["/none", "/index.html", "/look", "/../serve.py", "/%2e%2e/serve.py", "/page.css/", "/" + "a" * 9000]
)
def test_what_is_not_there_is_not_found(send, path):
    response = send(path)
    assert response.status_code == 404
    assert len(one_line(response)) < 40


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("PUT", "/look"), ("DELETE", "/page.js")])
def test_other_methods_are_not_allowed(send, method, path):
    response = send(path, method)
    assert (response.status_code, one_line(response)) == (405, "method not allowed")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/page.js"), ("GET", "/none"), ("POST", "/look")])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "elsewhere.example"])
def test_every_answer_tells_the_browser_what_to_keep_out(client, method, path, host):
    headers = client.open(path, method=method, headers={"Host": host}).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


# --- A picture


@pytest.fixture(scope="module")
def eager():
    """A detector that has learned nothing, and finds faces nearly everywhere."""
    from apps.faces.models import lite
    from framework import Model

    return Detector(Model(lite, "cpu", seed=0), 0.01, longest=64)


def photograph(suffix, mode="RGB", **options):
    file = BytesIO()
    Image.fromarray(data.astronaut()).resize((48, 40)).convert(mode).save(file, suffix, **options)
    return file.getvalue()


def sideways():
    exif = Image.Exif()
    exif[0x0112] = 6
    return photograph("jpeg", exif=exif)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (photograph("jpeg"), (48, 40)),
        (photograph("png", "RGBA"), (48, 40)),
        (photograph("tiff"), (48, 40)),
        (photograph("gif", "P"), (48, 40)),
        (sideways(), (40, 48)),
    ],
)
def test_a_picture_is_answered_with_its_upright_size_its_boxes_and_the_time(eager, content, size):
    client = guarded(page(lambda content, once: look(eager, content), **FACTS), PORT).test_client()
    said = client.post("/look", data=content, headers={"Host": "127.0.0.1:8000"}).get_json()
    found = eager(read_upright(BytesIO(content)))
    assert (said["width"], said["height"]) == size
    assert len(said["boxes"]) == len(said["scores"]) == len(found.scores) > 0
    np.testing.assert_allclose(said["boxes"], found.boxes, atol=0.01)
    np.testing.assert_allclose(said["scores"], found.scores, atol=1e-4)
    assert said["milliseconds"] > 0


@pytest.mark.parametrize(
    "content", [b"", b"garbage", photograph("png")[:200], b"<svg></svg>", b"%PDF-1.4", b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_refused_in_a_line(send, content):
    response = send("/look", "POST", data=content, environ_overrides={"CONTENT_LENGTH": str(len(content))})
    assert response.status_code == 422
    assert re.fullmatch(r"no readable picture found \(.+\), an image file expected", one_line(response))


def test_a_picture_of_too_many_pixels_is_refused(send, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    assert send("/look", "POST", data=png(40, 25)).status_code == 200
    response = send("/look", "POST", data=png(40, 26))
    assert response.status_code == 422
    assert "40 x 26 pixels, more than the 1,000 that are allowed" in one_line(response)


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(send, asked, monkeypatch):
    said = {"CONTENT_LENGTH": str(1 << 40)}
    response = send("/look", "POST", data=b"of which the rest never comes", environ_overrides=said)
    assert response.status_code == 413
    assert one_line(response) == "a file of 1048576 MB found, at most 32 MB expected"
    content = png(40, 30)
    for most, status in ((len(content), 200), (len(content) - 1, 413)):
        monkeypatch.setattr(serve, "MOST_BYTES", most)
        assert send("/look", "POST", data=content).status_code == status
    assert asked == [(content, False)]


def test_what_fails_otherwise_is_a_line_here_and_one_on_the_terminal(capsys):
    def failing(content, once):
        raise ZeroDivisionError("a fault\nof ours")

    response = (
        guarded(page(failing, **FACTS), PORT).test_client().post("/look", data=b"a", headers={"Host": "localhost:8000"})
    )
    assert (response.status_code, one_line(response)) == (500, "this failed; the terminal says why")
    assert capsys.readouterr().err == "note    a request failed: ZeroDivisionError: a fault of ours\n"


def test_a_frame_of_a_camera_is_looked_at_once_and_a_picture_as_often_as_suits_it(send, asked):
    seen = []

    def detector(picture, scales=None):
        seen.append(scales)
        return nothing(picture)

    for path, once in (("/look", False), ("/look?once", True)):
        assert send(path, "POST", data=png(8, 8)).status_code == 200
        assert asked[-1][1] is once
        look(detector, png(8, 8), once)
    assert seen == [None, (1.0,)]


# --- Who may ask


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000"])
def test_this_machine_is_asked_by_its_names(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert (
        client.post("/look", data=png(4, 3), headers={"Host": host, "Origin": f"http://{host.lower()}"}).status_code
        == 200
    )


@pytest.mark.parametrize(
    "host",
    ["", "elsewhere.example", "elsewhere.example:8000", "127.0.0.1", "127.0.0.1:8001",
     "localhost.elsewhere.example:8000", "127.0.0.1:8000,elsewhere.example", "127.0.0.1:8000@elsewhere.example",
     "[::1]:8000", "0.0.0.0:8000", "127.1:8000"],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/page.js"), ("POST", "/look")])
def test_an_address_that_is_said_to_be_elsewhere_does_not_lead_here(client, asked, host, method, path):
    response = client.open(path, method=method, data=png(4, 3), headers={"Host": host})
    assert response.status_code == 403
    assert one_line(response) == "a request for another host found, one for 127.0.0.1:8000 expected"
    assert asked == []


def test_where_the_port_is_that_of_the_web_it_need_not_be_said():
    client = guarded(page(lambda content, once: {}, **FACTS), 80).test_client()
    assert [client.get("/", headers={"Host": host}).status_code for host in ("localhost", "127.0.0.1:80", "a")] == [
        200,
        200,
        403,
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "http://elsewhere.example",
        "null",
        "",
        "http://127.0.0.1:8001",
        "https://127.0.0.1:8000",
        "http://localhost:8000",
    ],
)
def test_another_page_may_not_send_pictures(send, asked, origin):
    response = send("/look", "POST", data=png(4, 3), headers={"Origin": origin})
    assert response.status_code == 403
    assert one_line(response) == "a request of another page found, one of this server's own pages expected"
    assert asked == []


# --- The command


def test_it_listens_to_this_machine_alone():
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_said_in_a_line(capsys):
    with listening(0) as listener:
        taken = listener.getsockname()[1]
        assert main(["serve", "--port", str(taken), "--no-open"]) == 1
    line = f"apps.faces serve: --port: {taken} found, a port that is free expected (Address already in use)\n"
    assert capsys.readouterr() == ("", line)


def test_what_is_no_detector_is_said_in_a_line(tmp_path, capsys):
    (tmp_path / "a").write_text("no weights")
    assert main(["serve", "--port", "0", "--weights", str(tmp_path / "a")]) == 1
    said, complaint = capsys.readouterr()
    assert said == ""
    assert re.fullmatch(f"apps.faces serve: {tmp_path}/a: not a safetensors file.*\n", complaint)


def test_without_the_extra_it_says_what_is_missing(monkeypatch, capsys):
    import apps.faces

    monkeypatch.delattr(apps.faces, "serve")
    for name in ("apps.faces.serve", "apps.local_server"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    assert main(["serve"]) == 1
    line = "apps.faces serve: the page needs the extra: pip install 'handwritten[serve]'\n"
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize(("words", "opens"), [([], True), (["--open"], True), (["--no-open"], False)])
@pytest.mark.parametrize("threshold", [0.6, 0.01])
def test_it_says_what_answers_where_and_opens_a_browser_if_it_may(monkeypatch, capsys, words, opens, threshold):
    opened, made = [], []

    def run(looks):
        made.append(looks._detector)
        until(lambda: not opens or opened)
        raise Interrupt(signal.SIGTERM)

    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    monkeypatch.setattr(Looks, "run", run)
    assert main(["serve", "--port", "0", "--device", "cpu", "--threshold", str(threshold), *words]) == 143
    said, complained = capsys.readouterr()
    found = re.fullmatch(
        r"model  scout on cpu, trained on (.+)\npage   (http://127\.0\.0\.1:\d+/) until Ctrl-C\n", said
    )
    assert opened == ([found[2]] if opens else [])
    assert complained == "apps.faces serve: interrupted\n"
    assert (made[0].threshold, made[0].scales) == (min(LEAST, threshold), AUTO)


def test_the_command_finds_what_detect_finds_and_ends_with_one_line(tmp_path):
    words = [sys.executable, "-m", "apps.faces", "serve", "--port", "0", "--no-open", "--device", "cpu"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment(TMPDIR=str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        _, line = process.stdout.readline(), process.stdout.readline()
        port = int(re.search(r":(\d+)/", line)[1])
        file = BytesIO()
        Image.fromarray(data.astronaut()).save(file, "png")
        said = sent(port, "POST", "/look", file.getvalue()).said
        process.send_signal(signal.SIGINT)
        rest, complaint = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert (process.returncode, rest, complaint) == (130, "", "apps.faces serve: interrupted\n")
    assert list(tmp_path.iterdir()) == []
    detector = Detector(load_detector(SHIPPED, "cpu")[0], scales=AUTO)
    shown = np.array(said["scores"]) >= detector.threshold
    found = detector(data.astronaut())
    np.testing.assert_allclose(np.array(said["boxes"])[shown], found.boxes, atol=0.01)
    assert len(found.scores) >= 1
    assert min(said["scores"]) >= LEAST


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_the_midst_of_a_look(tmp_path, number):
    program = (
        "from apps.faces import serve; from apps.faces.__main__ import main; import sys, time\n"
        "serve.look = lambda *_: (print('looking', flush=True), time.sleep(99))\n"
        "sys.exit(main(['serve', '--port', '0', '--no-open', '--device', 'cpu']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _, line = process.stdout.readline(), process.stdout.readline()
        connection = begun(int(re.search(r":(\d+)/", line)[1]), b"a picture")
        assert process.stdout.readline() == "looking\n"
        process.send_signal(number)
        _, complaint = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert (process.returncode, complaint) == (128 + number, "apps.faces serve: interrupted\n")
    assert rest(connection) == b""


def test_it_ends_when_another_thread_receives_the_signal(tmp_path):
    program = (
        "import signal, sys, threading, time\n"
        "from apps.faces.serve import Looks; from apps.faces.__main__ import main\n"
        "def end(): time.sleep(1); signal.pthread_kill(threading.get_ident(), signal.SIGINT); time.sleep(99)\n"
        "wait = Looks._next\n"
        "Looks._next = lambda looks: (other.is_alive() or other.start(), wait(looks))\n"
        "other = threading.Thread(target=end, daemon=True)\n"
        "sys.exit(main(['serve', '--port', '0', '--no-open', '--device', 'cpu']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=LIMIT
    )
    assert (found.returncode, found.stderr) == (130, "apps.faces serve: interrupted\n")
