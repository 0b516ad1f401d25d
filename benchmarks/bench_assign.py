"""Assignment: `core` and `torch_ops` beside torchvision's matchers, the notebook's and a loop.

Each side has the matrix of IoU as its own callers make it: `refdet`'s detectors make
`iou_matrix(objects, priors).mT`, and torchvision's take (objects, priors). The callers of `core`,
of the notebook and of the loops have (priors, objects).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.random import Generator
from torch import Tensor
from torchvision.models.detection._utils import Matcher, SSDMatcher

from benchmarks.speed import notebook
from benchmarks.speed.inputs import (
    BATCH,
    apart_objects,
    pyramid_anchors,
    random_boxes,
    ssd300_priors,
)
from benchmarks.speed.task import Arrays, Case, Implementation, Inputs, Task, Trial, trials
from refdet.core import assign as core
from refdet.core.iou import iou_matrix
from refdet.records import F64, I64
from refdet.torch_ops import assign as torch_ops

THRESHOLD = 0.5


class Rule(NamedTuple):
    """Faster R-CNN's, as a part of it takes it."""

    high: float
    low: float
    allow_low_quality: bool


BOX_HEAD = Rule(0.5, 0.5, allow_low_quality=False)
RPN = Rule(0.7, 0.3, allow_low_quality=True)


def apart(batch: int, count: int) -> Case:
    """Objects that all prefer different priors, so that every matcher finds the same."""

    def make(rng: Generator) -> Inputs:
        priors = ssd300_priors()
        return (np.stack([iou_matrix(x, priors) for x in apart_objects(rng, batch, count)]),)

    return Case(f"ssd300-batch{batch}-x-{count}-gt", batch * 8732 * count, make)


def crowded(rng: Generator) -> Inputs:
    """Objects that compete: torchvision's matcher and the notebook's would lose some."""
    return (iou_matrix(random_boxes(rng, 145), ssd300_priors())[None],)


def anchors(rng: Generator) -> Inputs:
    """Objects that lie apart, since torchvision's matcher gives an anchor to its best object.

    It is to give it to the one that asked; where objects compete it solves an easier problem.
    """
    return (iou_matrix(apart_objects(rng, 1, 20)[0], pyramid_anchors()),)


def proposals(rng: Generator) -> Inputs:
    return (iou_matrix(random_boxes(rng, 20), random_boxes(rng, 2000)),)


def by_prior(iou: F64) -> tuple[F64]:
    """A row for each prior, as NumPy's callers have it."""
    return (np.ascontiguousarray(iou.swapaxes(-1, -2)),)


def tensor_by_prior(iou: Tensor) -> Inputs:
    """The same of a tensor."""
    return (iou.mT.contiguous(),)


def a_view_by_prior(iou: Tensor) -> Inputs:
    """A row for each prior, whose objects lie apart in memory."""
    return (iou.mT,)


def learned(found: object) -> Arrays:
    """The object of each prior; -1 for background, -2 for what is ignored."""
    several = found if isinstance(found, list) else [found]
    rows = [_learned(one) for one in several]
    return (np.stack(rows) if isinstance(found, list) else rows[0],)


def _learned(found: object) -> I64:
    assert isinstance(found, core.Assignment | torch_ops.Assignment)
    index, positive, ignored = (
        np.asarray(torch.as_tensor(part).cpu())
        for part in (found.object_index, found.positive, found.ignored)
    )
    return np.where(ignored, -2, np.where(positive, index, -1))


def ssd_by_a_greedy_loop(images: F64) -> I64:
    """An argmax of the whole matrix for each object, as the rule is usually written."""
    return np.stack([_greedy(iou) for iou in images])


def _greedy(iou: F64) -> I64:
    left = iou.copy()
    assigned = np.where(iou.max(axis=1) >= THRESHOLD, iou.argmax(axis=1), -1)
    for _ in range(iou.shape[1]):
        prior, thing = np.unravel_index(left.argmax(), left.shape)
        if left[prior, thing] <= 0:
            break
        assigned[prior] = thing
        left[prior, :] = left[:, thing] = 0
    return assigned


def ssd_by_core(images: F64) -> list[core.Assignment]:
    return [core.assign_ssd(iou, THRESHOLD) for iou in images]


def ssd_by_torchvision(images: Tensor) -> Tensor:
    matcher = SSDMatcher(THRESHOLD)
    return torch.stack([matcher(iou) for iou in images])


