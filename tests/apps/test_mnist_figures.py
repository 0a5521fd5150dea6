"""The figures show what the log and the predictions say."""

import numpy as np
import pytest
from PIL import Image

from apps.mnist.figures import learning_curves, misclassified_sheet, sheet_title
from tests.helpers.programs import python


def log(steps: int, every: int = 10) -> list[dict[str, float]]:
    records: list[dict[str, float]] = [{"iteration": i, "loss": 2 / i, "rate": 0.1} for i in range(1, steps + 1)]
    for record in records[every - 1 :: every]:
        accuracy = 1 - 1 / record["iteration"]
        record |= {"validation_loss": 3 * record["loss"], "validation_accuracy": accuracy}
    return records


def test_the_curves_are_those_of_the_log(drawn, tmp_path):
    records = log(100)
    learning_curves(records, tmp_path / "curves.png", "a title")
    accuracy_axes, loss_axes = drawn[0].axes
    np.testing.assert_allclose(accuracy_axes.lines[0].get_xydata(), [(i, 1 - 1 / i) for i in range(10, 101, 10)])
    np.testing.assert_allclose(loss_axes.lines[0].get_xydata(), [(i, 2 / i) for i in range(1, 101)])
    np.testing.assert_allclose(loss_axes.lines[2].get_xydata(), [(i, 6 / i) for i in range(10, 101, 10)])
    assert drawn[0].get_suptitle() == "a title"
    assert "99.00 % at the end" in accuracy_axes.get_legend().get_texts()[0].get_text()


def test_several_runs_are_told_apart_by_name_and_colour(drawn, tmp_path):
    learning_curves({"cnn6": log(50), "fcc6": log(80)}, tmp_path / "curves.png", "")
    accuracy_axes, loss_axes = drawn[0].axes
    labels = [text.get_text() for text in loss_axes.get_legend().get_texts()]
    assert [label.split()[0] for label in labels] == ["cnn6", "cnn6", "fcc6", "fcc6"]
    assert len({line.get_color() for line in accuracy_axes.lines}) == 2


@pytest.mark.parametrize("records", [[], log(1), log(9), {}, [{"iteration": 1, "loss": 0.0}], log(9, every=1)])
def test_a_short_log_is_drawn_too(tmp_path, records):
    learning_curves(records, tmp_path / "curves.png", "short")
    assert Image.open(tmp_path / "curves.png").size == (1650, 660)


def sheet(labels, predictions, confidences, path, dtype=np.uint8):
    n = len(labels)
    images = (np.arange(n)[:, None, None] * np.ones((28, 28))).astype(dtype)
    probabilities = np.full((n, 10), 0.01)
    probabilities[np.arange(n), predictions] = confidences
    misclassified_sheet(images, np.array(labels, int), np.array(predictions, int), probabilities, path)


def test_the_most_confident_errors_come_first_and_right_answers_not_at_all(drawn, tmp_path):
    sheet([3, 4, 5, 6], [8, 4, 9, 0], [0.6, 0.99, 0.97, 0.7], tmp_path / "sheet.png")
    assert [axes.get_title() for axes in drawn[0].axes] == ["5 → 9  97 %", "6 → 0  70 %", "3 → 8  60 %"]
    assert [int(axes.images[0].get_array()[0, 0]) for axes in drawn[0].axes] == [2, 3, 0]


def test_at_most_sixty_four_errors_are_shown(drawn, tmp_path):
    sheet([0] * 70, [1] * 70, np.linspace(0.2, 0.9, 70), tmp_path / "sheet.png", np.float32)
    assert len(drawn[0].axes) == 64
    assert drawn[0].get_suptitle() == "70 of 70 digits wrong (100.00 %): the worst 64"


@pytest.mark.parametrize("n", [0, 5])
def test_a_sheet_without_errors_says_so(drawn, tmp_path, n):
    sheet([1] * n, [1] * n, np.full(n, 0.9), tmp_path / "sheet.png")
    assert "Not a single digit" in drawn[0].texts[-1].get_text()
    assert not drawn[0].axes


def test_a_sheet_says_how_many_are_wrong():
    assert sheet_title(1000, 1, 1) == "1 of 1000 digits wrong (0.10 %)"
    assert sheet_title(1000, 23, 23) == "23 of 1000 digits wrong (2.30 %): the most confident errors first"


def test_the_same_run_draws_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        learning_curves(log(30), tmp_path / name, "twice")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_no_display_is_needed():
    """Drawing goes past pyplot, which would choose a window system."""
    code = "import sys, apps.mnist.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert python("-c", code).returncode == 0
