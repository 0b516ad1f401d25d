"""Whole data sets as columns, invented by Hypothesis, and their equality, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns

IDS = st.integers(-(2**63), 2**63 - 1)  # in the billions too
NAMES = st.text(max_size=4)
# Ignored where area and box are rounded to float32 elsewhere; every float64 bit must survive.
COORDINATES = st.floats(-1e9, 1e9)
SIDES = st.floats(0, 1e9)


def _tables(n: int) -> st.SearchStrategy[tuple[NDArray[np.int64], tuple[str, ...]]]:
    ids = st.lists(IDS, min_size=n, max_size=n, unique=True).map(lambda v: np.array(v, np.int64))
    names = st.lists(NAMES, min_size=n, max_size=n, unique=True).map(tuple)
    return st.tuples(ids, names)


@st.composite
def image_tables(draw: st.DrawFn) -> ImageTable:
    n = draw(st.integers(0, 4))
    sizes = draw(hnp.arrays(np.int64, (n, 2), elements=st.integers(0, 9999)))
    return ImageTable(*draw(_tables(n)), sizes)


@st.composite
def category_tables(draw: st.DrawFn) -> CategoryTable:
    return CategoryTable(*draw(_tables(draw(st.integers(0, 3)))))


def _boxes(draw: st.DrawFn, n: int) -> NDArray[np.float64]:
    corners = draw(hnp.arrays(np.float64, (n, 2), elements=COORDINATES))
    return np.hstack([corners, draw(hnp.arrays(np.float64, (n, 2), elements=SIDES))])


def _picked(draw: st.DrawFn, ids: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    rows = st.sampled_from(ids.tolist()) if len(ids) else st.nothing()
    return np.array(draw(st.lists(rows, min_size=n, max_size=n)), np.int64)


@st.composite
def object_columns(draw: st.DrawFn) -> ObjectColumns:
    """Up to 6 objects of up to 3 classes in up to 4 images."""
    images, categories = draw(image_tables()), draw(category_tables())
    n = draw(st.integers(0, 6)) if len(images) and len(categories) else 0
    return ObjectColumns(
        images,
        categories,
        _picked(draw, images.ids, n),
        _picked(draw, categories.ids, n),
        _boxes(draw, n),
        draw(hnp.arrays(np.float64, n, elements=SIDES)),
        draw(hnp.arrays(np.bool_, n)),
        draw(hnp.arrays(np.bool_, n)),
    )


@st.composite
def detection_columns(draw: st.DrawFn) -> DetectionColumns:
    """Up to 6 detections of any image and class, scores of any scale."""
    n = draw(st.integers(0, 6))
    ids = hnp.arrays(np.int64, n, elements=IDS)
    scores = draw(
        hnp.arrays(np.float64, n, elements=st.floats(allow_nan=False, allow_infinity=False))
    )
    return DetectionColumns(draw(ids), draw(ids), _boxes(draw, n), scores)


def assert_same(got: object, want: object, without: Sequence[str] = ()) -> None:
    """Two columns or tables of one type hold the same bits in the same dtypes."""
    assert type(got) is type(want)
    for field in fields(want):  # type: ignore[arg-type]  # both are dataclasses
        mine, theirs = getattr(got, field.name), getattr(want, field.name)
        if field.name in without:
            continue
        if isinstance(theirs, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            assert mine.shape == theirs.shape, field.name
            assert mine.tobytes() == theirs.tobytes(), f"{field.name}: {mine} != {theirs}"
        elif isinstance(theirs, tuple):
            assert mine == theirs, field.name
        else:
            assert_same(mine, theirs)