def ssd_by_the_notebook(images: Tensor) -> Tensor:
    return torch.stack([notebook.assign(iou, THRESHOLD) for iou in images])


def ssd_greedily_in_torch(images: Tensor) -> Tensor:
    """`ssd_by_a_greedy_loop` on tensors of any dtype, on any device."""
    return torch.stack([_greedily(iou) for iou in images])


def _greedily(iou: Tensor) -> Tensor:
    left, (best, assigned) = iou.clone(), iou.max(dim=1)
    assigned = torch.where(best >= THRESHOLD, assigned, -1)
    for _ in range(iou.shape[1]):
        prior, thing = divmod(int(left.argmax()), iou.shape[1])
        if left[prior, thing] <= 0:
            break
        assigned[prior] = thing
        left[prior, :] = 0
        left[:, thing] = 0
    return assigned


def rcnn_by_rows(rule: Rule) -> Callable[[F64], I64]:
    """Every prior by itself: its best object, the one that asks for it, background, or neither."""

    def assigned(iou: F64) -> I64:
        most = iou.max(axis=0)
        return np.array([_by_row(row, most, rule) for row in iou])

    return assigned


def _by_row(row: F64, most: F64, rule: Rule) -> int:
    best = int(row.argmax())
    if row[best] >= rule.high:
        return best
    if rule.allow_low_quality:
        asking = np.flatnonzero((row == most) & (row > 0))
        if len(asking):
            return int(asking[row[asking].argmax()])
    return -1 if row[best] < rule.low else -2


SSD = [
    Implementation("refdet.core", ssd_by_core, takes_arrays=True, prepare=by_prior, answer=learned),
    Implementation(
        "refdet.torch_ops",
        lambda iou: torch_ops.assign_ssd(iou, THRESHOLD),
        prepare=a_view_by_prior,
        answer=learned,
    ),
]
LOOP = Implementation(
    "loop", ssd_by_a_greedy_loop, takes_arrays=True, prepare=by_prior, largest=8732 * 145
)
ASSIGN = Task(
    family="assign",
    name="assign_ssd",
    unit="pairs",
    cases=(apart(1, 12), apart(1, 145), apart(BATCH, 145)),
    implementations=(
        *SSD,
        Implementation("torchvision", ssd_by_torchvision),
        Implementation("notebook", ssd_by_the_notebook, prepare=tensor_by_prior),
        LOOP,
    ),
    oracle=lambda iou: ssd_by_a_greedy_loop(*by_prior(iou)),
)
COMPETING = Task(
    family="assign",
    name="assign_ssd of objects that compete",
    unit="pairs",
    cases=(Case("ssd300-priors-x-gt", 8732 * 145, crowded),),
    implementations=(
        *SSD,
        Implementation("notebook", ssd_greedily_in_torch, prepare=tensor_by_prior),
        LOOP,
    ),
    oracle=lambda iou: ssd_by_a_greedy_loop(*by_prior(iou)),
)


def rcnn(name: str, rule: Rule, case: Case) -> Task:
    """`assign_rcnn` as one part of Faster R-CNN calls it."""
    by_rows = rcnn_by_rows(rule)
    return Task(
        family="assign",
        name=f"assign_rcnn of {name}",
        unit="pairs",
        cases=(case,),
        implementations=(
            Implementation(
                "refdet.core",
                lambda iou: core.assign_rcnn(iou, *rule),
                takes_arrays=True,
                prepare=by_prior,
                answer=learned,
            ),
            Implementation(
                "refdet.torch_ops",
                lambda iou: torch_ops.assign_rcnn(iou, *rule),
                prepare=a_view_by_prior,
                answer=learned,
            ),
            Implementation("torchvision", Matcher(*rule)),
            Implementation("loop", by_rows, takes_arrays=True, prepare=by_prior, largest=100_000),
        ),
        oracle=lambda iou: by_rows(*by_prior(iou)),
    )


RCNN = (
    rcnn("proposals", BOX_HEAD, Case("box-head-proposals-x-gt", 2000 * 20, proposals)),
    rcnn("anchors", RPN, Case("rpn-anchors-x-gt", 217_413 * 20, anchors)),
)


@pytest.mark.parametrize("trial", trials(ASSIGN, COMPETING, *RCNN))
def test_assign(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
