"""Which faces count, by the official lists of easy, medium and hard faces, of which small ones are written here."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from apps.errors import DataError
from apps.faces.evaluation import Truth
from apps.faces.lists import by_height, find_lists, read_list
from apps.faces.wider import Wider, read_wider
from tests.apps.test_faces_evaluation import faces
from tests.helpers.wider_face import face, write_split
from tests.helpers.wider_lists import write_lists

PARADE, SHAKING, OTHER = "0--Parade/0_Parade_a_1", "1--Handshaking/1_Handshaking_b_2", "1--Handshaking/1_Hand.c_3"
BACKGROUND = "91--Background/unknown"

# Of each picture four boxes, the second without area.
CORNERS = [[0, 0, 9, 9], [5, 5, 0, 3], [0, 0, 9, 8], [0, 0, 9, 7]]
BOXES = dict.fromkeys((PARADE, SHAKING, OTHER), CORNERS)
COUNTED = {
    "easy": {PARADE: [1]},
    "medium": {PARADE: [1, 4], SHAKING: [1], OTHER: [3]},
    "hard": {PARADE: [1, 2, 3, 4], SHAKING: [1], OTHER: [1, 3]},
}
THREE = faces((0, 0, 9, 9), (0, 0, 9, 8), (0, 0, 9, 7))
KEPT = np.array([True, False, True, True])


def numbers(truths: dict[str, list[Truth]]) -> dict[str, list[list[int]]]:
    """Which faces of each picture count, by list."""
    return {name: [np.flatnonzero(~truth.ignored).tolist() for truth in each] for name, each in truths.items()}


@pytest.mark.parametrize("apart", [False, True])
def test_the_lists_of_the_toolbox_say_which_faces_count(tmp_path, apart):
    """Their numbers begin with 1, and count boxes without area, of which no picture has any here."""
    write_lists(tmp_path, BOXES, COUNTED, apart)
    assert ("event_list" in loadmat(tmp_path / "wider_easy_val.mat")) is not apart
    lists = find_lists([tmp_path / "elsewhere", tmp_path])
    chosen = lists.truths([THREE, THREE], [OTHER, f"{PARADE}.jpg"], [KEPT, KEPT])
    assert numbers(chosen) == {"easy": [[], [0]], "medium": [[1], [0, 2]], "hard": [[0, 1], [0, 1, 2]]}


def test_pictures_that_are_not_there_are_counted_and_those_not_in_the_lists_are_known(tmp_path):
    write_lists(tmp_path, BOXES, COUNTED)
    lists = find_lists([tmp_path])
    names = [OTHER, BACKGROUND, PARADE]
    np.testing.assert_array_equal(lists.known(names), [True, False, True])
    assert lists.missing(names) == 1
    with pytest.raises(DataError, match=f"{tmp_path}: none of 1 pictures found in the lists, at least one expected"):
        lists.known([BACKGROUND])


def test_a_list_that_belongs_to_other_faces_is_refused(tmp_path):
    write_lists(tmp_path, BOXES, COUNTED)
    with pytest.raises(DataError, match=f"wider_easy_val.mat: 4 faces in {PARADE} found, 1 expected"):
        find_lists([tmp_path]).truths([faces((0, 0, 9, 9))], [PARADE], [np.ones(1, bool)])


def test_lists_of_which_one_is_missing_are_no_lists(tmp_path):
    write_lists(tmp_path, BOXES, {"easy": {}, "hard": {}})
    with pytest.raises(DataError, match=r"wider_medium_val\.mat"):
        find_lists([tmp_path])
    assert find_lists([]) is None
    assert find_lists([tmp_path / "none"]) is None


def test_a_list_without_boxes_and_without_the_file_that_has_them_is_refused(tmp_path):
    write_lists(tmp_path, BOXES, COUNTED, apart=True)
    (tmp_path / "wider_face_val.mat").unlink()
    with pytest.raises(DataError, match=r"wider_hard_val.mat: 'event_list' found, a list of events"):
        read_list(tmp_path / "wider_hard_val.mat")


def test_faces_are_known_by_their_place_in_a_data_set_of_another_size(tmp_path):
    """The photographs were made smaller, by which one box lost its area and one came to lie outside: neither is there.

    What is left of the faces is the first, the fourth and the sixth that is written.
    """
    rows = [
        face(0, 0, 9, 9),
        face(5, 5, 0, 3),
        face(60, 2, 3, 3),
        face(10, 4, 9, 8),
        face(3, 3, 0, 0),
        face(1, 1, 7, 7),
    ]
    write_split(tmp_path, "val", {f"{PARADE}.jpg": rows, f"{SHAKING}.jpg": [face(w=0), face()]})
    original = [[4 * number for number in row[:4]] for row in rows]
    boxes = {PARADE: original, SHAKING: [[4, 8, 1, 1], [4, 8, 20, 24]]}
    counted = {"easy": {PARADE: [1]}, "medium": {PARADE: [4, 6]}, "hard": {PARADE: [1, 2, 3, 6], SHAKING: [2]}}
    write_lists(tmp_path, boxes, counted)
    examples = list(Wider(read_wider(tmp_path, "val")[0]))
    assert [len(example.boxes) for example in examples] == [3, 1]
    np.testing.assert_array_equal(examples[0].kept, [True, False, False, True, False, True])
    truths = [Truth(example.boxes, example.invalid) for example in examples]
    chosen = find_lists([tmp_path]).truths(truths, [e.name for e in examples], [e.kept for e in examples])
    assert numbers(chosen) == {"easy": [[0], []], "medium": [[1, 2], []], "hard": [[0, 2], [0]]}


def test_the_list_alone_says_what_counts_also_of_faces_that_are_marked_invalid(tmp_path):
    write_lists(tmp_path, {PARADE: CORNERS[:1]}, {name: {PARADE: [1]} for name in COUNTED})
    (truth,) = find_lists([tmp_path]).truths([faces((0, 0, 9, 9), ignored=[0])], [PARADE], [np.ones(1, bool)])["easy"]
    assert not truth.ignored.any()


def test_a_list_may_have_no_faces_at_all(tmp_path):
    """MATLAB then writes an empty array of whatever shape."""
    for empty in (np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((1, 0))):
        write_lists(tmp_path, BOXES, COUNTED)
        file = loadmat(tmp_path / "wider_easy_val.mat")
        file["gt_list"][0, 0][0, 0] = empty
        savemat(tmp_path / "wider_easy_val.mat", {name: a for name, a in file.items() if name[0] != "_"})
        assert not read_list(tmp_path / "wider_easy_val.mat")[PARADE].any()


def test_the_scales_share_the_faces_out_by_height():
    truth = faces(*[(0, 0, 400, height) for height in (9, 10, 49, 50, 299, 300, 400)], ignored=[6])
    assert numbers(by_height([truth])) == {"large": [[5]], "medium": [[3, 4]], "small": [[1, 2]]}
