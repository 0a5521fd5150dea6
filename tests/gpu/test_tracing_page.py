"""The page of a recording in a browser: what a reader sees, and can do with a pointer, keys and a slider."""

import os
import re
import shutil

import numpy as np
import pytest

pytest.importorskip("playwright", reason="the extra `browser` is not installed")

from playwright import sync_api

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.tracing import trace
from tests.gpu.test_tracing import long, reverse, without_barrier

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")

PHONE = {"viewport": {"width": 380, "height": 800}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
expect = sync_api.expect


@kernel
def wide(x, y):
    tile = cuda.shared.array((40, 40), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = x[j, i]
    cuda.syncthreads()
    y[i, j] = tile[j, i]


def recorded(name):
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    square = np.linspace(-1e-9, 1e9, 1600, dtype=np.float32).reshape(40, 40)
    return trace(
        {
            "reverse": reverse[2, 64](x, y),
            "race": without_barrier[1, 64](x, y),
            "long": long[1, 64](x),
            "wide": wide[1, (40, 20)](square, np.zeros_like(square)),
        }[name],
        steps=50 if name == "long" else 3000,
    )


@pytest.fixture(scope="module")
def chromium():
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot have
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, tmp_path):
    """Opens a page. In the end it has raised no error, and asked for nothing."""
    contexts, wrong = [], []

    def visit(name, **options):
        path = tmp_path / f"{name}.html"
        recorded(name).write(path)
        contexts.append(chromium.new_context(**DESKTOP | options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text))
        page.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


def is_at(page, step, last):
    expect(page.locator("#count")).to_have_text(f"step {step} of {last}")


def cell(page, array, number):
    return page.locator(f".row i[data-a='{array}'][data-c='{number}']")


def test_the_slider_and_the_keys_go_through_the_steps(visit):
    page = visit("reverse")
    is_at(page, 0, 12)
    page.keyboard.press("ArrowRight")
    is_at(page, 1, 12)
    page.keyboard.press("End")
    is_at(page, 12, 12)
    expect(page.locator("#said")).to_have_text("All threads have returned.")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    is_at(page, 0, 12)
    page.get_by_role("slider", name="Step").fill("5")
    is_at(page, 5, 12)
    page.get_by_role("button", name="A step on").click()
    is_at(page, 6, 12)


def test_a_step_shows_its_line_its_threads_and_what_they_touch(visit):
    page = visit("reverse")
    page.get_by_role("slider", name="Step").fill("3")
    expect(page.locator(".here code")).to_contain_text("tile[i] = x[")
    expect(page.locator(".here u")).to_have_text("32")
    expect(page.locator("#said")).to_have_text(re.compile(r"^Warp 0, line \d+: all 32 threads read x 32 times; write"))
    expect(page.locator("#doing")).to_have_text("32 on the line · 32 have not begun")
    expect(page.locator(".warp i.on")).to_have_count(32)
    expect(page.locator(".row i.read")).to_have_count(32)
    expect(page.locator(".row i.write")).to_have_count(32)
    expect(page.locator(".row i.empty")).to_have_count(32)  # of warp 1, which comes later
    expect(cell(page, 2, 5)).to_have_text("55@3")  # the value 5, by thread 5 in step 3
    page.get_by_role("slider", name="Step").fill("8")
    expect(page.locator("#doing")).to_have_text(re.compile(r"^64 wait for syncthreads at line \d+$"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).to_have_text(re.compile(r"^All 64 threads have met at the barrier of line \d+"))


def test_a_thread_that_is_chosen_has_its_cells_marked_and_a_cell_says_who_wrote_it(visit):
    page = visit("reverse")
    page.get_by_role("slider", name="Step").fill("10")
    page.locator(".warp i[data-t='3']").click()
    expect(page.locator(".row i.chosen")).to_have_count(2)
    expect(cell(page, 2, 60)).to_have_class(re.compile("read chosen"))
    expect(page.locator("#tip")).to_have_text(re.compile(r"^Thread 3: on line \d+, then returned\.$"))
    cell(page, 2, 60).hover()
    expect(page.locator("#tip")).to_have_text("tile[60] = 60, written by thread 60 in step 7.")


def test_going_back_shows_what_was_there(visit):
    page = visit("reverse")
    before = {}
    for step in (0, 3, 7, 10):
        page.get_by_role("slider", name="Step").fill(str(step))
        before[step] = page.locator("main").inner_text()
    for step in (10, 7, 3, 0):
        page.get_by_role("slider", name="Step").fill(str(step))
        assert page.locator("main").inner_text() == before[step]


def test_play_goes_on_by_itself_and_stops(visit):
    page = visit("race")
    page.get_by_role("button", name="Play").click()
    is_at(page, 4, 4)
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_fault_is_shown_at_its_step(visit):
    page = visit("race")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.get_by_role("link", name="step 4").click()
    is_at(page, 4, 4)
    expect(page.get_by_role("alert")).to_contain_text("no barrier lies between them")
    expect(page.locator(".wrong code")).to_contain_text("y[i] = tile[max(i - 1, 0)]")
    expect(page.locator(".warp i.bad")).to_have_count(1)
    expect(cell(page, 2, 0)).to_have_class(re.compile("bad"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_was_left_out_is_said(visit):
    page = visit("long")
    expect(page.locator("#warning")).to_have_text("There are more steps: these are the first 50.")
    expect(page.locator("footer")).to_contain_text("one of many")


@pytest.mark.parametrize("name", ["reverse", "race", "wide"])
@pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_is_readable_on_every_screen(visit, name, options, colours):
    page = visit(name, **options, color_scheme=colours)
    page.keyboard.press("End")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44
    for element in ("header p", "#said", "nav output", ".code span", ".row s", "footer p"):
        assert page.evaluate(CONTRAST, element) >= 4.5, element


# Of a text and what it stands on, by WCAG 2.
CONTRAST = """(name) => {
    const luminance = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * c, 0);
    const element = document.querySelector(name);
    let under = element;
    while (under && getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
    const text = luminance(getComputedStyle(element).color);
    const paper = luminance(getComputedStyle(under || document.body).backgroundColor);
    return (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
}"""
