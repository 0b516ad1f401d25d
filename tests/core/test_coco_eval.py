"""`evaluate_coco` beside pycocotools: the arrays bit for bit, on random data and on COCO's own."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from fixtures.from_tools.pycocotools_run import run_on_columns
from refdet.core.coco_eval import CocoParams, CocoResult
from tests.core.coco_cases import (
    IS_LONG,
    Columns,
    as_pycocotools,
    data_of,
    evaluate,
    random_columns,
    random_params,
)

F64 = NDArray[np.float64]

pytestmark = pytest.mark.filterwarnings("error")

BLOCKS = 20
CASES_PER_BLOCK = 250 if IS_LONG else 10


def assert_same_arrays(got: CocoResult, theirs: COCOeval, where: str) -> None:
    for name in ("precision", "recall", "scores"):
        array, want = getattr(got, name), theirs.eval[name]
        assert array.dtype == np.float64
        assert np.array_equal(array, want), f"{where}: {name} at {np.argwhere(array != want)[:3]}"


def twelve_numbers(theirs: COCOeval) -> F64:
    """pycocotools' own, with the first at the largest number of detections instead of at 100."""
    with contextlib.redirect_stdout(io.StringIO()):
        theirs.summarize()
    stats: F64 = theirs.stats
    in_all = theirs.eval["precision"][..., theirs.params.areaRngLbl.index("all"), 2]
    defined = in_all[in_all > -1]
    stats[0] = np.mean(defined) if defined.size else -1
    return stats


def compare(seed: int, columns: Columns, params: CocoParams) -> None:
    got = evaluate(columns, params)
    theirs = run_on_columns(columns, as_pycocotools(params), seed=seed)
    assert_same_arrays(got, theirs, f"case {seed}")
    if len(params.max_detections) == 3:
        assert np.array_equal(got.stats, twelve_numbers(theirs)), f"case {seed}: stats"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_evaluate_coco_equals_pycocotools_on_random_cases(block: int) -> None:
    for seed in range(block * CASES_PER_BLOCK, (block + 1) * CASES_PER_BLOCK):
        rng = np.random.default_rng(seed)
        compare(seed, random_columns(rng), random_params(rng))


