"""COCO's lines beside what pycocotools itself prints."""

from __future__ import annotations

import contextlib
import io

import pytest
from pycocotools.cocoeval import COCOeval

from fixtures.from_tools.pycocotools_run import Annotation, run_coco_eval
from refdet.report.coco_lines import coco_lines

# Objects of each size; found in part, in part not quite, so that most of the numbers differ.
OBJECTS: list[Annotation] = [
    {"image_id": 0, "category_id": 0, "bbox": [0, 0, 10, 10]},
    {"image_id": 0, "category_id": 0, "bbox": [50, 50, 20, 20]},
    {"image_id": 0, "category_id": 1, "bbox": [100, 0, 50, 50]},
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 200, 200]},
]
DETECTIONS: list[Annotation] = [
    {"image_id": 0, "category_id": 0, "bbox": [0, 0, 10, 9], "score": 0.9},
    {"image_id": 0, "category_id": 0, "bbox": [51, 50, 19, 16], "score": 0.8},
    {"image_id": 0, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.7},
    {"image_id": 0, "category_id": 1, "bbox": [100, 0, 40, 45], "score": 0.6},
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 200, 120], "score": 0.5},
]


def printed(evaluation: COCOeval) -> list[str]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        evaluation.summarize()
    return text.getvalue().splitlines()


@pytest.mark.parametrize(
    ("objects", "detections"),
    [
        (OBJECTS, DETECTIONS),
        (OBJECTS[:2], DETECTIONS),  # -1 of medium and of large objects
        (OBJECTS[3:], DETECTIONS),
        (OBJECTS, []),
        ([], DETECTIONS),
    ],
)
def test_coco_lines_are_those_of_pycocotools(
    objects: list[Annotation], detections: list[Annotation]
) -> None:
    evaluation = run_coco_eval(2, 2, objects, detections)
    assert coco_lines(evaluation.stats.tolist()) == printed(evaluation)


def test_coco_lines_say_how_many_detections_were_judged() -> None:
    evaluation = run_coco_eval(2, 2, OBJECTS, DETECTIONS)
    evaluation.params.maxDets = [1, 10, 1000]
    evaluation.evaluate()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    want = printed(evaluation)
    got = coco_lines(evaluation.stats.tolist(), 1000)
    assert got[1:] == want[1:]
    # The first line of pycocotools is of 100 detections, which were not asked for.
    assert want[0].endswith("| maxDets=100 ] = -1.000")
    assert got[0].endswith("| maxDets=1000 ] = -1.000")


@pytest.mark.parametrize(("limit", "want"), [(100, (1, 10, 100)), (7, (1, 7, 7)), (1, (1, 1, 1))])
def test_coco_lines_of_recall_name_their_limits(limit: int, want: tuple[int, ...]) -> None:
    lines = coco_lines([0.5] * 12, limit)
    assert [int(line.partition("maxDets=")[2].partition("]")[0]) for line in lines] == [
        *[limit] * 6,
        *want,
        *[limit] * 3,
    ]


def test_coco_lines_refuse_another_number_of_numbers() -> None:
    with pytest.raises(ValueError, match="12 numbers, got 3"):
        coco_lines([0.5] * 3)
