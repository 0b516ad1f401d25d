"""refdet, from columns and through the reader of COCO's lists."""

from __future__ import annotations

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Lists
from refdet.columns import DetectionColumns, ObjectColumns
from refdet.data.coco_json import coco_ground_truth, coco_results
from refdet.evaluate import coco_data


def from_arrays(arrays: Arrays) -> Answer:
    """The columns as they are."""
    return _judged(arrays.objects, arrays.detections)


def from_lists(lists: Lists) -> Answer:
    """The lists into columns, with all the checks that a file's entries get."""
    return _judged(coco_ground_truth(lists.ground_truth), coco_results(lists.results))


def _judged(objects: ObjectColumns, found: DetectionColumns) -> Answer:
    result = coco_data(objects, found).state().accumulate()
    return Answer(result.stats, result.precision, result.recall, result.scores)
