"""Files that share images: other classes are added, repetitions count once, all else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from refdet.columns import DetectionColumns
from refdet.shards.joining import join_files
from tests.data.small_columns import detections_of, objects_of

OBJECTS = objects_of(names=("a.png", "b.jpg"), classes=("cat", "dog"))
PATHS = [Path(name) for name in ("one.json", "two.json", "three.json")]

Row = tuple[int, int, int, float]
"""Row of the image, row of the class, width of the box, score."""
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 2), st.sampled_from([0.5, 1.0])),
    max_size=3,
)


def columns(rows: list[Row]) -> DetectionColumns:
    boxes = [(0.0, 0.0, float(width), 3.0) for _, _, width, _ in rows]
    images, labels = [row[0] for row in rows], [row[1] for row in rows]
    return detections_of(OBJECTS, boxes, images, labels, [row[3] for row in rows])


def joined_one_by_one(files: list[list[Row]]) -> tuple[list[Row], int] | None:
    """The rule, class by class in image by image: the rows and how many were left out, or None."""
    kept, left_out = [list(rows) for rows in files], 0
    for image, label in ((image, label) for image in range(2) for label in range(2)):
        pieces = [[row for row in rows if row[:2] == (image, label)] for rows in files]
        holders = [place for place, piece in enumerate(pieces) if piece]
        for place in holders[1:]:
            if pieces[place] != pieces[holders[0]]:
                return None
            kept[place] = [row for row in kept[place] if row[:2] != (image, label)]
            left_out += len(pieces[place])
    return [row for rows in kept for row in rows], left_out


CAT, DOG = (0, 0, 1, 0.5), (0, 1, 1, 0.5)
BETTER, WIDER, ELSEWHERE = (0, 0, 1, 1.0), (0, 0, 2, 0.5), (1, 0, 1, 0.5)


@given(files=st.lists(ROWS, min_size=1, max_size=3))
@example(files=[[]])
@example(files=[[], []])
@example(files=[[CAT], [ELSEWHERE]])
@example(files=[[CAT], [DOG]])
@example(files=[[CAT], [DOG, CAT]])
@example(files=[[CAT, BETTER], [BETTER, CAT]])
@example(files=[[CAT, BETTER], [CAT]])
@example(files=[[CAT], [CAT, BETTER]])
@example(files=[[CAT], [WIDER]])
@example(files=[[CAT, CAT], [CAT, CAT], [CAT, CAT]])
@example(files=[[DOG, CAT], [CAT], [ELSEWHERE, CAT, DOG]])
def test_join_files_equals_going_through_them_one_by_one(files: list[list[Row]]) -> None:
    want = joined_one_by_one(files)
    parts = [columns(rows) for rows in files]
    if want is None:
        with pytest.raises(ValueError, match="hold different detections of class"):
            join_files(parts, PATHS, OBJECTS)
        return
    joined, sentences = join_files(parts, PATHS, OBJECTS)
    rows, left_out = want
    theirs = columns(rows)
    for name in ("image_ids", "category_ids", "boxes_xywh", "scores"):
        ours = getattr(joined, name)
        np.testing.assert_array_equal(ours, getattr(theirs, name), strict=True)
    assert len(sentences) == (left_out > 0)
    assert all(sentence.startswith(f"left out: {left_out} ") for sentence in sentences)


@given(files=st.lists(ROWS, min_size=2, max_size=3))
def test_join_files_takes_the_same_file_twice_as_once(files: list[list[Row]]) -> None:
    rows = files[0]
    assume(rows)
    joined, (sentence,) = join_files([columns(rows)] * 3, PATHS, OBJECTS)
    np.testing.assert_array_equal(joined.scores, columns(rows).scores)
    n_images = len({image for image, *_ in rows})
    assert sentence == (
        f"left out: {2 * len(rows)} detections repeated in a later file (images: {n_images})"
    )


def test_join_files_names_the_files_the_class_and_the_image() -> None:
    files = [[ELSEWHERE, DOG], [ELSEWHERE], [DOG, DOG, ELSEWHERE]]
    with pytest.raises(ValueError, match="hold different") as caught:
        join_files([columns(rows) for rows in files], PATHS, OBJECTS)
    assert str(caught.value) == (
        "one.json and three.json hold different detections of class 'dog' in image 'a.png'; if "
        "these are parts of one answer, write them into one file; if they are two answers, take "
        "them one at a time"
    )


def test_join_files_names_the_file_that_differs_of_several() -> None:
    files = [[CAT, DOG], [CAT], [CAT, BETTER]]
    with pytest.raises(ValueError, match=r"^one\.json and three\.json hold .* class 'cat' "):
        join_files([columns(rows) for rows in files], PATHS, OBJECTS)
