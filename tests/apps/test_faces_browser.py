"""The page of the face detector in a browser: what a user sees, hears and can do, with a detector that ships."""

import os
import re
import shutil
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import data

pytest.importorskip("flask", reason="the extra `serve` is not installed")
pytest.importorskip("playwright", reason="the extra `browser` is not installed")

from playwright import sync_api

from apps.faces.detector import SHIPPED, Detector, load_detector
from apps.faces.serve import LEAST, MOST_BYTES
from tests.helpers.pages import LIMIT, open_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True, "has_touch": True}
expect = sync_api.expect


@pytest.fixture(scope="module")
def asked():
    """The sizes of the pictures that the detector looked at."""
    return []


@pytest.fixture(scope="module")
def detector():
    return Detector(load_detector(SHIPPED, "cpu")[0], LEAST)


@pytest.fixture(scope="module")
def address(asked, detector):
    with open_page(lambda picture, scales=None: (asked.append(picture.shape), detector(picture))[1]) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def chromium():
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot have
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CAMERA, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Opens the page. In the end it has raised no error, and asked for nothing but what is on this server."""
    contexts, wrong = [], []

    def visit(**options):
        contexts.append(chromium.new_context(**DESKTOP | options))
        contexts[-1].set_default_timeout(1000 * LIMIT)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "load resource" not in said.text else None)
        page.on("request", lambda request: wrong.append(request.url) if elsewhere(request.url) else None)
        page.goto(address)
        return page

    def elsewhere(url):
        return not url.startswith((address, f"blob:{address}"))

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(visit):
    return visit()


def encoded(picture, kind="jpeg", **options):
    file = BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return {"name": f"a.{kind}", "mimeType": f"image/{kind}", "buffer": file.getvalue()}


ASTRONAUT = encoded(data.astronaut())


def choose(page, file):
    page.locator("#file").set_input_files([file])


def says(page, **texts):
    """Waits until elements have these texts, or match them."""
    for name, text in texts.items():
        expect(page.locator(f"#{name}")).to_have_text(
            text if isinstance(text, str) else re.compile(text[0]), timeout=1000 * LIMIT
        )


def pixels(page):
    """The colours of the canvas (H, W, 3), as they are on the screen."""
    canvas = page.locator("#picture")
    return np.array(Image.open(BytesIO(canvas.screenshot())).convert("RGB"))


def yellow(picture):
    """Which pixels have the colour of a score from 0.85 to 1, bool (H, W)."""
    return np.abs(picture.astype(int) - [234, 241, 67]).max(axis=2) <= 16


# --- A picture


def test_a_picture_that_is_chosen_is_seen_with_boxes_scores_and_time(page, asked, detector):
    says(page, count="–", time="–", caption="")
    expect(page.locator("#picture")).to_have_attribute("aria-label", "No picture yet")
    choose(page, ASTRONAUT)
    says(
        page,
        count="1",
        noun="face",
        size="512 × 512",
        time=[r"^\d+ ms$"],
        caption=[r"^1 face, score (1\.00|0\.\d\d)\.$"],
    )
    expect(page.locator("#picture")).to_have_attribute("aria-label", "The picture, with boxes around 1 face")
    assert asked[-1] == (512, 512, 3)
    seen = pixels(page)
    assert yellow(seen).sum() > 300
    # Where the face is, in the picture's own proportions, and nowhere else.
    rows, columns = np.nonzero(yellow(seen))
    x1, y1, x2, y2 = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) * 512 / seen.shape[1]
    left, top, right, bottom = detector(data.astronaut()).boxes[0]
    assert np.abs(np.array([x1, x2, y2]) - [left, right, bottom]).max() < 3
    assert 10 < top - y1 < 40  # the score stands above the box


def test_the_threshold_shows_and_hides_boxes_and_asks_nobody(page, asked):
    choose(page, ASTRONAUT)
    says(page, count="1")
    before, boxed = len(asked), yellow(pixels(page)).sum()
    slider = page.locator("#threshold")
    slider.fill("1")
    says(page, count="0", noun="faces", least="1.00", caption="No faces.")
    assert yellow(pixels(page)).sum() < boxed / 10
    slider.fill("0.05")
    says(page, count=[r"^\d\d+$"], noun="faces", caption=[r"^\d+ faces, scores 0\.9\d to 0\.05\.$"])
    slider.focus()
    slider.press("End")
    says(page, count="0")
    slider.press("ArrowLeft")
    says(page, count="0", least="0.99")
    slider.fill("0.9")
    says(page, count="1", least="0.90")
    assert len(asked) == before


def test_a_picture_that_is_dropped_is_looked_at(page):
    page.evaluate(
        """(bytes) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" }));
            const how = { dataTransfer: dropped, bubbles: true, cancelable: true };
            for (const kind of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, how));
        }""",
        list(ASTRONAUT["buffer"]),
    )
    says(page, count="1")


def test_a_picture_that_is_pasted_is_looked_at(page):
    page.evaluate(
        """(bytes) => {
            const pasted = new DataTransfer();
            pasted.items.add(new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted }));
        }""",
        list(ASTRONAUT["buffer"]),
    )
    says(page, count="1")


def test_the_example_is_a_click_away(page):
    page.get_by_role("button", name="Try an example").click()
    says(page, count="1", size="512 × 512")


def test_a_photograph_is_shown_upright_with_its_boxes(page, detector):
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = np.pad(data.astronaut()[:400], ((0, 0), (100, 0), (0, 0)), mode="edge")
    choose(page, encoded(np.rot90(wide), exif=exif))
    says(page, count="1", size="612 × 400")
    seen = pixels(page)
    assert abs(seen.shape[1] / seen.shape[0] - 612 / 400) < 0.02
    _, columns = np.nonzero(yellow(seen))
    assert abs(columns.min() * 612 / seen.shape[1] - detector(wide).boxes[0, 0]) < 3


def test_where_the_browser_cannot_show_a_picture_it_says_so_and_shows_the_boxes(page):
    choose(page, encoded(data.astronaut(), "tiff"))
    says(page, count="1", message=["^This browser cannot show such a picture"])
    assert yellow(pixels(page)).sum() > 300


# --- What goes wrong


def test_garbage_is_answered_with_a_clear_message_that_the_next_picture_takes_away(page):
    choose(page, ASTRONAUT)
    says(page, count="1")
    choose(page, {"name": "a.png", "mimeType": "image/png", "buffer": b"garbage"})
    says(page, message="No readable picture found (no format that Pillow knows), an image file expected.", count="–")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("A picture goes here")).to_be_visible()
    choose(page, ASTRONAUT)
    says(page, count="1", message="")


def test_a_file_that_is_too_large_is_not_even_sent(page, asked, tmp_path):
    before = len(asked)
    path = tmp_path / "a.png"
    path.write_bytes(bytes(MOST_BYTES + 1))
    page.locator("#file").set_input_files(path)
    says(page, message="A file of 33 MB found, at most 32 MB expected.")
    assert len(asked) == before


def test_a_server_that_has_ended_is_said_to_have(page):
    page.route("**/look", lambda route: route.abort("connectionrefused"))
    choose(page, ASTRONAUT)
    says(page, message="The server does not answer; it may have ended.")


def test_of_two_pictures_the_later_is_shown(page):
    choose(page, encoded(np.zeros((64, 900, 3), np.uint8)))
    choose(page, ASTRONAUT)
    says(page, size="512 × 512", count="1")
    page.wait_for_timeout(500)
    says(page, size="512 × 512", count="1")


# --- The camera


def test_the_camera_shows_frames_and_a_rate_and_sends_none_before_the_last_is_answered(page, asked):
    before, under_way, most = len(asked), set(), [0]

    def begin(request):
        under_way.add(request)
        most[0] = max(most[0], len(under_way))

    page.on("request", begin)
    page.on("requestfinished", lambda request: under_way.discard(request))
    camera = page.get_by_role("button", name="Use the camera")
    camera.click()
    says(page, rate=[r"^\d+\.\d a second$"], size="640 × 480", time=[r"^\d+ ms$"])
    expect(page.get_by_role("button", name="Stop the camera", pressed=True)).to_be_visible()
    first = pixels(page)
    page.wait_for_timeout(1500)
    assert (pixels(page) != first).any()
    page.get_by_role("button", name="Stop the camera").click()
    expect(camera).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(300)
    seen = len(asked) - before
    assert seen > 3
    assert most == [1]
    page.wait_for_timeout(500)
    assert len(asked) == before + seen


def test_a_picture_ends_the_camera(page):
    page.get_by_role("button", name="Use the camera").click()
    says(page, rate=[r"a second$"])
    choose(page, ASTRONAUT)
    says(page, count="1", size="512 × 512")
    page.wait_for_timeout(300)
    says(page, size="512 × 512")
    expect(page.locator("#frames")).to_be_hidden()


def test_a_camera_that_cannot_be_had_is_said_to_be(page):
    none = "async () => { throw new DOMException('', 'NotFoundError'); }"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {none}; }}")
    page.get_by_role("button", name="Use the camera").click()
    says(page, message="There is no camera.")


# --- For everybody


@pytest.mark.parametrize(
    "options", [PHONE, DESKTOP, {"viewport": {"width": 320, "height": 600}}], ids=["phone", "desktop", "small"]
)
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_is_readable_on_every_screen(visit, options, colours):
    page = visit(**options, color_scheme=colours)
    choose(page, ASTRONAUT)
    says(page, count="1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("Use the camera", "Try an example"):
        assert page.get_by_role("button", name=name).bounding_box()["height"] >= 44
    assert page.locator("#threshold").bounding_box()["height"] >= 44
    for element in ("header p", "figcaption", "dt", "dd", "footer p", ".threshold p"):
        assert page.evaluate(CONTRAST, element) >= 4.5, element


# Of a text and the paper it is on, by WCAG 2.
CONTRAST = """(name) => {
    const luminance = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * c, 0);
    const text = luminance(getComputedStyle(document.querySelector(name)).color);
    const paper = luminance(getComputedStyle(document.body).backgroundColor);
    return (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
}"""


def test_everything_can_be_reached_by_the_keyboard_and_has_a_name(page):
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate(
            """() => { const on = document.activeElement, shown = on.id === "file" ? on.nextElementSibling : on;
                return getComputedStyle(shown).outlineStyle; }"""
        ) == "solid"  # fmt: skip
    assert reached == ["file", "camera", "example", "threshold"]
    assert page.get_by_label("Choose a picture").count() == 1
    assert page.get_by_role("slider", name="Least score").count() == 1
    assert page.locator("#caption").get_attribute("aria-live") == "polite"
    page.locator("#example").press("Enter")
    says(page, count="1")
