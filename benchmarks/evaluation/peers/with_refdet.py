"""refdet, from columns and through the reader of COCO's lists."""

from __future__ import annotations

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Lists
from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.coco_eval import evaluate_coco
from refdet.data.coco_json import coco_ground_truth, coco_results


def from_arrays(arrays: Arrays) -> Answer:
    """The columns as they are."""
    return _judged(arrays.objects, arrays.detections)


def from_lists(lists: Lists) -> Answer:
    """The lists into columns, with all the checks that a file's entries get."""
    return _judged(coco_ground_truth(lists.ground_truth), coco_results(lists.results))


def _judged(objects: ObjectColumns, found: DetectionColumns) -> Answer:
    result = evaluate_coco(
        gt_image_ids=objects.image_ids,
        gt_labels=objects.category_ids,
        gt_boxes_xywh=objects.boxes_xywh,
        gt_area=objects.area,
        gt_crowd=objects.crowd,
        gt_ignore=objects.ignore,
        dt_image_ids=found.image_ids,
        dt_labels=found.category_ids,
        dt_boxes_xywh=found.boxes_xywh,
        dt_scores=found.scores,
        image_ids=objects.images.ids,
        category_ids=objects.categories.ids,
    )
    return Answer(result.stats, result.precision, result.recall, result.scores)
