"""The picture of a plan shows the plan: every array where it lies, for as long as it lives."""

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import apps.faces.__main__
import apps.mnist.__main__
from apps.mnist.models import lenet5_max
from framework import Plan
from framework.picture import COLOUR, NAMED_STEPS, plan_figure, readable
from tests.helpers.networks import plain


@pytest.fixture
def plan():
    return Plan(lenet5_max(50), ("loss",), objective="loss")


def texts(figure):
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts]


def test_every_array_is_a_rectangle_where_and_when_it_lives(plan):
    (axes,) = plan_figure(plan, "lenet5_max").axes
    drawn = {(p.get_x(), p.get_y(), p.get_width(), p.get_height(), tuple(p.get_facecolor()[:3])) for p in axes.patches}
    assert drawn == {(b.first, b.offset, b.last + 1 - b.first, b.bytes, to_rgb(COLOUR[b.kind])) for b in plan.transient}
    assert len({to_rgb(colour) for colour in COLOUR.values()}) == 3


def test_it_says_what_reuse_saves_and_what_lies_outside(plan):
    figure = plan_figure(plan, "lenet5_max")
    assert figure.get_suptitle() == "lenet5_max: 2.84 MiB with reuse, 6.02 MiB without (ratio 0.47)"
    (axes,) = figure.axes
    expected = "not in the arena: parameters 241 KiB, their gradients 241 KiB, inputs 40.2 KiB, constants 4 bytes"
    assert axes.get_title(loc="left") == expected
    assert axes.get_ylabel() == "address in the arena (MiB)"


def test_the_biggest_arrays_are_named(plan):
    said = " ".join(texts(plan_figure(plan, "lenet5_max")))
    for buffer in sorted(plan.transient, key=lambda b: b.bytes * (b.last + 1 - b.first))[-6:]:
        assert buffer.name in said


def test_steps_are_named_where_there_is_room():
    (axes,) = plan_figure(Plan(plain(2), ("loss",), objective="loss"), "plain").axes
    plan = Plan(plain(2), ("loss",), objective="loss")
    assert [label.get_text() for label in axes.get_xticklabels()] == [step.name for step in plan.steps]
    plan.steps *= NAMED_STEPS
    (axes,) = plan_figure(plan, "plain").axes
    assert "batchnorm_1" not in [label.get_text() for label in axes.get_xticklabels()]


def test_a_plan_without_training_has_no_backward():
    figure = plan_figure(Plan(plain(2), ("probabilities",)), "plain")
    assert "forward" in texts(figure)
    assert "backward" not in texts(figure)


@pytest.mark.parametrize(
    ("size", "expected"), [(0, "0 bytes"), (4, "4 bytes"), (1536, "1.5 KiB"), (2**20 * 195, "195 MiB")]
)
def test_bytes_are_readable(size, expected):
    assert readable(size) == expected


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (apps.mnist.__main__.main, ["--model", "lenet5", "--batch-size", "2"]),
        (apps.faces.__main__.main, ["--model", "lite", "--size", "64"]),
    ],
)
def test_summary_draws_it_twice_with_the_same_bytes(main, arguments, tmp_path, capsys):
    one, other = tmp_path / "a.png", tmp_path / "b.png"
    for path in (one, other):
        assert main(["summary", *arguments, "--plan", str(path)]) == 0
    assert f"wrote {one}" in capsys.readouterr().out.splitlines()
    assert one.read_bytes() == other.read_bytes()
    assert Image.open(one).format == "PNG"
