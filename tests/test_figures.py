"""The figures of the documentation: they can be drawn, and the numbers in them are right."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from docs import figures


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("number", figures.FIGURES)
def test_a_figure_is_drawn_twice_with_the_same_bytes(number, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        assert figures.main([number, "--output", str(tmp_path / name)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"wrote {tmp_path / 'a.png'}"
    picture = Image.open(tmp_path / "a.png")
    assert picture.format == "PNG"
    assert picture.width == 1200
    assert 300 < picture.height < 900
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("numbers", [figures.padding_numbers, figures.pooling_numbers, figures.overlap_numbers])
def test_the_numbers_are_those_of_the_reference(numbers):
    got, expected = numbers("cpu"), numbers("reference")
    assert got.keys() == expected.keys()
    for name in got:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-6, err_msg=name)


def test_figure_10_pads_as_it_is_printed_and_its_worked_output_is_the_sum_of_its_products():
    numbers = figures.padding_numbers()
    printed = ["00000", "01230", "02310", "04620", "00000"]
    np.testing.assert_array_equal(numbers["padded"], [[int(digit) for digit in row] for row in printed])
    np.testing.assert_array_equal(numbers["y"], [[6, 13, 9], [15, 25, 6], [24, 20, 3]])  # by hand
    shown = texts(figures.padding())
    products = [text.replace("−", "-").strip("()").replace("(", "").split(" · ") for text in shown if " · " in text]
    assert sum(int(a) * int(b) for a, b in products[:9]) == 13
    assert "=  13" in shown
    assert "(3 − 3 + 2 · 1) / 1 + 1  =  3" in shown


def test_figure_11_sends_each_delta_error_to_the_winner_and_to_the_first_of_two():
    numbers = figures.pooling_numbers()
    np.testing.assert_array_equal(numbers["y"], [[4, 5], [6, 3]])
    np.testing.assert_array_equal(numbers["x"][2, :2], [6, 6])
    expected = [[0, 0, 0, 0], [0.5, 0, 0, -1], [2, 0, 0, 0], [0, 0, 0, 0.3]]
    np.testing.assert_array_equal(numbers["dx"], np.float32(expected))


def test_figure_16_divides_what_is_shared_by_what_is_covered():
    numbers = figures.overlap_numbers()
    expected = [1, 3.5 * 3.75 / (32 - 3.5 * 3.75), 3 * 3.5 / (32 - 3 * 3.5), 2 * 3 / (32 - 2 * 3), 0]
    np.testing.assert_allclose(numbers["iou"], expected, rtol=1e-6)
    assert {"1.00", "0.23", "6 / 26"} <= set(texts(figures.overlaps()))


def test_figure_4_shows_functions_and_slopes():
    panels = figures.activations().axes
    expected = {
        "ReLU": (lambda x: np.maximum(x, 0), lambda x: (x >= 0).astype(float)),
        "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
        "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        "leaky ReLU": (lambda x: np.maximum(x, 0.01 * x), lambda x: np.where(x < 0, 0.01, 1)),
        "arctan": (np.arctan, lambda x: 1 / (1 + x**2)),
    }
    assert [axes.get_title() for axes in panels[:5]] == list(expected)
    for axes in panels[:5]:
        for line, function in zip(axes.lines, expected[axes.get_title()], strict=False):
            x, y = line.get_xydata()[~np.isnan(line.get_xdata())].T
            np.testing.assert_allclose(y, function(x), atol=1e-6)


def test_figure_6_finds_vertical_edges_with_one_filter_and_horizontal_ones_with_the_other():
    picture = np.zeros((5, 6))
    picture[:, 3:] = 1
    kernels = np.array(list(figures.SOBEL.values()))
    for edge, turned in ((picture, False), (picture.T, True)):
        found = figures.compute("conv2d", x=figures.image(edge), w=kernels[:, np.newaxis])["y"][0]
        assert found[int(turned)].max() == 4
        assert not found[int(not turned)].any()


def test_figure_17_says_how_many_boxes_are_right_and_how_many_false():
    titles = [axes.get_title() for axes in figures.detections().axes]
    assert titles == ["faces found: 1 of 1, false boxes: 0", "faces found: 100 of 100, false boxes: 0"]
    readme = figures.FOLDER.parents[1] / "README.md"
    assert "finds all of 100 faces, and none of its boxes is false" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", figures.CURVES)
def test_figures_13_and_14_are_drawn_from_the_logs_of_runs(number, tmp_path):
    runs = [tmp_path / "mnist-cnn6-1", tmp_path / "mnist-fcc6-1"]
    for run in runs:
        run.mkdir()
        records = [
            {"iteration": i, "loss": 1 / i, "validation_loss": 2 / i, "validation_accuracy": 0.9} for i in (1, 2)
        ]
        (run / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert figures.main([number, "--output", str(tmp_path / "curves.png"), "--runs", *map(str, runs)]) == 0
    assert Image.open(tmp_path / "curves.png").width > 800


def one_line(capsys, *arguments):
    assert figures.main(list(map(str, arguments))) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err


@pytest.mark.parametrize("number", ["5", "0", "four", ""])
def test_an_unknown_figure_is_refused_in_one_line(number, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        figures.main([number, "--output", str(tmp_path / "x.png")])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said == f"docs.figures: unknown figure {number!r}; choose from 4, 6, 10, 11, 16, 17, 13, 14\n"
    assert not list(tmp_path.iterdir())


def test_runs_that_cannot_be_drawn_are_refused_in_one_line(tmp_path, capsys):
    output = ("--output", tmp_path / "x.png")
    assert "metrics.jsonl" in one_line(capsys, 13, *output, "--runs", tmp_path / "nowhere")
    (tmp_path / "metrics.jsonl").write_text("{}\n{")
    assert "is not a log of a run" in one_line(capsys, 13, *output, "--runs", tmp_path)
    (tmp_path / "metrics.jsonl").write_text("")
    assert "no two may have the same name" in one_line(capsys, 13, *output, "--runs", tmp_path, tmp_path)


def test_every_command_and_picture_of_the_page_exists():
    page = figures.FOLDER.with_suffix(".md").read_text(encoding="utf-8")
    for number in figures.FIGURES:
        assert f"(figures/{number}.png)" in page
        assert f"    python -m docs.figures {number}\n" in page
        assert (figures.FOLDER / f"{number}.png").exists()


def test_the_command_says_how_to_use_it():
    command = [sys.executable, "-m", "docs.figures", "--help"]
    said = subprocess.run(command, cwd=figures.FOLDER.parents[1], capture_output=True, text=True, check=True)
    assert "example: python -m docs.figures 13 --runs" in said.stdout
