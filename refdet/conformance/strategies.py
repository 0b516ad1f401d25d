"""What Hypothesis invents for the contracts: boxes, scores, labels, small enough to read."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

NO_BOX: F64 = np.zeros((0, 4))
"""No box at all, which is legal everywhere."""

EMPTY_BOX: F64 = np.array([[3.0, 3.0, 3.0, 3.0]])
"""One box without width and height."""

UNIT_BOX: F64 = np.array([[0.0, 0.0, 1.0, 1.0]])


def boxes_xyxy(
    count: int | None = None, max_count: int = 4, side: int = 8, min_size: int = 0
) -> st.SearchStrategy[F64]:
    """Boxes with integer corners in 0..side: few enough values that ties and touches are common.

    Args:
        count: how many boxes; by default any number up to `max_count`.
        max_count: the most boxes.
        side: the largest coordinate.
        min_size: the smallest width and height; 0 allows empty boxes.
    """

    def ordered(corners: F64) -> F64:
        low = np.minimum(np.minimum(corners[:, :2], corners[:, 2:]), side - min_size)
        high = np.maximum(np.maximum(corners[:, :2], corners[:, 2:]), low + min_size)
        return np.concatenate([low, high], axis=1)

    counts = st.integers(0, max_count) if count is None else st.just(count)
    corners = counts.flatmap(
        lambda n: hnp.arrays(np.float64, (n, 4), elements=st.integers(0, side).map(float))
    )
    return corners.map(ordered)


def fractional_boxes_xyxy(
    count: int | None = None, max_count: int = 4, side: float = 1000.0, min_size: float = 0.0
) -> st.SearchStrategy[F64]:
    """Boxes with float32 corners in 0..side, where rounding shows; arguments as `boxes_xyxy`."""
    whole = boxes_xyxy(count, max_count, side=2**20, min_size=0)

    def scaled(boxes: F64) -> F64:
        fractional = (boxes / 2**20 * side).astype(np.float32).astype(np.float64)
        fractional[:, 2:] = np.maximum(fractional[:, 2:], fractional[:, :2] + min_size)
        return fractional

    return whole.map(scaled)


def iou_values(max_rows: int = 4, max_columns: int = 4, steps: int = 10) -> st.SearchStrategy[F64]:
    """An IoU matrix with entries k / steps: ties, zeros and ones are common."""
    shapes = st.tuples(st.integers(0, max_rows), st.integers(0, max_columns))
    return shapes.flatmap(
        lambda shape: hnp.arrays(
            np.float64, shape, elements=st.integers(0, steps).map(lambda k: k / steps)
        )
    )


def tied_scores(count: int, steps: int = 5) -> st.SearchStrategy[F64]:
    """`count` scores k / steps: ties are common."""
    return hnp.arrays(np.float64, (count,), elements=st.integers(0, steps).map(lambda k: k / steps))


def distinct_scores(count: int) -> st.SearchStrategy[F64]:
    """`count` scores in (0, 1), no two equal."""
    return st.permutations(range(1, count + 1)).map(lambda order: np.array(order) / (count + 1.0))


def labels(count: int, n_classes: int = 3) -> st.SearchStrategy[I64]:
    """`count` foreground labels in 0..n_classes - 1."""
    return hnp.arrays(np.int64, (count,), elements=st.integers(0, n_classes - 1))
