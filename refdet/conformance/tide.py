"""Contract of TIDE's kinds of error and of what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.columns import ColumnContract
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Conventions, named_arrays
from refdet.conformance.strategies import labels, tied_scores
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

CONFUSION, LOCALIZATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(6)
N_CLASSES = 3


class TideErrorsLike(Protocol):
    """What an implementation returns: see `refdet.core.tide.TideErrors`."""

    @property
    def true_positive(self) -> Mask:
        """Of each detection."""

    @property
    def ignored(self) -> Mask:
        """Of each detection."""

    @property
    def kind(self) -> I64:
        """Of each detection that is neither."""


JudgeTide: TypeAlias = Callable[
    [I64, I64, F64, F64, I64, I64, Mask, int, float, float], TideErrorsLike
]


@dataclass(frozen=True)
class DataSet:
    """Detections and objects of three classes in a few images.

    Attributes:
        images: (D,) of each detection.
        labels: (D,).
        scores: (D,).
        object_images: (G,).
        object_labels: (G,).
        iou: (D, G), of which only those within an image mean anything.
        ignore: (G,).
    """

    images: I64
    labels: I64
    scores: F64
    object_images: I64
    object_labels: I64
    iou: F64
    ignore: Mask

    def judged_by(
        self, judge: JudgeTide, thresholds: tuple[float, float], others: Mask, order: Sequence[int]
    ) -> TideErrorsLike:
        """From the pairs that reach the background threshold, and `others`, in `order`."""
        some = others[: len(self.images), : len(self.object_images)]
        same_image = self.images[:, None] == self.object_images
        rows, columns = np.nonzero(same_image & (some | (self.iou >= thresholds[1])))
        place = np.array([place for place in order if place < len(rows)], np.int64)
        rows, columns = rows[place], columns[place]
        return judge(
            rows, columns, self.iou[rows, columns], self.scores, self.labels, self.object_labels,
            self.ignore, N_CLASSES, *thresholds,
        )  # fmt: skip


def data_set(
    detections: str, objects: str, iou: list[list[float]], ignore: str = "", image: int = 0
) -> DataSet:
    """A single image written by hand: a digit for each row's class; `x` ignores; scores tied."""
    own, theirs = (
        np.array([int(digit) for digit in text], np.int64) for text in (detections, objects)
    )
    return DataSet(
        np.full(len(own), image),
        own,
        np.full(len(own), 0.5),
        np.full(len(theirs), image),
        theirs,
        np.array(iou, np.float64).reshape(len(own), len(theirs)),
        np.array([letter == "x" for letter in ignore.ljust(len(objects), ".")], np.bool_),
    )


@st.composite
def data_sets(draw: st.DrawFn) -> DataSet:
    """Up to 8 detections and 5 objects in 2 images, with IoUs k / 8, in any order."""
    n_detections, n_objects = draw(st.integers(0, 8)), draw(st.integers(0, 5))
    eighths = st.integers(0, 8).map(lambda k: k / 8)
    return DataSet(
        draw(labels(n_detections, 2)),
        draw(labels(n_detections, N_CLASSES)),
        draw(tied_scores(n_detections)),
        draw(labels(n_objects, 2)),
        draw(labels(n_objects, N_CLASSES)),
        draw(hnp.arrays(np.float64, (n_detections, n_objects), elements=eighths)),
        draw(hnp.arrays(np.bool_, (n_objects,), elements=st.integers(0, 3).map(lambda k: k == 0))),
    )


THRESHOLDS = st.sampled_from([(0.5, 0.125), (0.5, 0.25), (0.75, 0.5), (0.5, 0.5), (1.0, 0.125)])
AS_IT_COMES = list(range(40))
NONE_BELOW = np.zeros((8, 5), np.bool_)

