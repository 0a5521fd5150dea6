"""Any picture of a digit becomes one like MNIST's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, ImageOps

from apps.errors import DataError
from apps.mnist.data import load
from apps.mnist.picture import ASCII, SHADES, as_text, read_digit, shades_for


@pytest.fixture(scope="module")
def digits():
    return load("builtin").test_images[:60]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures") / "digit.png"


@pytest.fixture(scope="module")
def four(digits):
    return large(digits[9])


def large(digit: np.ndarray, side: int = 280) -> Image.Image:
    return Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)


def read(picture: Image.Image, path, **options) -> np.ndarray:
    picture.save(path, **options)
    return read_digit(path).pixels


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine between two pictures, of which one may be moved by a pixel: 1 for the same picture."""
    a, b = a.reshape(28, 28), b.reshape(28, 28).astype(np.float32)
    moved = [np.roll(b, shift, axis=(0, 1)) for shift in np.ndindex(3, 3)]  # by 0 to 2, so a by 1 meets the middle
    a = np.roll(a, (1, 1), axis=(0, 1))
    return float(max((a * m).sum() for m in moved) / np.linalg.norm(a) / np.linalg.norm(b))


def read_or_refuse(path) -> np.ndarray | str:
    try:
        return read_digit(path).pixels
    except DataError as error:
        return str(error)


@given(index=st.integers(0, 59))
def test_a_digit_of_mnist_comes_back_nearly_unchanged(digits, path, index):
    found = read(Image.fromarray(digits[index]), path)
    assert (found.shape, found.dtype) == ((28, 28), np.uint8)
    assert np.abs(found / 255 - digits[index] / 255).mean() < 0.004


@given(index=st.integers(0, 59), side=st.integers(60, 900), dark_on_light=st.booleans())
def test_size_and_colour_of_ink_do_not_matter(digits, path, index, side, dark_on_light):
    picture = large(digits[index], side)
    found = read(ImageOps.invert(picture) if dark_on_light else picture, path)
    assert likeness(found, digits[index]) > 0.85


@given(width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_any_picture_gives_a_digit_or_one_line(path, width, height, seed):
    values = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    Image.fromarray(values).save(path)
    found = read_or_refuse(path)
    if isinstance(found, str):
        assert "a blank picture found" in found
    else:
        assert (found.shape, found.dtype, found.max()) == ((28, 28), np.uint8, 255)


def as_palette(picture):
    return ImageOps.invert(picture).convert("P")


def as_16_bit(picture):
    return Image.fromarray(np.asarray(picture).astype(np.uint16) * 100 + 7)


def as_float(picture):
    return Image.fromarray(np.asarray(picture, np.float32) / 1000)


def as_cmyk(picture):
    return ImageOps.invert(picture).convert("RGB").convert("CMYK")


def as_black_ink_without_paper(picture):
    return Image.merge("LA", [Image.new("L", picture.size, 0), picture])


def as_white_ink_without_paper(picture):
    return Image.merge("LA", [Image.new("L", picture.size, 255), picture])


def as_white_paper_with_holes(picture):
    rgba = ImageOps.invert(picture).convert("RGBA")
    rgba.paste((0, 0, 0, 0), (0, 0, picture.width, 12))
    return rgba


def as_blue_on_yellow(picture):
    return ImageOps.colorize(picture, black="#fff3b0", white="#102a80")


MODES = [as_palette, as_16_bit, as_float, as_cmyk, as_black_ink_without_paper, as_white_ink_without_paper]
MODES += [as_white_paper_with_holes, as_blue_on_yellow]


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_of_the_picture_does_not_matter(four, path, mode):
    assert likeness(read(mode(four), path.with_suffix(".tiff")), read(four, path)) > 0.98


def test_a_black_and_white_picture_will_do(four, path):
    assert likeness(read(four.convert("1", dither=Image.Dither.NONE), path), read(four, path)) > 0.97


def test_the_orientation_that_a_camera_notes_is_obeyed(four, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    turned = read(four.transpose(Image.Transpose.ROTATE_90), path, exif=exif)
    np.testing.assert_array_equal(turned, read(four, path))


def test_where_the_digit_stands_on_the_paper_does_not_matter(four, path):
    sheet = Image.new("L", (1600, 900), 255)
    sheet.paste(ImageOps.invert(four), (1200, 30))
    assert likeness(read(sheet, path), read(four, path)) > 0.98


def test_a_photograph_under_uneven_light_will_do(four, path):
    generator = np.random.default_rng(0)
    ink = np.asarray(four.resize((1200, 1200)), np.float64) / 255
    light = np.add.outer(np.linspace(0.95, 0.7, 1200), np.linspace(0, -0.2, 1200))
    photograph = (light * (1 - 0.7 * ink) + generator.normal(0, 0.05, ink.shape)).clip(0, 1)
    picture = Image.fromarray((255 * photograph).astype(np.uint8))
    assert likeness(read(picture, path.with_suffix(".jpg"), quality=60), read(four, path)) > 0.98


def test_the_longest_side_is_twenty_and_the_centre_of_mass_the_centre(path):
    paper = np.full((200, 400), 255, np.uint8)
    paper[50:90, 100:300] = 0  # a bar of 200 x 40
    bar = read(Image.fromarray(paper), path)
    rows, columns = np.nonzero(bar)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (4, 20)
    for axis in (0, 1):
        assert np.average(np.arange(28), weights=bar.sum(axis=1 - axis)) == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (28, 28), (2000, 1500)])