@pytest.mark.parametrize("limits", [1, 2, 5])
def test_evaluate_coco_equals_pycocotools_for_any_number_of_limits(limits: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(1_000_000 + seed)
        compare(seed, random_columns(rng), random_params(rng, limits=limits))


@pytest.mark.parametrize("origin", [1e4, 1e6, 1e9, 1e15])
def test_evaluate_coco_equals_pycocotools_where_the_rounding_of_corners_shows(
    origin: float,
) -> None:
    """Sides of about one unit in the last place of the coordinates: x + width may be anything."""
    sides = np.array([0.6, 0.75, 1.0, 1.4, 3.0, 1e9])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        corner = origin * (1 + rng.random(2))
        unit = float(np.spacing(corner.max()))
        columns = random_columns(rng)
        for side in ("gt", "dt"):
            n = len(columns[f"{side}_labels"])
            boxes = [corner + rng.integers(0, 3, (n, 2)) * unit, rng.choice(sides, (n, 2)) * unit]
            columns[f"{side}_boxes_xywh"] = np.hstack(boxes)
        compare(seed, columns, random_params(rng))


@pytest.mark.parametrize(("block", "portion"), [(1, 1), (4, 1), (4, 10), (30, 5)])
def test_evaluate_coco_does_not_depend_on_its_portions(
    block: int, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So few pairs as a random case has are matched all at once, unless a portion is smaller."""
    for seed in range(0, 60, 2):
        rng = np.random.default_rng(seed)
        columns, params = random_columns(rng), random_params(rng)
        whole = evaluate(columns, params)
        with monkeypatch.context() as patch:
            patch.setattr("refdet.core.coco_eval.BLOCK", block)
            patch.setattr("refdet.core.coco_eval.PORTION", portion)
            parts, matches = evaluate(columns, params), data_of(columns).match(params)
        for result in (parts, matches.state.accumulate()):
            for name in ("precision", "recall", "scores", "stats"):
                assert np.array_equal(getattr(result, name), getattr(whole, name)), (seed, name)
        at_once = data_of(columns).match(params)
        for name in ("all", *(name for name, _, _ in params.area_ranges[1:])):
            pair = (m.outcomes(params.iou_thresholds[0], name) for m in (matches, at_once))
            got, want = (outcome.object_row.tolist() for outcome in pair)
            assert got == want, (seed, name)


def test_random_cases_hold_what_makes_evaluation_hard() -> None:
    found: dict[str, int] = dict.fromkeys(("crowd", "ties", "empty", "unsorted", "overflow"), 0)
    found |= dict.fromkeys(("huge", "words", "agnostic", "unknown", "busy", "late"), 0)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        columns, params = random_columns(rng), random_params(rng)
        images, scores = columns["dt_image_ids"], columns["dt_scores"]
        _, size = np.unique(images, return_counts=True)
        found["crowd"] += bool(columns["gt_crowd"].any())
        found["ties"] += len(np.unique(scores)) < len(scores)
        found["empty"] += not len(scores) or not len(columns["gt_area"])
        found["unsorted"] += bool((np.diff(images.astype(np.float64)) < 0).any())
        found["overflow"] += size.max(initial=0) > params.max_detections[-1]
        found["huge"] += bool((np.abs(columns["image_ids"].astype(np.float64)) > 2e9).any())
        bits = len(params.area_ranges) * (16 if len(params.iou_thresholds) <= 16 else 32)
        found["words"] += bits > 64
        found["agnostic"] += params.class_agnostic
        found["unknown"] += bool((~np.isin(images, columns["image_ids"])).any())
        found["busy"] += len(columns["image_ids"]) == 1 and len(columns["gt_area"]) > 5
        found["late"] += params.recall_levels[0] > 0
    assert min(found.values()) >= 10, found


def test_evaluate_coco_gives_the_published_numbers_of_fake100(coco_fake100: Path) -> None:
    truth = json.loads((coco_fake100 / "gt.json").read_text())
    found = json.loads((coco_fake100 / "detections.json").read_text())
    columns = {
        **side("gt", truth["annotations"]),
        **side("dt", found),
        "gt_area": np.array([row["area"] for row in truth["annotations"]]),
        "gt_crowd": np.array([row["iscrowd"] == 1 for row in truth["annotations"]]),
        "dt_scores": np.array([row["score"] for row in found]),
        "image_ids": np.array([image["id"] for image in truth["images"]]),
        "category_ids": np.array([category["id"] for category in truth["categories"]]),
    }
    got = evaluate(columns)
    expected = json.loads((coco_fake100 / "expected.json").read_text())
    names = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
    names += ["AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large"]
    want = [expected["stats"][name] for name in names]
    assert np.abs(got.stats - want).max() <= expected["tolerance"]
    theirs = run_on_columns(columns, {})
    assert_same_arrays(got, theirs, "fake100")
    assert np.array_equal(got.stats, twelve_numbers(theirs))


def side(name: str, rows: list[Mapping[str, object]]) -> Columns:
    return {
        f"{name}_image_ids": np.array([row["image_id"] for row in rows]),
        f"{name}_labels": np.array([row["category_id"] for row in rows]),
        f"{name}_boxes_xywh": np.array([row["bbox"] for row in rows], np.float64),
    }


def test_evaluate_coco_takes_the_largest_limit_where_pycocotools_wants_100() -> None:
    columns = random_columns(np.random.default_rng(3))
    for limits in ((7,), (2, 7), (1, 2, 3, 7)):
        got = evaluate(columns, CocoParams(max_detections=limits))
        want = evaluate(columns, CocoParams(max_detections=(1, 2, 7)))
        assert got.stats[0] > 0
        assert np.array_equal(got.stats[[0, 1, 2, 3, 8, 9]], want.stats[[0, 1, 2, 3, 8, 9]])


def test_evaluate_coco_names_the_classes() -> None:
    columns = random_columns(np.random.default_rng(3))
    ids = np.unique(columns["category_ids"])
    got = evaluate(columns)
    assert got.category_ids.tolist() == ids.tolist()
    one = evaluate(columns, CocoParams(class_agnostic=True))
    assert one.category_ids.tolist() == [-1]
