"""MATLAB files as SciPy writes them are read as SciPy reads them; what would kill SciPy is refused in one line."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import loadmat, savemat

from apps.errors import DataError
from apps.faces.lists import read_list
from apps.faces.matlab import DEEPEST, HEAD, MOST, read_matlab

KINDS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64, np.int64, np.uint64]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("matlab") / "a.mat"


def cells(rows):
    array = np.empty((len(rows), 1), object)
    for i, row in enumerate(rows):
        array[i, 0] = row
    return array


numbers = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(kind, st.tuples(st.integers(0, 4), st.integers(0, 4)), elements={"allow_nan": False}
                               if np.dtype(kind).kind == "f" else None)
)  # fmt: skip
texts = st.text("abz09_-. éß", min_size=1, max_size=9)
values = st.recursive(numbers | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


def as_matlab(value):
    return cells([as_matlab(one) for one in value]) if isinstance(value, list) else value


def as_ours(value):
    """What SciPy makes of a file, as read_matlab gives it."""
    if value.dtype.kind == "O":
        return [as_ours(one) for one in value.ravel(order="F")]
    return "".join(value.ravel()) if value.dtype.kind == "U" else value


def assert_alike(found, expected):
    assert type(found) is type(expected)
    if isinstance(found, list):
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(found, str):
        assert found == expected
    else:
        np.testing.assert_array_equal(found, expected)


@given(value=values, packed=st.booleans())
def test_what_scipy_writes_is_read_as_scipy_reads_it(path, value, packed):
    savemat(path, {"a": as_matlab(value), "other": np.eye(2)}, do_compression=packed)
    if deep(value) > DEEPEST:
        with pytest.raises(DataError, match="cells in cells"):
            read_matlab(path)
        return
    found = read_matlab(path)
    assert list(found) == ["a", "other"]
    assert_alike(found["a"], as_ours(loadmat(path)["a"]))


def deep(value) -> int:
    return 1 + max(map(deep, value), default=0) if isinstance(value, list) else 0


@given(content=st.binary(max_size=60))
def test_any_other_file_is_refused_in_one_line(path, content):
    for head in (b"", b"MATLAB".ljust(HEAD - 4) + b"\0\1IM", b"MATLAB".ljust(HEAD - 4) + b"\0\1MI"):
        path.write_bytes(head + content)
        try:
            assert isinstance(read_matlab(path), dict)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert str(path) in str(error)  # noqa: PT017


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<2I", kind, len(content)) + content + bytes(-len(content) % 8)


def written(path, *elements: bytes, packed: bool = True) -> None:
    content = b"".join(elements)
    packing = zlib.compress(content, 9)
    body = struct.pack("<2I", 15, len(packing)) + packing if packed else content
    path.write_bytes(b"MATLAB 5.0".ljust(HEAD - 4) + b"\0\1IM" + body)


def test_cells_a_thousand_deep_are_refused(path):
    """SciPy 1.17 dies of SIGSEGV on it."""
    inner = element(14, element(6, struct.pack("<2I", 6, 0)) + element(5, struct.pack("<2i", 0, 0)) + element(1, b""))
    for _ in range(5000):
        head = element(6, struct.pack("<2I", 1, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"")
        inner = element(14, head + inner)
    written(path, inner)
    with pytest.raises(DataError, match=f"more than {DEEPEST} cells in cells found"):
        read_matlab(path)


def test_a_small_file_that_unpacks_to_much_is_refused(path):
    head = element(6, struct.pack("<2I", 9, 0)) + element(5, struct.pack("<2i", 1 << 28, 1)) + element(1, b"a")
    written(path, element(14, head + element(2, bytes(1 << 28))))
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    with pytest.raises(DataError, match=f"packed arrays of more than {MOST} bytes found"):
        read_matlab(path)
    assert tracemalloc.get_traced_memory()[1] < 3 * MOST
    tracemalloc.stop()


@pytest.mark.parametrize("numbers", [[0], [3], [-1], [1, 2, 3]])
def test_a_list_with_a_number_that_no_face_has_is_refused(path, numbers):
    boxes = np.array([[0, 0, 9, 9], [5, 5, 9, 3]])
    columns = {"event_list": cells(["0--A"]), "file_list": cells([cells(["a"])])}
    columns |= {"face_bbx_list": cells([cells([boxes])]), "gt_list": cells([cells([np.array([numbers])])])}
    savemat(path, columns)
    with pytest.raises(DataError, match=r"faces .* of 2 found, a list of events, pictures and faces expected"):
        read_list(path)


@pytest.mark.parametrize("change", [{"gt_list": np.eye(2)}, {"file_list": "ab"}, {"event_list": cells([])}])
def test_a_file_of_other_arrays_is_no_list(path, change):
    columns = {"event_list": cells(["0--A"]), "file_list": cells([cells(["a"])])}
    columns |= {"face_bbx_list": cells([cells([np.ones((1, 4))])]), "gt_list": cells([cells([np.ones((1, 1))])])}
    savemat(path, columns | change)
    with pytest.raises(DataError, match="found, a list of events, pictures and faces expected"):
        read_list(path)
    savemat(path, {name: value for name, value in columns.items() if name not in change})
    with pytest.raises(DataError, match=f"'{next(iter(change))}' found"):
        read_list(path)