def test_a_blank_picture_is_refused(path, size):
    assert_refused(Image.new("L", size, 200), path, "a blank picture found")


def test_a_picture_of_nothing_but_noise_is_refused(path):
    noise = np.random.default_rng(0).normal(200, 6, (600, 600)).astype(np.uint8)
    assert_refused(Image.fromarray(noise), path, "a blank picture found")


def test_a_wholly_transparent_picture_is_refused(path):
    assert_refused(Image.new("RGBA", (30, 30), (9, 200, 90, 0)), path, "a blank picture found")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_file_that_is_no_picture_is_refused(path, content):
    path.write_bytes(content)
    assert_refused(None, path, "no readable picture found")


@given(cut=st.integers(1, 400), position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_damaged_picture_is_read_or_refused(four, path, cut, position, bit):
    four.save(path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit
    for damaged in (content, content[:-cut]):
        path.write_bytes(damaged)
        found = read_or_refuse(path)
        if isinstance(found, str):
            assert found.startswith(str(path))
            assert "\n" not in found
        else:
            assert (found.shape, found.dtype) == ((28, 28), np.uint8)


def test_a_picture_of_values_that_are_no_numbers_is_refused(path):
    values = np.full((30, 30), np.nan, np.float32)
    assert_refused(Image.fromarray(values), path.with_suffix(".tiff"), "no readable picture found")


def test_an_absent_file_is_refused(path):
    assert_refused(None, path.parent / "absent.png", "No such file")


def assert_refused(picture, path, message: str) -> None:
    if picture:
        picture.save(path)
    with pytest.raises(DataError, match=message) as caught:
        read_digit(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# --- How many shapes there are


def drawn(*strokes, width=12, side=300):
    """Dark strokes on light paper; a stroke is a line through points from (0, 0) to (1, 1)."""
    paper = Image.new("L", (side, side), 255)
    for stroke in strokes:
        line = [(x * side, y * side) for x, y in stroke]
        ImageDraw.Draw(paper).line(line, fill=0, width=width, joint="curve")
    return paper


def written(text, font="DejaVu Sans", style="normal"):
    path = font_manager.findfont(font_manager.FontProperties(family=font, style=style))
    paper = Image.new("L", (500, 260), 255)
    ImageDraw.Draw(paper).text((40, 30), text, fill=0, font=ImageFont.truetype(path, 150))
    return paper


def shapes(picture, path):
    picture.save(path)
    return read_digit(path).shapes


@pytest.mark.parametrize("font", ["DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"])
@pytest.mark.parametrize(
    ("text", "count"), [*((str(d), 1) for d in range(10)), ("42", 2), ("11", 2), ("77", 2), ("123", 3)]
)
def test_digits_side_by_side_are_counted(path, text, count, font):
    assert shapes(written(text, font), path) == count
    assert shapes(written(text, font, "oblique"), path) == count
    assert shapes(ImageOps.invert(written(text, font)), path) == count


BENT = [(0.35, 0.25), (0.33, 0.5), (0.5, 0.45), (0.65, 0.55), (0.65, 0.7), (0.5, 0.8), (0.33, 0.75)]
HOOK = [(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)]


@pytest.mark.parametrize("width", [4, 12, 24])
@pytest.mark.parametrize(
    "strokes",
    [
        (BENT, [(0.42, 0.2), (0.7, 0.2)]),  # a 5 whose bar does not touch it
        (HOOK, [(0.6, 0.3), (0.6, 0.85)]),  # a 4 of two strokes that cross
        ([(0.5, 0.2), (0.5, 0.8)], [(0.44, 0.92), (0.56, 0.92)]),  # a 1 with a foot below
        ([(0.4, 0.2), (0.6, 0.2), (0.4, 0.8)], [(0.8, 0.9), (0.82, 0.92)]),  # a 7 and a full stop
    ],
)
def test_the_strokes_of_a_digit_are_one_shape(path, strokes, width):
    assert shapes(drawn(*strokes, width=width), path) == 1


@given(seed=st.integers(0, 2**32), deviation=st.sampled_from([0, 5, 15, 30]))
def test_noise_neither_joins_nor_adds_shapes(path, seed, deviation):
    for text, count in (("7", 1), ("42", 2)):
        grey = 0.7 * np.asarray(written(text), np.float64) + 40
        noisy = grey + np.random.default_rng(seed).normal(0, deviation, grey.shape)
        assert shapes(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)), path) == count


def test_the_digits_of_mnist_are_one_shape_each_and_two_of_them_side_by_side_are_two(path):
    images = load("builtin").test_images
    apart = [number for number, image in enumerate(images) if shapes(Image.fromarray(image), path) > 1]
    assert len(apart) <= 3  # of 1 000: strokes that really stand apart
    for left, right in zip(images[:60:2], images[1:60:2], strict=True):
        cropped = [Image.fromarray(image).crop(Image.fromarray(image).getbbox()) for image in (left, right)]
        both = Image.new("L", (sum(one.width for one in cropped) + 7, 24))
        both.paste(cropped[0], (2, 2))
        both.paste(cropped[1], (cropped[0].width + 5, 2))
        assert shapes(both.resize((both.width * 8, both.height * 8), Image.Resampling.BICUBIC), path) == 2


# --- As text


def test_a_digit_is_drawn_in_text_from_paper_to_ink():
    pixels = np.zeros((28, 28), np.uint8)
    pixels[:2, 0] = 255
    pixels[2, 1] = 255  # half of what one letter stands for
    lines = as_text(pixels).split("\n")
    assert (len(lines), {len(line) for line in lines}) == (14, {28})
    assert (lines[0], lines[1]) == ("█" + 27 * " ", " ▒" + 26 * " ")
    assert set("".join(lines[2:])) == {" "}
    assert as_text(pixels, ASCII).split("\n")[0] == "@" + 27 * " "


@pytest.mark.parametrize(
    ("encoding", "shades"), [("utf-8", SHADES), ("ascii", ASCII), ("latin-1", ASCII), (None, ASCII)]
)
def test_what_is_written_to_decides_on_the_letters(encoding, shades):
    assert shades_for(encoding) == shades
