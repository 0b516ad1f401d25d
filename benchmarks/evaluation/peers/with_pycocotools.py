"""pycocotools takes arrays too, but turns them into dictionaries one number at a time."""

from __future__ import annotations

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Lists


def from_lists(lists: Lists) -> Answer:
    """As its demo does it."""
    truth = COCO()
    truth.dataset = lists.ground_truth
    truth.createIndex()
    judge = COCOeval(truth, truth.loadRes(lists.results), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    found = judge.eval
    return Answer(judge.stats, found["precision"], found["recall"], found["scores"])
