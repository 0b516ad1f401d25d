"""Single functions of the libraries whose suites judge evaluators: overlaps, and one AP."""

from __future__ import annotations

import functools

import pytest

from refdet.conformance.running import Verdict, examples, run_target
from tests.conformance.suite_runs import pinned_suite

LIBRARIES = ("pycocotools", "faster-coco-eval", "ultrafast", "hotcoco", "torchmetrics")
GIVE_LISTS = LIBRARIES[:3]
RULES = ("iou_matrix", "ioa_matrix", "average_precision_coco")
NO_PAIR = "iou_matrix/no-boxes-against-two"


@functools.cache
def verdicts(name: str) -> dict[tuple[str, str], Verdict]:
    """What is said of each check of each function, by label and name."""
    suite = pinned_suite(name)
    functions = [target for target in suite.targets if target.contract in RULES]
    assert functions
    with examples(20):
        return {
            (target.label, outcome.check): outcome.verdict
            for target in functions
            for outcome in run_target(target, suite.register)
        }


def held(name: str, target: str) -> set[str]:
    return {
        check for (label, check), one in verdicts(name).items() if (label, one) == (target, "held")
    }


@pytest.mark.parametrize("name", LIBRARIES)
def test_functions_break_what_the_register_says_and_nothing_else(name: str) -> None:
    said = verdicts(name).items()
    assert [one for one, verdict in said if verdict in (Verdict.BROKEN, Verdict.GONE)] == []


@pytest.mark.parametrize("name", LIBRARIES[:4])
def test_mask_iou_is_right_where_boxes_are_boxes(name: str) -> None:
    ending = ", reshaped" if name in GIVE_LISTS else ""
    assert held(name, f"mask.iou{ending}") >= {
        "iou_equals_counting_unit_cells",
        "is_symmetric",
        "iou_matrix/boxes-without-area",
        "iou_matrix/int32-60000-pixels",
        "iou_matrix/pycocotools",
    }
    assert held(name, f"mask.iou of crowds{ending}") >= {
        "ioa_equals_counting_unit_cells",
        "ioa_matrix/pycocotools",
    }


@pytest.mark.parametrize("name", GIVE_LISTS)
def test_mask_iou_gives_a_list_where_there_is_no_pair(name: str) -> None:
    assert verdicts(name)["mask.iou", NO_PAIR] is Verdict.KNOWN
    assert verdicts(name)["mask.iou, reshaped", NO_PAIR] is Verdict.HELD


def test_mask_iou_of_hotcoco_gives_a_matrix_where_there_is_no_pair() -> None:
    assert verdicts("hotcoco")["mask.iou", NO_PAIR] is Verdict.HELD


def test_average_precision_of_hotcoco_is_right_where_there_are_objects() -> None:
    name = "hotcoco.metrics:average_precision"
    assert held("hotcoco", name) >= {
        "average_precision_coco/pycocotools-9-of-15",
        "average_precision_coco/pycocotools-ties",
        "average_precision_coco/zigzag",
    }
    assert verdicts("hotcoco")[name, "average_precision_coco/no-object"] is Verdict.KNOWN


def test_iou_of_torchmetrics_is_square_without_detections_and_nan_without_area() -> None:
    said, name = verdicts("torchmetrics"), "intersection_over_union"
    assert said[name, NO_PAIR] is Verdict.KNOWN
    assert said[name, "iou_matrix/boxes-without-area"] is Verdict.KNOWN
    assert "is_symmetric" in held("torchmetrics", name)
