"""Contract of the list of false positives: which detections are wrong, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, cast

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.columns import ColumnContract
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Conventions
from refdet.conformance.iou import unit_cells
from refdet.conformance.matching import Case, naive_coco
from refdet.conformance.strategies import EMPTY_BOX, NO_BOX, boxes_xyxy, labels, tied_scores
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class FalsePositiveLike(Protocol):
    """What an implementation returns: see `refdet.core.false_positives.FalsePositive`."""

    @property
    def index(self) -> int:
        """Its row."""

    @property
    def label(self) -> int:
        """Its class."""

    @property
    def score(self) -> float:
        """Its score."""

    @property
    def best_iou(self) -> float:
        """With an object of its class."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Its corners."""

    @property
    def kind(self) -> str:
        """Why it is wrong."""

    @property
    def confused_with(self) -> int | None:
        """The label of what it covers."""


Identify: TypeAlias = Callable[
    [F64, F64, I64, F64, I64, float, float, Mask], list[FalsePositiveLike]
]


@dataclass(frozen=True)
class Image:
    """Detections and objects of several classes in one image."""

    boxes: F64
    scores: F64
    labels: I64
    gt_boxes: F64
    gt_labels: I64
    ignore: Mask

    def judged_by(self, identify: Identify) -> list[FalsePositiveLike]:
        """Its false positives at the thresholds 0.5 and 0.125, whatever NumPy rounds."""
        return identify(
            self.boxes, self.scores, self.labels, self.gt_boxes, self.gt_labels, 0.5, 0.125,
            self.ignore,
        )  # fmt: skip


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Up to 5 detections and 4 objects on a grid of 4 x 4, in 2 classes."""
    n_detections, n_objects = draw(st.integers(0, 5)), draw(st.integers(0, 4))
    return Image(
        draw(boxes_xyxy(n_detections, side=4)),
        draw(tied_scores(n_detections)),
        draw(labels(n_detections, 2)),
        draw(boxes_xyxy(n_objects, side=4)),
        draw(labels(n_objects, 2)),
        draw(hnp.arrays(np.bool_, (n_objects,))),
    )


def one_against_one(box: F64, label: int, gt_box: F64, ignore: bool = False) -> Image:
    """A detection and an object of class 0."""
    one = np.zeros(1, np.int64)
    return Image(box, np.array([0.5]), one + label, gt_box, one, np.array([ignore]))


SQUARE = np.array([[0.0, 0.0, 4.0, 4.0]])
HALF = np.array([[0.0, 0.0, 4.0, 2.0]])
EIGHTH = np.array([[0.0, 0.0, 2.0, 1.0]])
CORNER = np.array([[0.0, 0.0, 1.0, 1.0]])
NINE_CELLS = np.array([[0.0, 0.0, 3.0, 3.0]])
TIED = Image(
    np.repeat(SQUARE, 3, axis=0),
    np.full(3, 0.5),
    np.zeros(3, np.int64),
    np.repeat(SQUARE, 2, axis=0),
    np.array([0, 1]),
    np.array([True, False]),
)
# The first detection overlaps both objects alike and takes the last, which the second wants.
TIE_DECIDES = Image(
    np.array([[1.0, 0.0, 3.0, 4.0], [2.0, 0.0, 4.0, 4.0]]),
    np.array([0.75, 0.5]),
    np.zeros(2, np.int64),
    np.array([[0.0, 0.0, 3.0, 4.0], [1.0, 0.0, 4.0, 4.0]]),
    np.zeros(2, np.int64),
    np.zeros(2, np.bool_),
)
# The first detection takes the object that counts, which it overlaps less, from the second.
RATHER_ONE_THAT_COUNTS = Image(
    np.array([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 3.0, 2.0]]),
    np.array([0.75, 0.5]),
    np.zeros(2, np.int64),
    np.concatenate([SQUARE, HALF]),
    np.zeros(2, np.int64),
    np.array([True, False]),
)
# The first detection covers both objects and takes the one that it overlaps most, though it is the
# first; the second detection covers the other alone.
BEST_IS_TAKEN = replace(RATHER_ONE_THAT_COUNTS, ignore=np.array([False, False]))
NO_DETECTION = Image(
    NO_BOX, np.zeros(0), np.zeros(0, np.int64), SQUARE, np.zeros(1, np.int64), np.array([False])
)
NO_OBJECT = Image(
    SQUARE, np.array([0.5]), np.zeros(1, np.int64), NO_BOX, np.zeros(0, np.int64), np.zeros(0, bool)
)
# More ties than an unstable sort leaves in order; the 60 boxes lie in one cell, on no object.
MANY_TIED_WRONG = Image(
    np.repeat(CORNER, 60, axis=0),
    np.tile([0.25, 0.5, 0.75], 20),
    np.zeros(60, np.int64),
    NO_BOX,
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
)

# --- Oracle: plain Python, counting cells ---


def naive_iou(a: F64, b: F64) -> float:
    """A ratio of two counts."""
    cells_a, cells_b = unit_cells(a), unit_cells(b)
    return len(cells_a & cells_b) / len(cells_a | cells_b) if cells_a | cells_b else 0.0


def naive_wrong_rows(image: Image) -> set[int]:
    """The detections that COCO's rule leaves without an object, class by class."""
    wrong: set[int] = set()
    for label in set(image.labels.tolist()):
        rows = [row for row, other in enumerate(image.labels) if other == label]
        columns = [column for column, other in enumerate(image.gt_labels) if other == label]
        iou = [[naive_iou(image.boxes[r], image.gt_boxes[c]) for c in columns] for r in rows]
        of_class = Case(
            np.array(iou).reshape(len(rows), len(columns)),
            image.scores[rows],
            image.ignore[columns],
            np.zeros(len(columns), np.bool_),
        )
        found = naive_coco(of_class, 0.5)
        wrong |= {row for row, column in zip(rows, found, strict=True) if column is None}
    return wrong


