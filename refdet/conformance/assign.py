"""Contracts of assignment: which prior learns which object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import iou_values

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class AssignmentLike(Protocol):
    """What an assignment returns: any object with these attributes."""

    @property
    def object_index(self) -> I64:
        """(P,), 0 where a prior is not positive."""

    @property
    def positive(self) -> Mask:
        """(P,)."""

    @property
    def ignored(self) -> Mask:
        """(P,)."""

    @property
    def unmatched_objects(self) -> Mask:
        """(G,)."""


SSDRule: TypeAlias = Callable[[F64, float], AssignmentLike]
RCNNRule: TypeAlias = Callable[[F64, float, float, bool], AssignmentLike]

NO_OBJECTS: F64 = np.zeros((3, 0))
NO_PRIORS: F64 = np.zeros((0, 2))
NO_OVERLAP: F64 = np.zeros((3, 2))
ALL_TIED: F64 = np.full((3, 3), 0.5)
ONE_PRIOR_FOR_TWO: F64 = np.array([[0.5, 0.4], [0.0, 0.3], [0.0, 0.0]])
MORE_OBJECTS_THAN_PRIORS: F64 = np.array([[0.5, 0.5, 0.25]])

matrices = iou_values(max_rows=6, max_columns=5, steps=4)
thresholds = st.sampled_from([0.25, 0.5, 0.75, 1.0])

# --- Oracles: plain Python, one pair at a time ---


def naive_forced(iou: F64) -> dict[int, int]:
    """Prior -> object, from a list of all pairs, the best first."""
    pairs = [(p, g) for p in range(iou.shape[0]) for g in range(iou.shape[1]) if iou[p, g] > 0]
    pairs.sort(key=lambda pair: (-iou[pair], pair[1], pair[0]))
    bound: dict[int, int] = {}
    for prior, thing in pairs:
        if prior not in bound and thing not in bound.values():
            bound[prior] = thing
    return bound


def naive_ssd(iou: F64, threshold: float) -> dict[int, int]:
    """Prior -> object by SSD's rule."""
    learned = naive_forced(iou)
    for prior, row in enumerate(iou.tolist()):
        if prior not in learned and row and max(row) >= threshold:
            learned[prior] = row.index(max(row))
    return learned


def naive_rcnn(iou: F64, high: float, low: float, ask: bool) -> tuple[dict[int, int], set[int]]:
    """Prior -> object, and the ignored priors, by Faster R-CNN's rule."""
    learned: dict[int, int] = {}
    ignored = set()
    for prior, row in enumerate(iou.tolist()):
        askers = [
            g for g, value in enumerate(row) if value > 0 and value == max(iou[:, g].tolist())
        ]
        if row and max(row) >= high:
            learned[prior] = row.index(max(row))
        elif ask and askers:
            learned[prior] = min(askers, key=lambda g: (-row[g], g))
        elif row and max(row) >= low:
            ignored.add(prior)
    return learned, ignored


def _check(got: AssignmentLike, iou: F64, learned: dict[int, int], ignored: set[int]) -> None:
    n_priors, n_objects = iou.shape
    assert got.object_index.shape == got.positive.shape == got.ignored.shape == (n_priors,)
    assert set(np.flatnonzero(got.positive)) == set(learned), f"positive: {got.positive}"
    assert set(np.flatnonzero(got.ignored)) == ignored, f"ignored: {got.ignored}"
    objects = got.object_index.tolist()
    assert objects == [learned.get(prior, 0) for prior in range(n_priors)], f"{iou} {objects}"
    unmatched = [thing not in learned.values() for thing in range(n_objects)]
    assert got.unmatched_objects.tolist() == unmatched, f"unmatched: {got.unmatched_objects}"


# --- Properties ---


@given(iou=matrices, threshold=thresholds)
@example(iou=NO_OBJECTS, threshold=0.5)
@example(iou=NO_PRIORS, threshold=0.5)
@example(iou=NO_OVERLAP, threshold=0.5)
@example(iou=ALL_TIED, threshold=0.5)
@example(iou=ONE_PRIOR_FOR_TWO, threshold=0.5)
@example(iou=MORE_OBJECTS_THAN_PRIORS, threshold=0.5)
def ssd_equals_sorting_all_pairs(assign_ssd: SSDRule, iou: F64, threshold: float) -> None:
    """The rule as a list of pairs, the best first."""
    _check(assign_ssd(iou, threshold), iou, naive_ssd(iou, threshold), set())


