"""The sizes at which a picture is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.faces.looks import ENLARGED, LONGEST, MIDDLE, SMALL, looks

sides = st.integers(1, 10_000)


@given(sides, sides)
def test_one_look_is_at_the_picture_itself(height, width):
    assert looks(height, width, (1.0,)) == [(height, width)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), [(512, 512), (1024, 1024), (192, 192)]),
        ((480, 640), [(480, 640), (960, 1280), (144, 192)]),
        ((180, 240), [(180, 240), (360, 480)]),
        ((768, 1024), [(768, 1024), (1152, 1536), (144, 192)]),
        ((1228, 614), [(1228, 614), (1536, 768), (192, 96)]),
        ((1280, 720), [(1280, 720), (192, 108)]),
        ((1024, 2048), [(1024, 2048), (96, 192)]),
        ((1024, 2052), [(1024, 2052), (511, 1024), (96, 192)]),
        ((3024, 4032), [(3024, 4032), (768, 1024), (144, 192)]),
        ((4000, 6000), [(2731, 4096), (683, 1024), (128, 192)]),
        ((1, 1), [(1, 1), (2, 2)]),
        ((1, 6000), [(1, 4096), (1, 1024), (1, 192)]),
    ],
)
def test_the_usual_looks_are_its_own_size_a_larger_one_and_smaller_ones(size, expected):
    assert looks(*size) == looks(*size, "auto") == looks(*size, None) == expected


@given(sides, sides)
def test_the_usual_looks_differ_and_are_bounded(height, width):
    found = looks(height, width)
    longer = [max(size) for size in found]
    assert len(set(found)) == len(found)
    assert longer[0] == min(max(height, width), LONGEST)
    assert all(side in (MIDDLE, SMALL, min(2 * longer[0], ENLARGED)) for side in longer[1:])
    assert sum(rows * columns for rows, columns in found) <= 5.7 * height * width + 2 * max(longer)


@given(sides, sides, st.integers(1, 5000), st.lists(st.floats(0.01, 4), min_size=1, max_size=3))
def test_scales_apply_to_a_picture_of_the_longer_side_that_is_wanted(height, width, longest, scales):
    found = looks(height, width, scales, longest)
    expected = {max(1, round(longest * scale)) for scale in scales}
    assert {max(size) for size in found} <= {side + more for side in expected for more in (-1, 0, 1)}
    for rows, columns in found:
        assert abs(rows * width - columns * height) <= max(height, width)  # the shape stays, as far as pixels allow


def test_a_wanted_side_is_kept_by_the_usual_looks_even_if_it_is_larger_than_they_go_else():
    assert looks(3000, 4000, "auto", longest=2400) == [(1800, 2400), (768, 1024), (144, 192)]
    assert looks(3000, 4000, "auto", longest=5000) == [(3750, 5000), (768, 1024), (144, 192)]
    assert looks(30, 40, "auto", longest=400) == [(300, 400), (600, 800), (144, 192)]


def test_equal_scales_are_one_look():
    assert looks(100, 200, (1, 0.5, 1.0, 0.501)) == [(100, 200), (50, 100)]
