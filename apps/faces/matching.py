"""How a detector learns: which anchors stand for a face, how boxes are written, and how errors become a loss.

Source: Zozoulenko (2018), section 3.3.2, eq. 58-61.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Matching:
    """How anchors get labels, and errors become a loss. The defaults are the seeds' own: eq. 58-61.

    positive, negative   an anchor is positive from this IoU on, background below that one, ignored between
    best                 whether each face also takes the anchor that fits it best, however badly
    code, weights        how offsets are written: "corners" in pixels, or "centers" relative to the anchor
    normalise            each loss is divided by the number of "anchors" it is summed over, or of "positives"
    per_level            whether so in each pyramid level (seed 001, eq. 61) or over all
    alpha, gamma         of the focal loss
    beta                 where smooth L1 turns from a square to a line
    """

    positive: float = 0.5
    negative: float = 0.5
    best: bool = False
    code: str = "corners"
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    normalise: str = "anchors"
    per_level: bool = False
    alpha: float = 3.0
    gamma: float = 2.0
    beta: float = 1.0


PAPER = Matching()
PER_LEVEL = Matching(per_level=True)

# As torchvision's RetinaNet does it, with bounds for faces of a few pixels: those of anchors seldom reach 1/2.
REFINED = Matching(
    positive=0.45,
    negative=0.35,
    best=True,
    code="centers",
    weights=(10.0, 10.0, 5.0, 5.0),
    normalise="positives",
    alpha=1.0,
)

MATCHINGS = {"paper": PAPER, "per_level": PER_LEVEL, "refined": REFINED}
