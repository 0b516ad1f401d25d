"""Contracts of the matching of detections to objects: VOC's rule and COCO's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.columns import ColumnContract
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Conventions
from refdet.conformance.strategies import distinct_scores, tied_scores
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class MatchingLike(Protocol):
    """What an implementation returns: see `refdet.core.matching.Matching`."""

    @property
    def object_index(self) -> I64:
        """The object found, where `matched`."""

    @property
    def matched(self) -> Mask:
        """Who found an object."""

    @property
    def ignored(self) -> Mask:
        """Whose object is ignored."""


MatchVOC: TypeAlias = Callable[[F64, F64, float, Mask], MatchingLike]
MatchCOCO: TypeAlias = Callable[[F64, F64, F64, Mask, Mask], MatchingLike]


@dataclass(frozen=True)
class Case:
    """Detections and objects of one class in one image."""

    iou: F64
    scores: F64
    ignore: Mask
    crowd: Mask


def case(iou: list[list[float]], scores: list[float], ignore: str = "", crowd: str = "") -> Case:
    """A case written by hand; the masks have one character for each object, `x` for true."""
    n_objects = len(iou[0]) if iou else len(ignore)
    masks = (np.array([c == "x" for c in m.ljust(n_objects, ".")], bool) for m in (ignore, crowd))
    return Case(np.array(iou, np.float64).reshape(-1, n_objects), np.array(scores), *masks)


@st.composite
def cases(draw: st.DrawFn, scores: Callable[[int], st.SearchStrategy[F64]] = tied_scores) -> Case:
    """Up to 5 detections and 4 objects, with IoUs k / 10: ties and equality are common."""
    rows, columns = draw(st.integers(0, 5)), draw(st.integers(0, 4))
    tenths = st.integers(0, 10).map(lambda k: k / 10)
    iou = draw(hnp.arrays(np.float64, (rows, columns), elements=tenths))
    masks = (draw(hnp.arrays(np.bool_, (columns,))) for _ in range(2))
    return Case(iou, draw(scores(rows)), *masks)


THRESHOLDS = st.integers(1, 10).map(lambda k: k / 10)
NO_DETECTION = case([], [], ignore="..")
NO_OBJECT = Case(np.zeros((2, 0)), np.array([0.5, 0.5]), np.zeros(0, bool), np.zeros(0, bool))
SINGLE = case([[0.5]], [0.9])
BOTH_PREFER_THE_FIRST = case([[0.9, 0.6], [0.8, 0.7]], [0.9, 0.8])
ALL_TIED = case([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], [0.5, 0.5, 0.5])
TIED_WITH_IGNORED = case([[0.8, 0.8, 0.6], [0.8, 0.8, 0.6]], [0.5, 0.5], ignore="xx.")
TIED_WITH_CROWD = case([[0.8, 0.8], [0.8, 0.8], [0.8, 0.8]], [0.5, 0.5, 0.5], ".x", "x.")
# More ties than an unstable sort leaves in order; twelve in a row prefer the same object.
MANY_TIED = case(
    [[0.5 + 0.25 * (row // 12 == column) for column in range(5)] for row in range(60)],
    [0.25, 0.5, 0.75] * 20,
)

# --- Oracles: plain Python, one detection and one object at a time ---


def naive_voc(case: Case, threshold: float) -> list[int | None]:
    """For each detection the object it finds, or None."""
    found: list[int | None] = [None] * len(case.scores)
    for row in sorted(range(len(case.scores)), key=lambda row: -case.scores[row]):
        best: int | None = None
        for column in range(len(case.ignore)):
            if best is None or case.iou[row, column] > case.iou[row, best]:
                best = column
        if best is None or case.iou[row, best] < threshold:
            continue
        if case.ignore[best] or best not in found:
            found[row] = best
    return found


def naive_coco(case: Case, threshold: float) -> list[int | None]:
    """For each detection the object it finds, or None."""
    found: list[int | None] = [None] * len(case.scores)
    for row in sorted(range(len(case.scores)), key=lambda row: -case.scores[row]):
        for second_choice in (False, True):
            least = min(threshold, 1 - 1e-10)
            for column in range(len(case.ignore)):
                is_second = bool(case.ignore[column] or case.crowd[column])
                taken = column in found[:row] + found[row + 1 :] and not case.crowd[column]
                # `>=`, and the least rises with each: the later of two equals wins.
                if is_second == second_choice and not taken and case.iou[row, column] >= least:
                    least, found[row] = case.iou[row, column], column
            if found[row] is not None:
                break
    return found


def assert_found(got: MatchingLike, want: list[int | None], ignored_objects: Mask) -> None:
    """Raise AssertionError unless `got` says what `want` does, wherever it means something."""
    told = f"the objects found are {want}: "
    assert_close(got.matched, [column is not None for column in want], f"{told}matched")
    ignored = [column is not None and bool(ignored_objects[column]) for column in want]
    assert_close(got.ignored, ignored, f"{told}ignored")
    for row, column in enumerate(want):
        if column is not None:
            assert_close(got.object_index[row], column, f"{told}object_index[{row}]")


# --- Properties ---


@given(case=cases(), threshold=THRESHOLDS)
@example(case=NO_DETECTION, threshold=0.5)
@example(case=NO_OBJECT, threshold=0.5)
@example(case=SINGLE, threshold=0.5)
@example(case=BOTH_PREFER_THE_FIRST, threshold=0.5)
@example(case=ALL_TIED, threshold=0.5)
@example(case=TIED_WITH_IGNORED, threshold=0.5)
@example(case=MANY_TIED, threshold=0.5)
def voc_equals_a_naive_loop(match_voc: MatchVOC, case: Case, threshold: float) -> None:
    """Everything is decided: by score, then input order; by IoU, then the first object."""
    got = match_voc(case.iou, case.scores, threshold, case.ignore)
    assert_found(got, naive_voc(case, threshold), case.ignore)


@given(case=cases(), thresholds=st.lists(THRESHOLDS, max_size=3))
@example(case=NO_DETECTION, thresholds=[0.5])
@example(case=NO_OBJECT, thresholds=[0.5])
@example(case=SINGLE, thresholds=[])
@example(case=SINGLE, thresholds=[1.0, 0.5])
@example(case=case([[1 - 1e-11]], [0.5]), thresholds=[1.0])
@example(case=BOTH_PREFER_THE_FIRST, thresholds=[0.5, 0.9])
@example(case=ALL_TIED, thresholds=[0.5])
@example(case=TIED_WITH_IGNORED, thresholds=[0.5, 0.7])
@example(case=TIED_WITH_CROWD, thresholds=[0.5, 0.8, 0.9])
@example(case=MANY_TIED, thresholds=[0.5])
def coco_equals_a_naive_loop(match_coco: MatchCOCO, case: Case, thresholds: list[float]) -> None:
    """Everything is decided: by score, then input order; by IoU, then the last object."""
    got = match_coco(case.iou, case.scores, np.array(thresholds), case.ignore, case.crowd)
    shape = (len(thresholds), len(case.scores))
    assert got.matched.shape == shape, f"matched: shape {got.matched.shape} instead of {shape}"
    for level, threshold in enumerate(thresholds):
        at_level = _Level(got.object_index[level], got.matched[level], got.ignored[level])
        assert_found(at_level, naive_coco(case, threshold), case.ignore | case.crowd)


@dataclass(frozen=True)
class _Level:
    object_index: I64
    matched: Mask
    ignored: Mask


@given(case=cases(), threshold=THRESHOLDS)
@example(case=ALL_TIED, threshold=0.5)
def voc_finds_an_object_that_counts_once(match_voc: MatchVOC, case: Case, threshold: float) -> None:
    """A second detection of it is a false positive."""
    got = match_voc(case.iou, case.scores, threshold, case.ignore)
    found = got.object_index[got.matched & ~got.ignored].tolist()
    assert len(set(found)) == len(found), f"one of the objects found was taken already: {found}"


@given(case=cases(), threshold=THRESHOLDS)
@example(case=TIED_WITH_CROWD, threshold=0.5)
def coco_finds_an_object_once_unless_a_crowd(
    match_coco: MatchCOCO, case: Case, threshold: float
) -> None:
    """That holds for ignored objects too."""
    got = match_coco(case.iou, case.scores, np.array([threshold]), case.ignore, case.crowd)
    found = [
        index for index in got.object_index[0, got.matched[0]].tolist() if not case.crowd[index]
    ]
    assert len(set(found)) == len(found), f"one of the objects found was taken already: {found}"


@given(case=cases(distinct_scores), threshold=THRESHOLDS, data=st.data())
def voc_does_not_depend_on_input_order(
    match_voc: MatchVOC, case: Case, threshold: float, data: st.DataObject
) -> None:
    """With distinct scores the detections may come in any order; results follow theirs."""
    order = np.array(data.draw(st.permutations(range(len(case.scores)))), np.int64)
    before = match_voc(case.iou, case.scores, threshold, case.ignore)
    after = match_voc(case.iou[order], case.scores[order], threshold, case.ignore)
    assert_close(after.matched, before.matched[order], f"matched in the order {order}")
    assert_close(after.ignored, before.ignored[order], f"ignored in the order {order}")


@given(case=cases(distinct_scores), threshold=THRESHOLDS, data=st.data())
def coco_does_not_depend_on_input_order(
    match_coco: MatchCOCO, case: Case, threshold: float, data: st.DataObject
) -> None:
    """With distinct scores the detections may come in any order; results follow theirs."""
    order = np.array(data.draw(st.permutations(range(len(case.scores)))), np.int64)
    level = np.array([threshold])
    before = match_coco(case.iou, case.scores, level, case.ignore, case.crowd)
    after = match_coco(case.iou[order], case.scores[order], level, case.ignore, case.crowd)
    assert_close(after.matched, before.matched[:, order], f"matched in the order {order}")
    assert_close(after.ignored, before.ignored[:, order], f"ignored in the order {order}")


def read_found(outcome: object) -> Mapping[str, Value]:
    """What means something: who is matched, with which object, and who is ignored."""
    # An outcome can be anything; what lacks the fields fails right below.
    got = cast(MatchingLike, outcome)
    matched = np.asarray(got.matched)
    return {
        "object_index": np.where(matched, got.object_index, 0),
        "matched": matched,
        "ignored": np.asarray(got.ignored),
    }


_UNDEFINED = "object_index where nothing is matched; refdet.core has 0 there, and nobody looks"

MATCH_VOC = ColumnContract[MatchVOC](
    "match_voc",
    ("iou", "scores", "iou_threshold", "ignore"),
    Conventions(
        rule="PASCAL VOC's: by score descending, each detection asks for the object that it "
        "overlaps most, whether that is free or not, and never for its second best; it gets it "
        "if IoU reaches the threshold and nobody else has it. An ignored object (VOC's "
        "difficult) may be found any number of times, and its finders are ignored. iou has a row "
        "for each detection of a class in an image, in any order, and a column for each object; "
        "results follow the rows",
        ties="of score: input order; of IoU: the first object",
        thresholds="IoU >= iou_threshold finds",
        undefined=_UNDEFINED,
    ),
    (
        voc_equals_a_naive_loop,
        voc_finds_an_object_that_counts_once,
        voc_does_not_depend_on_input_order,
    ),
    read_columns=read_found,
)
MATCH_COCO = ColumnContract[MatchCOCO](
    "match_coco",
    ("iou", "scores", "iou_thresholds", "ignore", "crowd"),
    Conventions(
        rule="COCO's: by score descending, each detection takes, of the free objects whose IoU "
        "reaches the threshold, the one that it overlaps most: of those that count if there is "
        "any, else of the ignored and the crowds. An ignored object can be found once, a crowd "
        "any number of times; their finders are ignored. iou as in match_voc; the results have a "
        "row for each of iou_thresholds",
        ties="of score: input order; of IoU: the last object",
        thresholds="IoU >= threshold finds; a threshold above 1 - 1e-10 is lowered to it",
        undefined=_UNDEFINED,
    ),
    (
        coco_equals_a_naive_loop,
        coco_finds_an_object_once_unless_a_crowd,
        coco_does_not_depend_on_input_order,
    ),
    read_columns=read_found,
)

CONTRACTS = (MATCH_VOC, MATCH_COCO)
