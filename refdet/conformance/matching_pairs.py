"""Contract of the matching of a whole data set by VOC's rule, from its pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.columns import ColumnContract
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Conventions
from refdet.conformance.matching import (
    MANY_TIED,
    THRESHOLDS,
    Case,
    MatchingLike,
    assert_found,
    naive_voc,
    read_found,
)
from refdet.conformance.strategies import tied_scores

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

MatchPairs: TypeAlias = Callable[[I64, I64, F64, F64, float, Mask], MatchingLike]


@dataclass(frozen=True)
class DataSet:
    """Detections and objects of several groups; a group is a class in an image.

    Attributes:
        group: (D,) of each detection.
        object_group: (G,) of each object.
        iou: (D, G), of which only those within a group mean anything.
        scores: (D,).
        ignore: (G,).
    """

    group: I64
    object_group: I64
    iou: F64
    scores: F64
    ignore: Mask

    def pairs(self, threshold: float, others: Mask, order: list[int]) -> tuple[I64, I64, F64]:
        """The pairs that reach the threshold, and those of `others` that do not, in `order`."""
        same = self.group[:, None] == self.object_group
        rows, columns = np.nonzero(same & (others | (self.iou >= threshold)))
        place = np.array([place for place in order if place < len(rows)], np.int64)
        rows, columns = rows[place], columns[place]
        return rows, columns, self.iou[rows, columns]


def data_set(group: str, objects: str, iou: list[list[float]], ignore: str = "") -> DataSet:
    """A data set written by hand: a digit for each row's group; `x` ignores; all scores equal."""
    own, theirs = (np.array([int(digit) for digit in text], np.int64) for text in (group, objects))
    mask = np.array([letter == "x" for letter in ignore.ljust(len(objects), ".")], np.bool_)
    table = np.array(iou, np.float64).reshape(len(group), len(objects))
    return DataSet(own, theirs, table, np.full(len(group), 0.5), mask)


@st.composite
def data_sets(draw: st.DrawFn) -> DataSet:
    """Up to 7 detections and 5 objects in 3 groups, with IoUs k / 10, in any order."""
    n_detections, n_objects = draw(st.integers(0, 7)), draw(st.integers(0, 5))
    group, object_group = (
        draw(hnp.arrays(np.int64, (count,), elements=st.integers(0, 2)))
        for count in (n_detections, n_objects)
    )
    tenths = st.integers(0, 10).map(lambda k: k / 10)
    return DataSet(
        group,
        object_group,
        draw(hnp.arrays(np.float64, (n_detections, n_objects), elements=tenths)),
        draw(tied_scores(n_detections)),
        draw(hnp.arrays(np.bool_, (n_objects,))),
    )


NOTHING = data_set("", "", [])
WITHOUT_OBJECTS = data_set("01", "", [])
SINGLE_PAIR = data_set("0", "0", [[0.5]])
ZERO_AREA = data_set("0", "0", [[0.0]])
ALL_PAIRS_TIED = data_set("00101", "0101", [[0.5] * 4] * 5)
IGNORED_TWICE = data_set("00", "00", [[0.6, 0.6], [0.7, 0.6]], "x.")
MANY_PAIRS_TIED = DataSet(
    np.zeros(60, np.int64), np.zeros(5, np.int64), MANY_TIED.iou, MANY_TIED.scores, MANY_TIED.ignore
)
EVERYTHING = np.ones((7, 5), np.bool_)
NONE_BELOW = ~EVERYTHING
AS_IT_COMES = list(range(35))


def naive(data: DataSet, threshold: float) -> list[int | None]:
    """For each detection the object it finds, or None: one group at a time."""
    found: list[int | None] = [None] * len(data.group)
    for group in set(data.group.tolist()):
        rows, columns = (
            np.flatnonzero(data.group == group),
            np.flatnonzero(data.object_group == group),
        )
        no_crowd = np.zeros(len(columns), np.bool_)
        case = Case(
            data.iou[np.ix_(rows, columns)], data.scores[rows], data.ignore[columns], no_crowd
        )
        for row, column in zip(rows.tolist(), naive_voc(case, threshold), strict=True):
            found[row] = None if column is None else int(columns[column])
    return found


@given(
    data=data_sets(),
    threshold=THRESHOLDS,
    others=hnp.arrays(np.bool_, (7, 5)),
    order=st.permutations(range(35)),
)
@example(data=NOTHING, threshold=0.5, others=EVERYTHING, order=AS_IT_COMES)
@example(data=WITHOUT_OBJECTS, threshold=0.5, others=EVERYTHING, order=AS_IT_COMES)
@example(data=SINGLE_PAIR, threshold=0.5, others=NONE_BELOW, order=AS_IT_COMES)
@example(data=ZERO_AREA, threshold=0.1, others=EVERYTHING, order=AS_IT_COMES)
@example(data=ALL_PAIRS_TIED, threshold=0.5, others=NONE_BELOW, order=AS_IT_COMES)
@example(data=ALL_PAIRS_TIED, threshold=0.5, others=NONE_BELOW, order=AS_IT_COMES[::-1])
@example(data=IGNORED_TWICE, threshold=0.6, others=NONE_BELOW, order=AS_IT_COMES)
@example(
    data=MANY_PAIRS_TIED,
    threshold=0.5,
    others=np.zeros((60, 5), np.bool_),
    order=list(range(300)),
)
def equals_matching_group_by_group(
    match_voc_pairs: MatchPairs, data: DataSet, threshold: float, others: Mask, order: list[int]
) -> None:
    """Whichever pairs below the threshold are there, and in whatever order all of them come."""
    some = others[: len(data.group), : len(data.object_group)]
    pairs = data.pairs(threshold, some, order)
    got = match_voc_pairs(*pairs, data.scores, threshold, data.ignore)
    assert_found(got, naive(data, threshold), data.ignore)


@given(data=data_sets(), threshold=THRESHOLDS, order=st.permutations(range(35)))
@example(data=ALL_PAIRS_TIED, threshold=0.5, order=AS_IT_COMES[::-1])
def does_not_depend_on_the_order_of_pairs(
    match_voc_pairs: MatchPairs, data: DataSet, threshold: float, order: list[int]
) -> None:
    """Nor what is found, nor by whom."""
    everything = np.ones(data.iou.shape, np.bool_)
    one, other = (
        match_voc_pairs(*data.pairs(threshold, everything, o), data.scores, threshold, data.ignore)
        for o in (AS_IT_COMES, order)
    )
    assert_close(other.matched, one.matched, "matched")
    assert_close(other.ignored, one.ignored, "ignored")
    assert_close(other.object_index[one.matched], one.object_index[one.matched], "object_index")


MATCH_VOC_PAIRS = ColumnContract[MatchPairs](
    "match_voc_pairs",
    ("pair_detection", "pair_object", "pair_iou", "scores", "iou_threshold", "ignore"),
    Conventions(
        rule="match_voc for a whole data set: a pair is a detection (a row of scores) and an "
        "object (a row of ignore) of its class and image. All pairs that reach the threshold are "
        "there, in any order; which of the others are there makes no difference",
        ties="of score: input order of the detections; of IoU: the first object",
        thresholds="IoU >= iou_threshold finds",
        undefined="object_index where nothing is matched; refdet.core has 0 there, and nobody "
        "looks",
    ),
    (equals_matching_group_by_group, does_not_depend_on_the_order_of_pairs),
    read_columns=read_found,
)

CONTRACTS = (MATCH_VOC_PAIRS,)
