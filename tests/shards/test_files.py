"""Several files, read by several processes, are judged as one file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import pytest

from refdet.columns import DetectionColumns
from refdet.data.coco_json import write_coco_results
from refdet.shards import (
    DetectionReader,
    Pool,
    evaluate_files,
    opened_pool,
    read_files,
)
from tests.shards.data_sets import (
    assert_same_bits,
    of_one_run,
    random_detections,
    random_objects,
    rows_of,
)

P = ParamSpec("P")
T = TypeVar("T")

OBJECTS = random_objects(5)
READER = DetectionReader(OBJECTS, ignore_unknown=True)
EVERYTHING = random_detections(OBJECTS, 5)
DETECTIONS = rows_of(
    EVERYTHING,
    np.flatnonzero(
        np.isin(EVERYTHING.image_ids, OBJECTS.images.ids)
        & np.isin(EVERYTHING.category_ids, OBJECTS.categories.ids)
    ),
)


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Pool]:
    with opened_pool(workers=2) as pool:
        yield pool


def written(folder: Path, parts: Sequence[DetectionColumns]) -> list[Path]:
    paths = [folder / f"part{place}.json" for place in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_coco_results(path, part)
    return paths


def by_image(detections: DetectionColumns) -> list[DetectionColumns]:
    """Three parts, as a sampler deals images out: every third."""
    place = np.searchsorted(np.sort(OBJECTS.images.ids), detections.image_ids)
    return [rows_of(detections, np.flatnonzero(place % 3 == part)) for part in range(3)]


def assert_same_rows(ours: DetectionColumns, theirs: DetectionColumns) -> None:
    for name in ("image_ids", "category_ids", "boxes_xywh", "scores"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)


def test_read_files_puts_one_file_after_the_other(two_processes: Pool, tmp_path: Path) -> None:
    parts = by_image(DETECTIONS)
    paths = written(tmp_path, parts)
    for order in ([0, 1, 2], [2, 0, 1]):
        joined, sentences = read_files([paths[place] for place in order], READER, two_processes)
        ids = np.concatenate([parts[place].image_ids for place in order])
        scores = np.concatenate([parts[place].scores for place in order])
        np.testing.assert_array_equal(joined.image_ids, ids)
        np.testing.assert_array_equal(joined.scores, scores)
        assert sentences == tuple(
            f"{paths[place]}: detections: coco (auto: a JSON list)" for place in order
        )


def test_read_files_of_one_file_says_nothing_else(tmp_path: Path) -> None:
    joined, sentences = read_files(written(tmp_path, [DETECTIONS]), READER)
    assert_same_rows(joined, DETECTIONS)
    assert sentences == ("detections: coco (auto: a JSON list)",)


def test_evaluate_files_split_by_image_equals_one_run(tmp_path: Path) -> None:
    paths = written(tmp_path, by_image(DETECTIONS))
    state, _ = evaluate_files(paths, READER, workers=2)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_evaluate_files_split_by_class_equals_one_run(tmp_path: Path) -> None:
    parts = [
        rows_of(DETECTIONS, np.flatnonzero(DETECTIONS.category_ids == label)) for label in (2, 7, 5)
    ]
    state, _ = evaluate_files(written(tmp_path, parts), READER)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_evaluate_files_counts_an_image_that_was_dealt_out_twice_once(tmp_path: Path) -> None:
    parts = by_image(DETECTIONS)
    padding = rows_of(parts[0], np.flatnonzero(parts[0].image_ids == parts[0].image_ids[0]))
    assert len(padding) > 10
    paths = written(tmp_path, [*parts, padding])
    state, sentences = evaluate_files(paths, READER)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))
    assert sentences[-1] == (
        f"left out: {len(padding)} detections repeated in a later file (images: 1)"
    )


def test_read_files_tells_the_file_and_the_entry(two_processes: Pool, tmp_path: Path) -> None:
    paths = written(tmp_path, by_image(EVERYTHING))
    strict = DetectionReader(OBJECTS)
    with pytest.raises(ValueError, match=r"part\d\.json, entry \d+: the ground truth has no"):
        read_files(paths, strict, two_processes)
    joined, sentences = read_files(paths, READER, two_processes)
    assert len(joined) == len(DETECTIONS)
    assert any(sentence.startswith(f"{paths[0]}: left out: ") for sentence in sentences)


def test_read_files_tells_that_a_file_is_not_there(two_processes: Pool, tmp_path: Path) -> None:
    paths = [*written(tmp_path, [DETECTIONS]), tmp_path / "absent.json"]
    with pytest.raises(ValueError, match=r"absent\.json is not there"):
        read_files(paths, READER, two_processes)


def test_read_files_needs_a_path() -> None:
    with pytest.raises(ValueError, match="no path of detections"):
        read_files([], READER)


class Elsewhere(Executor):
    """Does the tasks here, while other files lie in the folder: as a machine far away sees it."""

    def __init__(self, folder: Path, theirs: Path) -> None:
        self.folder, self.theirs = folder, theirs

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        away = self.folder.with_name("away")
        self.folder.rename(away)
        self.theirs.rename(self.folder)
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        self.folder.rename(self.theirs)
        away.rename(self.folder)
        return future


def test_read_files_reads_here_what_another_machine_does_not_see(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    parts = by_image(DETECTIONS)
    paths = written(ours, parts)
    # Of the three, one is another file there, one is not there, one is the same.
    write_coco_results(theirs / paths[0].name, rows_of(parts[0], slice(1, None)))
    (theirs / paths[2].name).hardlink_to(paths[2])
    joined, sentences = read_files(paths, READER, Pool(2, Elsewhere(ours, theirs)))
    assert len(sentences) == 3
    assert_same_bits(of_one_run(OBJECTS, joined), of_one_run(OBJECTS, DETECTIONS))
