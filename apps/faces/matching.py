"""How a detector learns: which anchors stand for a face, how boxes are written, and how errors become a loss.

Source: Zozoulenko (2018), section 3.3.2, eq. 58-61; and what has been found since, each where it stands.
"""

from dataclasses import dataclass

from kernels.operation import require_choice

ASSIGNMENTS = ("iou", "atss")
SCORES = ("classes", "quality")
BOXES = ("smooth_l1", "giou", "diou", "eiou")


@dataclass(frozen=True)
class Matching:
    """How anchors get labels, and errors become a loss. The defaults are the seeds' own: eq. 58-61.

    assignment           "iou": by the bounds below; "atss": by those that follow from each face's own candidates
    positive, negative   an anchor is positive from this IoU on, background below that one, ignored between
    best                 whether each face also takes the anchor that fits it best, however badly
    code, weights        how offsets are written: "corners" in pixels, or "centers" relative to the anchor
    normalise            each loss is divided by the number of "anchors" it is summed over, or of "positives"
    per_level            whether so in each pyramid level (seed 001, eq. 61) or over all
    score                what an anchor says: "classes", background or face, with focal loss; or "quality", how well
                         its box will overlap a face, with quality focal loss
    alpha, gamma         of the focal loss
    box                  what is wrong with a box: its offsets by "smooth_l1", or how it overlaps the face
    beta                 where smooth L1 turns from a square to a line
    emphasis             how many times the loss of boxes counts

    Raises ValueError for a combination that means nothing: quality is that of boxes whose overlap is known.
    """

    assignment: str = "iou"
    positive: float = 0.5
    negative: float = 0.5
    best: bool = False
    code: str = "corners"
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    normalise: str = "anchors"
    per_level: bool = False
    score: str = "classes"
    alpha: float = 3.0
    gamma: float = 2.0
    box: str = "smooth_l1"
    beta: float = 1.0
    emphasis: int = 1

    def __post_init__(self) -> None:
        require_choice("matching", "assignment", self.assignment, ASSIGNMENTS)
        require_choice("matching", "score", self.score, SCORES)
        require_choice("matching", "box", self.box, BOXES)
        if self.score == "quality" and self.box == "smooth_l1":
            raise ValueError(f"matching: score 'quality' goes with box {', '.join(BOXES[1:])}, not 'smooth_l1'")

    @property
    def columns(self) -> int:
        """Logits an anchor."""
        return 1 if self.score == "quality" else 2


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

# As SCRFD does it (Guo et al., 2021, section 4.1).
QUALITY = Matching(
    assignment="atss",
    best=True,
    code="centers",
    weights=(10.0, 10.0, 5.0, 5.0),
    normalise="positives",
    score="quality",
    box="diou",
    emphasis=2,
)

MATCHINGS = {"paper": PAPER, "per_level": PER_LEVEL, "refined": REFINED, "quality": QUALITY}
