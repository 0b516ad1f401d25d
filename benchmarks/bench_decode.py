"""From a network's output to detections, beside torchvision's loop and the notebook's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.random import Generator
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.ssd import SSD

from benchmarks.bench_nms import by_a_loop
from benchmarks.speed import notebook
from benchmarks.speed.inputs import BATCH, N_CLASSES, SSD_WEIGHTS, ssd300_priors
from benchmarks.speed.task import Arrays, Case, Implementation, Inputs, Task, Trial, trials
from refdet.records import F64
from refdet.torch_ops.postprocess import PaddedDetections, decode_detections

N_PRIORS = 8732
MIN_SCORE, IOU_THRESHOLD, TOP_K_BEFORE_NMS, TOP_K = 0.01, 0.45, 400, 200


def case(name: str, candidates: int, background: float) -> Case:
    """A batch in which a class has a score if its logit is some 4.6 less than the background's."""

    def make(rng: Generator) -> Inputs:
        logits = rng.normal(0, 1, (BATCH, N_PRIORS, 1 + N_CLASSES))
        logits[..., 0] = background
        return logits, rng.normal(0, 1, (BATCH, N_PRIORS, 4)), ssd300_priors()

    return Case(name, BATCH * candidates, make)


def by_refdet(logits: Tensor, deltas: Tensor, priors: Tensor) -> PaddedDetections:
    return decode_detections(
        logits,
        deltas,
        priors,
        SSD_WEIGHTS,
        width=1.0,
        height=1.0,
        min_score=MIN_SCORE,
        iou_threshold=IOU_THRESHOLD,
        top_k_before_nms=TOP_K_BEFORE_NMS,
        top_k=TOP_K,
    )


# What `SSD.postprocess_detections` reads of the network.
SETTINGS = SimpleNamespace(
    box_coder=BoxCoder(SSD_WEIGHTS),
    score_thresh=MIN_SCORE,
    topk_candidates=TOP_K_BEFORE_NMS,
    nms_thresh=IOU_THRESHOLD,
    detections_per_img=TOP_K,
)


def by_torchvision(logits: Tensor, deltas: Tensor, priors: Tensor) -> object:
    outputs = {"bbox_regression": deltas, "cls_logits": logits}
    n_images = len(logits)
    return SSD.postprocess_detections(SETTINGS, outputs, [priors] * n_images, [(1, 1)] * n_images)


def by_the_notebook(
    logits: F64, deltas: F64, priors: F64, most: int | None = None
) -> list[dict[str, Tensor]]:
    """Image by image and class by class, a class's candidates into one matrix: all, or `most`."""
    scores = torch.from_numpy(logits).softmax(dim=2)
    found = []
    for image_scores, image_deltas in zip(scores, torch.from_numpy(deltas), strict=True):
        boxes = notebook.decode(image_deltas, torch.from_numpy(priors)).clamp(0, 1)
        parts = []
        for label in range(1, image_scores.shape[1]):
            score = image_scores[:, label]
            rows = (score > MIN_SCORE).nonzero().squeeze(1)
            rows = rows[score[rows].argsort(descending=True)[:most]] if most else rows
            rows = rows[notebook.nms(boxes[rows], score[rows], IOU_THRESHOLD)]
            parts.append((boxes[rows], score[rows], torch.full_like(rows, label)))
        box, score, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        best = score.argsort(descending=True)[:TOP_K]
        found.append({"boxes": box[best], "scores": score[best], "labels": labels[best]})
    return found


def by_a_loop_in_numpy(logits: F64, deltas: F64, priors: F64) -> Arrays:
    """The oracle: image by image and class by class; each detection's image, label, score, box."""
    powers = np.exp(logits)
    scores = powers / powers.sum(axis=2, keepdims=True)
    size = priors[:, 2:] - priors[:, :2]
    centre = (priors[:, :2] + priors[:, 2:]) / 2 + deltas[..., :2] / SSD_WEIGHTS[:2] * size
    half = np.exp(deltas[..., 2:] / SSD_WEIGHTS[2:]) * size / 2
    boxes = np.concatenate([centre - half, centre + half], axis=2).clip(0, 1)
    found = []
    for image, (image_boxes, image_scores) in enumerate(zip(boxes, scores, strict=True)):
        parts = []
        for label, score in enumerate(image_scores.T[1:]):
            rows = np.argsort(-score, kind="stable")[:TOP_K_BEFORE_NMS]
            rows = rows[score[rows] >= MIN_SCORE]
            rows = rows[by_a_loop(image_boxes[rows], score[rows], IOU_THRESHOLD)]
            parts += [(image, label, score[row], *image_boxes[row]) for row in rows]
        found += sorted(parts, key=lambda one: -one[2])[:TOP_K]
    table = np.array(found)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3:]


def of_padded(found: object) -> Arrays:
    assert isinstance(found, PaddedDetections)
    boxes, scores, labels = (part.cpu() for part in found[:3])
    image, place = (labels >= 0).nonzero(as_tuple=True)
    parts = image, labels[image, place], scores[image, place], boxes[image, place]
    return tuple(part.numpy() for part in parts)


def of_lists(found: object) -> Arrays:
    assert isinstance(found, list)
    images = [np.full(len(one["scores"]), image) for image, one in enumerate(found)]
    labels, scores, boxes = (
        torch.cat([one[name] for one in found]).cpu().numpy()
        for name in ("labels", "scores", "boxes")
    )
    return np.concatenate(images), labels - 1, scores, boxes


DECODE = Task(
    family="decode",
    name="decode_detections",
    unit="candidates",
    cases=(
        case("ssd300-batch8-109-candidates", 109, background=7.24),
        case("ssd300-batch8-13k-candidates", 13_000, background=4.54),
    ),
    implementations=(
        Implementation("refdet.torch_ops", by_refdet, answer=of_padded),
        # In float32, and on CUDA, it rounds scores and overlaps.
        Implementation("torchvision", by_torchvision, answer=of_lists, may_differ=True),
        # In float64 on the CPU alone: a call takes seconds.
        Implementation("notebook", by_the_notebook, takes_arrays=True, answer=of_lists),
        # The notebooks had no limit before NMS, which is most of what they lose by.
        Implementation(
            f"notebook, top-k {TOP_K_BEFORE_NMS}",
            partial(by_the_notebook, most=TOP_K_BEFORE_NMS),
            takes_arrays=True,
            answer=of_lists,
        ),
    ),
    oracle=by_a_loop_in_numpy,
)


@pytest.mark.parametrize("trial", trials(DECODE))
def test_decode(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
