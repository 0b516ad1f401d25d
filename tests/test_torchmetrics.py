"""COCO's fake detections by torchmetrics and by us: why its default number is another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pytest
import torch

from refdet.core.coco_eval import CocoParams, CocoResult
from refdet.data.box_format import BoxFormat
from refdet.data.coco_json import read_coco_ground_truth, read_coco_results
from refdet.data.lists import columns_from_lists
from refdet.evaluate import coco_data

torchmetrics = pytest.importorskip(
    "torchmetrics.detection", reason="torchmetrics comes with the extra `peers` alone"
)

Rows: TypeAlias = Sequence[Mapping[str, object]]
Lists: TypeAlias = list[dict[str, torch.Tensor]]

DEFAULT_LEVELS = CocoParams(
    iou_thresholds=torch.linspace(0.5, 0.95, 10).tolist(),
    recall_levels=torch.linspace(0, 1, 101).tolist(),
)
"""Those of torchmetrics: multiples of .05 and of .01, rounded to float32."""


class Fake100(NamedTuple):
    """The COCO API's fake detections, and what is asked of both."""

    preds: Lists
    targets: Lists
    ours: CocoResult
    published: Mapping[str, float]


@pytest.fixture(scope="module")
def fake100(coco_fake100: Path) -> Fake100:
    truth, found = (
        json.loads((coco_fake100 / name).read_text()) for name in ("gt.json", "detections.json")
    )
    ids = sorted(image["id"] for image in truth["images"])
    targets = [in_image(truth["annotations"], id_, ("area", "iscrowd")) for id_ in ids]
    preds = [in_image(found, id_, ("score",)) for id_ in ids]
    columns = (
        read_coco_ground_truth(coco_fake100 / "gt.json"),
        read_coco_results(coco_fake100 / "detections.json"),
    )
    published = json.loads((coco_fake100 / "expected.json").read_text())["stats"]
    return Fake100(preds, targets, coco_data(*columns).match().state.accumulate(), published)


def in_image(rows: Rows, image_id: int, others: Sequence[str]) -> dict[str, torch.Tensor]:
    own = [row for row in rows if row["image_id"] == image_id]
    boxes = torch.tensor([row["bbox"] for row in own], dtype=torch.float64).reshape(-1, 4)
    values = {"boxes": boxes, "labels": torch.tensor([row["category_id"] for row in own]).long()}
    for key in others:
        value = torch.tensor([row[key] for row in own], dtype=torch.float64)
        values["scores" if key == "score" else key] = value.long() if key == "iscrowd" else value
    return values


def theirs(fake100: Fake100, **arguments: object) -> Mapping[str, torch.Tensor]:
    metric = torchmetrics.MeanAveragePrecision(box_format="xywh", **arguments)
    metric.update(fake100.preds, fake100.targets)
    computed: Mapping[str, torch.Tensor] = metric.compute()
    return computed


def from_lists(fake100: Fake100, params: CocoParams) -> CocoResult:
    columns = columns_from_lists(fake100.preds, fake100.targets, box_format=BoxFormat.XYWH)
    return coco_data(*columns).match(params).state.accumulate()


def assert_same_arrays(computed: Mapping[str, torch.Tensor], ours: CocoResult) -> None:
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(computed[name].numpy(), getattr(ours, name))


def test_torchmetrics_default_is_not_the_published_number(fake100: Fake100) -> None:
    assert round(theirs(fake100)["map"].item(), 4) == 0.5035
    assert round(fake100.published["AP"], 4) == 0.5046
    assert round(float(fake100.ours.stats[0]), 4) == 0.5046


def test_torchmetrics_gives_our_arrays_if_its_levels_are_float64(fake100: Fake100) -> None:
    arguments = {
        "iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(),
        "rec_thresholds": np.linspace(0, 1, 101).tolist(),
        "extended_summary": True,
    }
    assert_same_arrays(theirs(fake100, **arguments), from_lists(fake100, CocoParams()))


def test_evaluator_gives_torchmetrics_default_if_its_levels_are_float32(fake100: Fake100) -> None:
    computed = theirs(fake100, extended_summary=True)
    assert_same_arrays(computed, from_lists(fake100, DEFAULT_LEVELS))


def test_evaluator_gives_torchmetrics_micro_average_if_all_labels_are_0(fake100: Fake100) -> None:
    computed = theirs(fake100, average="micro", extended_summary=True)
    preds, targets = (
        [{**image, "labels": torch.zeros_like(image["labels"])} for image in images]
        for images in (fake100.preds, fake100.targets)
    )
    of_one_class = fake100._replace(preds=preds, targets=targets)
    assert_same_arrays(computed, from_lists(of_one_class, DEFAULT_LEVELS))