def naive_kind(own: list[float], other: list[float]) -> str:
    """The kind of a wrong detection, from its IoUs with its class and with other classes."""
    reached = [("duplicate", own, 0.5), ("localization", own, 0.125)]
    reached += [("confusion", other, 0.5), ("both", other, 0.125)]
    return next((k for k, ious, least in reached if any(x >= least for x in ious)), "background")


# --- Properties ---

_EXAMPLES = (
    NO_DETECTION,
    NO_OBJECT,
    TIED,
    TIE_DECIDES,
    RATHER_ONE_THAT_COUNTS,
    BEST_IS_TAKEN,
    MANY_TIED_WRONG,
    one_against_one(EMPTY_BOX, 0, EMPTY_BOX),
    *(one_against_one(box, label, SQUARE) for box in (HALF, EIGHTH, CORNER) for label in (0, 1)),
    # 1/9: background at 0.125, though not at the 0.1 that many take.
    *(one_against_one(CORNER, label, NINE_CELLS) for label in (0, 1)),
    one_against_one(HALF, 0, SQUARE, ignore=True),
)


def _with_examples(check: Callable[[Identify, Image], None]) -> Callable[[Identify], None]:
    decorated = given(image=images())(check)
    for image in _EXAMPLES:
        decorated = example(image=image)(decorated)
    return decorated


@_with_examples
def lists_what_coco_leaves_unmatched(identify_false_positives: Identify, image: Image) -> None:
    """Each once, by score descending, ties in input order."""
    rows = [wrong.index for wrong in image.judged_by(identify_false_positives)]
    want = sorted(naive_wrong_rows(image), key=lambda row: (-image.scores[row], row))
    assert_close(rows, np.array(want, np.int64), "rows of the false positives")


@_with_examples
def tells_the_kind(identify_false_positives: Identify, image: Image) -> None:
    """From the highest IoU with an object of its class, and with one of another."""
    for wrong in image.judged_by(identify_false_positives):
        ious = [naive_iou(image.boxes[wrong.index], gt_box) for gt_box in image.gt_boxes]
        own_class = (image.gt_labels == image.labels[wrong.index]).tolist()
        own = [iou for iou, same in zip(ious, own_class, strict=True) if same]
        other = [iou for iou, same in zip(ious, own_class, strict=True) if not same]
        kind = naive_kind(own, other)
        told = f"row {wrong.index}, IoUs {own} with its class and {other} with others: "
        assert_close(str(wrong.kind), kind, f"{told}kind")
        assert_close(wrong.best_iou, max(own, default=0.0), f"{told}best_iou")
        confused = None
        if kind == "confusion":
            most = [
                iou == max(other) and not same for iou, same in zip(ious, own_class, strict=True)
            ]
            confused = int(image.gt_labels[most.index(True)])
        got = wrong.confused_with
        assert got == confused, f"{told}confused_with: {got!r} instead of {confused!r}"


@_with_examples
def repeats_the_detection(identify_false_positives: Identify, image: Image) -> None:
    """Label, score and box are those that were given."""
    for wrong in image.judged_by(identify_false_positives):
        row = wrong.index
        assert_close(wrong.label, image.labels[row], f"row {row}: label")
        assert_close(wrong.score, image.scores[row], f"row {row}: score")
        assert_close(wrong.box, image.boxes[row], f"row {row}: box")


def _columns(outcome: object) -> Mapping[str, Value]:
    # An outcome can be anything; what lacks the fields fails right below.
    rows = list(cast(Iterable[FalsePositiveLike], outcome))
    return {
        "index": [row.index for row in rows],
        "label": [row.label for row in rows],
        "score": [row.score for row in rows],
        "best_iou": [row.best_iou for row in rows],
        "box": [list(row.box) for row in rows],
        "kind": [str(row.kind) for row in rows],
        "confused_with": [row.confused_with for row in rows],
    }


IDENTIFY_FALSE_POSITIVES = ColumnContract[Identify](
    "identify_false_positives",
    (
        "boxes_xyxy",
        "scores",
        "labels",
        "gt_boxes_xyxy",
        "gt_labels",
        "iou_threshold",
        "background_threshold",
        "ignore",
    ),
    Conventions(
        rule="a record for each detection of an image that match_coco, class by class, leaves "
        "without an object, by score descending: its row, label, score and box as given; its "
        "best IoU with an object of its class; its kind as false_positive_kind has it, where all "
        "objects count as overlapped, taken and ignored ones too; and, for a confusion alone, "
        "the label of the object of another class that it overlaps most",
        boxes="xyxy, continuous coordinates: a box is x2 - x1 wide",
        ties="of score: input order; of IoU: the last object is found, the first is confused with",
        thresholds="IoU >= either threshold reaches it",
        undefined="best_iou is 0 without an object of its class; confused_with is None but for a "
        "confusion",
    ),
    (lists_what_coco_leaves_unmatched, tells_the_kind, repeats_the_detection),
    read_columns=_columns,
)

CONTRACTS = (IDENTIFY_FALSE_POSITIVES,)