@given(iou=matrices, threshold=thresholds)
@example(iou=ONE_PRIOR_FOR_TWO, threshold=0.5)
@example(iou=ALL_TIED, threshold=1.0)
def ssd_leaves_no_object_beside_a_free_prior(
    assign_ssd: SSDRule, iou: F64, threshold: float
) -> None:
    """An object without a prior overlaps only priors that learn other objects."""
    got = assign_ssd(iou, threshold)
    for thing in np.flatnonzero(got.unmatched_objects):
        assert got.positive[iou[:, thing] > 0].all(), f"object {thing} of {iou}"


@given(
    iou=matrices,
    limits=st.tuples(thresholds, thresholds).map(sorted),
    allow_low_quality=st.booleans(),
)
@example(iou=NO_OBJECTS, limits=[0.25, 0.5], allow_low_quality=True)
@example(iou=NO_PRIORS, limits=[0.25, 0.5], allow_low_quality=True)
@example(iou=NO_OVERLAP, limits=[0.25, 0.5], allow_low_quality=True)
@example(iou=ALL_TIED, limits=[0.25, 0.75], allow_low_quality=True)
@example(iou=ONE_PRIOR_FOR_TWO, limits=[0.25, 0.75], allow_low_quality=True)
@example(iou=ONE_PRIOR_FOR_TWO, limits=[0.5, 0.5], allow_low_quality=False)
def rcnn_equals_asking_prior_by_prior(
    assign_rcnn: RCNNRule, iou: F64, limits: list[float], allow_low_quality: bool
) -> None:
    """The rule, one prior after another."""
    low, high = limits
    learned, ignored = naive_rcnn(iou, high, low, allow_low_quality)
    _check(assign_rcnn(iou, high, low, allow_low_quality), iou, learned, ignored)


_RESULT = (
    "Rows of the IoU matrix are priors, columns are objects. The result names for each prior the "
    "object that it learns (object_index, 0 where it learns none), whether it is positive, whether "
    "it is ignored, and which objects no prior learns."
)
_NOTHING = "Without objects every prior is background; an object that overlaps nothing gets none."

ASSIGN_SSD = Contract[SSDRule](
    "assign_ssd",
    ("iou", "threshold"),
    Conventions(
        rule=(
            "Of all pairs with IoU > 0 the highest is bound and both leave, until none is left: "
            "two objects never share a forced prior. Every other prior takes the object that it "
            f"overlaps most, if by the threshold. Nothing is ignored. {_RESULT}"
        ),
        ties=(
            "Of equal pairs the lowest object is bound first, then the lowest prior; a prior that "
            "overlaps several objects equally takes the lowest."
        ),
        thresholds="IoU >= threshold is positive; a forced prior needs IoU > 0 only.",
        undefined=_NOTHING,
    ),
    (ssd_equals_sorting_all_pairs, ssd_leaves_no_object_beside_a_free_prior),
)
ASSIGN_RCNN = Contract[RCNNRule](
    "assign_rcnn",
    ("iou", "high", "low", "allow_low_quality"),
    Conventions(
        rule=(
            "A prior takes the object that it overlaps most, if by high. With allow_low_quality "
            "every object also asks for the priors that it overlaps most; one that took nothing "
            "learns the object that asked, not the one that it overlaps most itself. The rest is "
            f"ignored from low on, and background below. {_RESULT}"
        ),
        ties=(
            "A prior takes the lowest of equal objects. An object asks for every prior that shares "
            "its highest IoU. Of several that ask, the highest IoU, then the lowest object gets it."
        ),
        thresholds="IoU >= high is positive, IoU >= low is ignored; asking needs IoU > 0.",
        undefined=_NOTHING,
    ),
    (rcnn_equals_asking_prior_by_prior,),
)

CONTRACTS = (ASSIGN_SSD, ASSIGN_RCNN)
