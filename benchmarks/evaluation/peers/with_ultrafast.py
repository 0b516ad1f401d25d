"""ultrafast-pycocotools: Rust, threads by Rayon."""

from __future__ import annotations

from ultrafast_pycocotools import COCO, COCOeval

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Lists


def from_arrays(arrays: Arrays) -> Answer:
    """Results from pycocotools' (D, 7) array; ground truth it takes as dictionaries only."""
    truth = COCO(arrays.ground_truth, verbose=False)
    return _judged(truth, truth.loadRes(arrays.matrix))


def from_lists(lists: Lists) -> Answer:
    """As its README does it."""
    truth = COCO(lists.ground_truth, verbose=False)
    return _judged(truth, truth.loadRes(lists.results))


def _judged(truth: COCO, found: COCO) -> Answer:
    judge = COCOeval(truth, found, "bbox", print_function=_quiet)
    judge.run()
    curves = judge.eval
    return Answer(judge.stats, curves["precision"], curves["recall"], curves["scores"])


def _quiet(*_: object) -> None:
    pass
