"""How large a picture is looked at, and how often: small faces are found in an enlarged copy, large ones in a small.

A detector has anchors of certain sizes. A face smaller than the smallest, or larger than the largest, has one that fits
in a copy of another size. Each look costs as many pixels as it has.
"""

from collections.abc import Sequence

AUTO = "auto"

# The usual looks. Sides are the longer ones, in pixels.
LONGEST = 4096  # of the picture itself, which is made smaller where it has more
ENLARGED = 1536  # at most, of an enlarged copy
TIMES = 2.0  # at most so many times larger it is
WORTH = 1.25  # and at least; less would hardly show more
MIDDLE = 1024  # of a smaller copy, for pictures of more than twice as many
SMALL = 192  # of a small copy, in which the largest anchors hold a face that fills the picture

Size = tuple[int, int]


def looks(
    height: int, width: int, scales: Sequence[float] | str | None = AUTO, longest: int | None = None
) -> list[Size]:
    """The sizes (rows, columns) at which a picture of so many pixels is looked at, each once.

    scales    factors of its size, all above 0; "auto" or None for those of `usual`
    longest   pixels that its longer side is first given, be it made smaller or larger; None leaves it as it is
    """
    side = max(height, width)
    first = longest / side if longest else 1.0
    if scales is None or isinstance(scales, str):
        scales = usual(longest or side, max(LONGEST, longest or 0))
    return list(dict.fromkeys(scaled(height, width, first * scale) for scale in scales))


def usual(side: int, most: int = LONGEST) -> list[float]:
    """The scales for a picture whose longer side has so many pixels: its own, made larger, made smaller.

    At most it is given `most`. That is about 5 times its pixels up to 768, 3.3 times at 1024, 1.3 at most above 1228.
    """
    scales = [min(1.0, most / side)]
    larger = min(TIMES, ENLARGED / side)
    if larger >= WORTH:
        scales.append(larger)
    if side > 2 * MIDDLE:
        scales.append(MIDDLE / side)
    if side > WORTH * SMALL:
        scales.append(SMALL / side)
    return scales


def scaled(height: int, width: int, scale: float) -> Size:
    """A size so many times as large, of at least one pixel."""
    return max(1, round(height * scale)), max(1, round(width * scale))
