"""The picture of an exercise: every exercise has one, and it shows who writes what and from where."""

import numpy as np
import pytest
from PIL import Image

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.tracing import trace
from lessons.exercise import CourseError, exercises, find
from lessons.panels import panel_of, touches, with_gaps
from lessons.picture import PALETTE, Picture, draw, picture_of, what_is_launched

WIDE, TALLEST = 1400, 5000  # pixels, at 200 an inch


@kernel
def reverse(x, y, *, BLOCK=8):
    tile = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    tile[i] = x[cuda.blockIdx.x * BLOCK + i]
    cuda.syncthreads()
    y[cuda.blockIdx.x * BLOCK + i] = tile[BLOCK - 1 - i]


@kernel
def row_sums(x, y):
    r = cuda.threadIdx.x
    total = float32(0)
    for c in range(x.shape[1]):
        total += x[r, c]
    y[r] = total


def reversal():
    return reverse[2, 8](np.arange(16, dtype=np.float32), np.zeros(16, np.float32))


@pytest.mark.parametrize(
    "exercise", [e for e in exercises() if e.name != "network"], ids=lambda exercise: exercise.name
)
def test_every_exercise_has_a_picture(exercise, tmp_path):
    picture_of(exercise, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as found:
        assert found.format == "PNG"
        assert found.width == WIDE
        assert 300 <= found.height <= TALLEST
        pixels = np.asarray(found.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert (tmp_path / "picture.png").stat().st_size < 500_000
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all()  # nothing sticks out


def test_cells_have_the_colour_of_the_thread_that_wrote_them():
    recording = trace(reversal())
    picture = Picture(recording, ["x", "y", ""], "")
    x, y, tile = 0, 1, 2
    assert [[panel.number for panel in group] for group in picture.groups] == [[x], [tile], [y]]
    for thread in range(8):
        assert picture.face(y, thread) == picture.face(tile, thread) == PALETTE(thread / 7)[:3]
        assert picture.touched[tile][thread] == (thread, {7 - thread})
        assert picture.touched[x][thread] == (None, {thread})
        assert picture.ways[thread] == [([(x, thread)], (tile, thread)), ([(tile, 7 - thread)], (y, thread))]
    assert picture.face(x, 12) == (1, 1, 1)  # of the other block
    assert picture.panels[tile].label == "shared memory  8 values"


def test_the_cells_of_a_row_stand_side_by_side():
    picture = Picture(trace(reversal()), ["x", "y", "tile"], "")
    places = [picture.middle(0, cell) for cell in range(16)]
    assert len({y for _, y in places}) == 1
    assert np.allclose(np.diff([x for x, _ in places]), picture.cell)
    assert picture.middle(0, 0)[1] < picture.middle(2, 0)[1] < picture.middle(1, 0)[1] < picture.height


def test_a_sum_leads_from_all_that_it_reads_to_what_it_writes():
    picture = Picture(trace(row_sums[1, 6](np.ones((6, 5), np.float32), np.zeros(6, np.float32))), ["x", "y"], "")
    assert picture.chosen == 2
    assert picture.ways[2] == [([(0, 10 + c) for c in range(5)], (1, 2))]
    assert picture.across  # a matrix has its outputs on its right
    assert picture.middle(0, 0)[0] < picture.middle(1, 0)[0]


def test_what_is_far_apart_is_drawn_with_gaps():
    assert with_gaps([0, 1, 4, 64], 10) == [0, 1, 2, 3, 4, None, 64]
    assert with_gaps(range(20), 3) == [0, 1, 2, None]
    recording = trace(reversal())
    panel = panel_of(0, recording.arrays[0], "x", set(touches(recording)[0]))
    assert panel.cells == {n: (n, 0) for n in range(16)}


def test_of_an_array_of_many_planes_those_are_shown_that_are_wanted():
    recording = trace(reversal())
    recording.arrays[0].shape = (3, 4, 2, 5)
    panel = panel_of(0, recording.arrays[0], "w", set(range(120)), wanted={35, 75})
    assert {cell // 10 for cell in panel.cells} == {3, 7}
    assert [text for _, _, text in panel.notes] == ["[0, 3]", "[1, 3]"]
    assert panel.label == "w  3 × 4 × 2 × 5, 2 planes of 12"


def test_no_name_of_the_solution_is_told(tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(
        "lessons.picture.panel_of", lambda *given: labels.append(panel_of(*given).label) or panel_of(*given)
    )
    picture_of(find("transpose"), tmp_path / "picture.png")
    assert [label.partition("  ")[0] for label in labels] == ["x", "y", "shared memory"]


def test_a_network_launches_nothing_by_itself(tmp_path):
    with pytest.raises(CourseError, match="network: launches nothing that could be drawn"):
        picture_of(find("network"), tmp_path / "picture.png")


def test_the_launches_of_a_prediction_are_those_that_it_asks_about(tmp_path):
    run = what_is_launched(find("coalesced"), find("coalesced").solution)
    assert [launch.kernel.name for launch in run.launches] == ["aligned", "shifted", "strided", "column", "broadcast"]


def test_one_launch_leaves_to_the_next_what_it_wrote(tmp_path):
    x, y = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)
    draw([reverse[2, 8](x, y), reverse[2, 8](y, x)], {"x": x, "y": y}, tmp_path / "picture.png", "There and back")
    assert y[0] == 7
    assert x[0] == 0  # the last is only looked at
    with Image.open(tmp_path / "picture.png") as found:
        assert found.width == WIDE