NOTHING = data_set("", "", [])
NO_OBJECT = data_set("01", "", [])
NO_DETECTION = data_set("", "012", [])
RIGHT = data_set("0", "0", [[1.0]])
ZERO_AREA = data_set("0", "0", [[0.0]])
ALL_TIED = data_set("00101", "0101", [[0.5] * 4] * 5)
# The second detection is a duplicate, and covers an object of another class besides.
DUPLICATE_AND_CONFUSION = data_set("00", "01", [[1.0, 0.0], [0.75, 0.75]])
# Two would have found object 0, were they of its class; the second could be better placed as well.
TWO_FOR_ONE = data_set("100", "0", [[0.75], [0.25], [0.25]])
# Of two objects that it overlaps alike, a detection finds the first, which the second one wants.
TIE_DECIDES = data_set("00", "00", [[0.75, 0.75], [0.75, 0.0]])
# It would find the first of those that it overlaps alike, if it lay better, or were of their class.
TIED_TARGETS = data_set("01", "0000", [[0.25, 0.25, 0, 0], [0, 0, 0.75, 0.75]])
# The second loses its first object to the first, and takes its second one from the third.
DISPLACED = data_set("000", "000", [[1, 0, 0], [0.75, 0.5, 0], [0, 0.75, 0.5]])
RIGHT_BESIDE_IGNORED = data_set("0", "00", [[1.0, 0.75]], ".x")
AT_BOTH_THRESHOLDS = data_set("0001", "00", [[0.5, 0.0], [0.5, 0.0], [0.25, 0.0], [0.0, 0.25]])
IGNORED_TWICE = data_set("0001", "00", [[0.75, 0.0], [0.5, 0.0], [0.25, 0.25], [1.0, 0.0]], "x.")
# More ties than an unstable sort leaves in order; twelve in a row overlap the same object.
MANY_TIED = replace(
    data_set("0" * 60, "0" * 5, [[0.75 * (row // 12 == o) for o in range(5)] for row in range(60)]),
    scores=np.tile([0.25, 0.5, 0.75], 20),
)

# --- Oracle: one image, one detection, one correction after the other ---


@dataclass
class Verdict:
    """What became of a detection: an object found, or a kind of error; neither if ignored."""

    finds: int | None = None
    kind: int | None = None
    would_find: int | None = None


def naive_verdicts(data: DataSet, covers: float, background: float) -> list[Verdict]:
    """TIDE's rules in the order in which they apply."""
    verdicts = [Verdict() for _ in data.labels]
    for image in set(data.images.tolist()):
        rows = [row for row in range(len(data.images)) if data.images[row] == image]
        rows.sort(key=lambda row: -data.scores[row])
        here = [o for o in range(len(data.object_images)) if data.object_images[o] == image]
        real = [o for o in here if not data.ignore[o]]
        free = list(real)
        for row in rows:
            own = [o for o in free if data.object_labels[o] == data.labels[row]]
            best = naive_best(data, row, own)
            if best is not None and data.iou[row, best] >= covers:
                verdicts[row].finds = best
                free.remove(best)
        for row in rows:
            excuses = [
                o for o in here
                if data.ignore[o] and data.object_labels[o] == data.labels[row]
                and data.iou[row, o] >= covers
            ]  # fmt: skip
            if verdicts[row].finds is None and not excuses:
                judge_wrong(data, row, real, verdicts[row], covers, background)
    return verdicts


def naive_best(data: DataSet, row: int, objects: list[int]) -> int | None:
    """The object of highest IoU, the first of several."""
    return max(objects, key=lambda o: (data.iou[row, o], -o), default=None)


def judge_wrong(
    data: DataSet, row: int, real: list[int], verdict: Verdict, covers: float, background: float
) -> None:
    """Fill in the kind, and the object that would be found."""
    own = naive_best(data, row, [o for o in real if data.object_labels[o] == data.labels[row]])
    other = naive_best(data, row, [o for o in real if data.object_labels[o] != data.labels[row]])
    own_iou = 0.0 if own is None else data.iou[row, own]
    other_iou = 0.0 if other is None else data.iou[row, other]
    if background <= own_iou <= covers:
        verdict.kind, verdict.would_find = LOCALIZATION, own
    elif other_iou >= covers:
        verdict.kind, verdict.would_find = CONFUSION, other
    elif own_iou >= covers:
        verdict.kind = DUPLICATE
    elif max(own_iou, other_iou) <= background:
        verdict.kind = BACKGROUND
    else:
        verdict.kind = BOTH


def naive_ap(flags: list[bool], n_objects: int) -> float:
    """The mean of the best precision at 101 recalls or beyond; NaN with nothing at all."""
    if not n_objects:
        return 0.0 if flags else float("nan")
    curve, hits = [], 0
    for place, right in enumerate(flags, start=1):
        hits += right
        curve.append((hits / n_objects, hits / place))
    at = [max((p for r, p in curve if r >= i / 100), default=0.0) for i in range(101)]
    return sum(at) / 101


Entry: TypeAlias = tuple[float, int, int, int, bool]
"""Score, whether it was right, row, class, whether it is right."""


def naive_aps(entries: list[Entry], objects: list[int]) -> list[float]:
    """AP of each class, from detections in their order and the classes of the objects."""
    return [
        naive_ap([e[4] for e in entries if e[3] == label], objects.count(label))
        for label in range(N_CLASSES)
    ]


def mean(aps: list[float], classes: Iterable[int] = range(N_CLASSES)) -> float:
    """Of some classes, without what is NaN."""
    defined = [aps[label] for label in set(classes) if not isnan(aps[label])]
    return sum(defined) / len(defined) if defined else float("nan")


def naive(data: DataSet, covers: float, background: float) -> dict[str, NDArray[Any]]:
    """The attributes of `TideErrors`, `kind` being -1 where nothing is wrong."""
    verdicts = naive_verdicts(data, covers, background)
    by_score = sorted(range(len(verdicts)), key=lambda row: -data.scores[row])
    found = {v.finds for v in verdicts if v.finds is not None}
    menders: dict[int, int] = {}
    for row in by_score:
        wanted = verdicts[row].would_find
        if wanted is not None and wanted not in found:
            menders.setdefault(wanted, row)
    real = [o for o in range(len(data.ignore)) if not data.ignore[o]]
    missed = [o for o in real if o not in found and o not in menders]
    objects = [int(data.object_labels[o]) for o in real]
    entries: list[Entry] = [
        (-float(data.scores[row]), verdicts[row].finds is not None, row, int(data.labels[row]),
         verdicts[row].finds is not None)
        for row in by_score if verdicts[row].finds is not None or verdicts[row].kind is not None
    ]  # fmt: skip
    aps = naive_aps(entries, objects)
    entries.sort(key=lambda entry: entry[:2])
    counts, corrected, class_gains = np.zeros((6, N_CLASSES), np.int64), [], []
    for kind in range(6):
        left, kept = list(objects), []
        for entry in entries:
            row = entry[2]
            if verdicts[row].kind == kind:
                counts[kind, data.labels[row]] += 1
                wanted = verdicts[row].would_find
                if wanted is not None and menders.get(wanted) == row:
                    kept.append((*entry[:3], int(data.object_labels[wanted]), True))
            else:
                kept.append(entry)
        for o in missed if kind == MISSED else []:
            counts[kind, data.object_labels[o]] += 1
            left.remove(data.object_labels[o])
        better = naive_aps(kept, left)
        corrected.append(better)
        class_gains.append(
            [
                max(better[label] - aps[label], 0.0) if label in left else np.nan
                for label in range(N_CLASSES)
            ]
        )
    right_first = sorted(entries, key=lambda entry: not entry[4])
    of_found = [int(data.object_labels[o]) for o in real if o in found]
    without_wrong, without_unfound = naive_aps(right_first, objects), naive_aps(entries, of_found)
    means: dict[str, NDArray[Any]] = {}
    for prefix, classes in (("", objects), ("tidecv_", range(N_CLASSES))):
        before = mean(aps, classes)
        gains = np.array([mean(better, classes) - before for better in corrected])
        means |= {
            f"{prefix}ap": np.array(before),
            f"{prefix}gains": np.where(gains < 0, 0, gains),
            f"{prefix}false_positive_gain": np.array(mean(without_wrong, classes) - before),
            f"{prefix}false_negative_gain": np.array(mean(without_unfound, classes) - before),
        }
    return {
        "true_positive": np.array([v.finds is not None for v in verdicts], np.bool_),
        "ignored": np.array([v.finds is None and v.kind is None for v in verdicts], np.bool_),
        "missed": np.array([o in missed for o in range(len(data.ignore))], np.bool_),
        "counts": counts,
        "class_aps": np.array([ap if c in objects else np.nan for c, ap in enumerate(aps)]),
        "class_gains": np.array(class_gains),
        "tie_cost": np.array(mean(aps, objects) - mean(naive_aps(entries, objects), objects)),
        **means,
        "kind": np.array([-1 if v.kind is None else v.kind for v in verdicts], np.int64),
    }


@given(
    data=data_sets(),
    thresholds=THRESHOLDS,
    others=hnp.arrays(np.bool_, (8, 5)),
    order=st.permutations(AS_IT_COMES),
)
@example(data=NOTHING, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=NO_OBJECT, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=NO_DETECTION, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=RIGHT, thresholds=(1.0, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=ZERO_AREA, thresholds=(0.5, 0.125), others=~NONE_BELOW, order=AS_IT_COMES)
@example(data=ALL_TIED, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=ALL_TIED, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES[::-1])
@example(
    data=DUPLICATE_AND_CONFUSION, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES
)
@example(data=TWO_FOR_ONE, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=TIE_DECIDES, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=TIED_TARGETS, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=DISPLACED, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=RIGHT_BESIDE_IGNORED, thresholds=(0.5, 0.125), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=AT_BOTH_THRESHOLDS, thresholds=(0.5, 0.25), others=NONE_BELOW, order=AS_IT_COMES)
@example(data=IGNORED_TWICE, thresholds=(0.5, 0.25), others=NONE_BELOW, order=AS_IT_COMES)
@example(
    data=MANY_TIED,
    thresholds=(0.5, 0.25),
    others=np.zeros((60, 5), np.bool_),
    order=list(range(300)),
)
def equals_one_correction_after_the_other(
    tide_errors: JudgeTide,
    data: DataSet,
    thresholds: tuple[float, float],
    others: Mask,
    order: list[int],
) -> None:
    """Whichever pairs below the background threshold are there, in whatever order they come."""
    got = data.judged_by(tide_errors, thresholds, others, order)
    want = naive(data, *thresholds)
    wrong = want["kind"] >= 0
    assert_close(got.kind[wrong], want.pop("kind")[wrong], "kind")
    for name, value in want.items():
        assert_close(getattr(got, name), value, name, atol=1e-12)


def _where_wrong(outcome: object) -> Mapping[str, Value]:
    """All attributes, and the kind of those that are wrong alone."""
    arrays = named_arrays(outcome)
    right, ignored = (arrays[name].astype(np.bool_) for name in ("true_positive", "ignored"))
    wrong = ~(right | ignored)
    return {**arrays, "kind": np.where(wrong, arrays["kind"], 0)}


TIDE_ERRORS = ColumnContract[JudgeTide](
    "tide_errors",
    (
        "pair_detection",
        "pair_object",
        "pair_iou",
        "scores",
        "labels",
        "object_labels",
        "ignore",
        "n_classes",
        "iou_threshold",
        "background_threshold",
    ),
    Conventions(
        rule="TIDE's errors and what each kind costs. By score, a detection finds the free "
        "object of its class that it overlaps most; one that finds none but reaches an ignored "
        "object of its class is ignored. Of those left the kind is the first of localization (1: "
        "best IoU with its class within both thresholds), confusion (0: another class's object "
        "reached), duplicate (3: one of its class reached), background (4: no IoU above the "
        "background threshold), both (2). An object that nothing finds or would find, were it "
        "corrected, is missed (5). A gain is what the mean of average_precision_coco at this IoU "
        "rises, as a fraction of 1, if one kind is corrected: a confusion or localization is "
        "right where it is the first for an object that is not found, all else is gone. counts "
        "and class_gains are (6 kinds, classes). Pairs are detections and objects of one image, "
        "in any order; those below the background threshold may be missing",
        ties="of score: input order, but in a corrected list what was wrong comes first; of IoU: "
        "the first object",
        thresholds="IoU >= iou_threshold finds; a localization includes both ends; IoU <= "
        "background_threshold is background",
        undefined="NaN for a class without objects, which is left out of the means; in those named "
        "tidecv_ it is 0 if it has detections. kind where nothing is wrong is not looked at",
    ),
    (equals_one_correction_after_the_other,),
    read_columns=_where_wrong,
)

CONTRACTS = (TIDE_ERRORS,)
