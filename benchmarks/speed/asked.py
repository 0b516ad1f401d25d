"""What was asked of `refdet.torch_ops` before it was written, beside what a run measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from benchmarks.evaluation.tables import markdown
from benchmarks.speed.matches import EVEN
from benchmarks.speed.runs import Row, Run
from benchmarks.speed.units import multiple, seconds

OURS = "refdet.torch_ops"
THROUGHPUT = "make bench-throughput"


@dataclass(frozen=True)
class Asked:
    """A goal.

    Attributes:
        what: in words.
        function, case: of the benchmark; the function is `THROUGHPUT` for what is timed by that.
        peer: who is to take so many times as long; empty for a time.
        least: how many times; or the seconds that ours may take.
        on_gpu: whether it is a goal for CUDA devices.
    """

    what: str
    function: str
    case: str
    peer: str
    least: float
    on_gpu: bool = False

    @property
    def goal(self) -> str:
        """In a table's cell."""
        if not self.peer:
            return f"at most {seconds(self.least)}"
        return f"≥ {self.least:g}x {self.peer}" if self.least != 1 else f"> 1x {self.peer}"

    def reached(self, ours: Row, peer: Row) -> bool:
        """Whether a row of ours does it; without a peer it is given twice."""
        if not self.peer:
            return ours.median <= self.least
        ratio = peer.median / ours.median
        return ratio > 1 if self.least == 1 else ratio >= self.least


LOSSES = (
    ("loss of 8 x 8,732 priors", "multibox_loss", "ssd300-batch8-x-145-gt"),
    (
        "loss of 8 x 8,732 priors, and gradient",
        "multibox_loss and gradient",
        "ssd300-batch8-x-145-gt",
    ),
    ("loss of 8 images from their 145 boxes", "from boxes to loss", "ssd300-batch8-x-145-gt"),
    (
        "loss of 8 images from their 145 boxes, and gradient",
        "from boxes to gradient",
        "ssd300-batch8-x-145-gt",
    ),
)
MANY, FEW = (
    (
        f"decoding 8 images, {n} candidates each",
        "decode_detections",
        f"ssd300-batch8-{n}-candidates",
    )
    for n in ("13k", "109")
)
EVERY_PRIOR = ("NMS of 8,732 boxes", "nms", "ssd300-every-prior")
ASKED = (
    *(Asked(*loss, "notebook", 2.0) for loss in LOSSES),
    Asked(*MANY, "notebook", 40.0),
    Asked(*FEW, "notebook", 1.0),
    *(Asked(*size, "torchvision", 1.0) for size in (MANY, FEW)),
    Asked(*EVERY_PRIOR, "torchvision", 1 - EVEN),
    Asked(
        "NMS of many small classes",
        "batched_nms",
        "coco-candidates-80-classes",
        "torchvision",
        1.0,
    ),
    *(Asked(*loss, "notebook", 10.0, on_gpu=True) for loss in LOSSES),
    *(Asked(*size, "torchvision", 1.0, on_gpu=True) for size in (MANY, FEW)),
    Asked("evaluation as large as COCO val", "evaluate_coco", "coco-val2017", "", 0.015, True),
    Asked("SSD300, images trained a second", THROUGHPUT, "", "torchvision", 1.5, True),
    Asked("SSD300, images inferred a second", THROUGHPUT, "", "torchvision", 2.0, True),
)


def asked_table(run: Run) -> str:
    """A line for each goal; empty where the run, of a part, has none of them."""
    if not {goal.function for goal in ASKED} & {row.function for row in run.rows}:
        return ""
    lines = [
        [goal.what, "GPU" if goal.on_gpu else "CPU", goal.goal, *measured(goal, run)]
        for goal in ASKED
    ]
    return markdown(["asked", "on", "goal", "measured", "reached"], lines)


def measured(goal: Asked, run: Run) -> tuple[str, str]:
    """What was measured, each dtype and device, and whether that is enough everywhere."""
    pairs = list(_pairs(goal, run))
    if pairs:
        parts = (f"{ours.dtype} {_figure(goal, ours, peer)}" for ours, peer in pairs)
        enough = all(goal.reached(*pair) for pair in pairs)
        return ", ".join(parts), "yes" if enough else "**no**"
    if goal.on_gpu and all(device.name == "cpu" for device in run.devices):
        return "not measured: no accelerator", "?"
    if goal.function == THROUGHPUT:
        return f"by `{THROUGHPUT}`", "?"
    return "not in this run", "?"


def _figure(goal: Asked, ours: Row, peer: Row) -> str:
    return multiple(peer.median / ours.median) if goal.peer else seconds(ours.median)


def _pairs(goal: Asked, run: Run) -> Iterator[tuple[Row, Row]]:
    """Our row and the peer's, of each dtype and device that both ran."""
    rows = [
        row
        for row in run.rows
        if (row.function, row.case, row.device != "cpu") == (goal.function, goal.case, goal.on_gpu)
    ]
    names = OURS, goal.peer or OURS
    for ours, peer in product(rows, rows):
        if ours.group == peer.group and (ours.implementation, peer.implementation) == names:
            yield ours, peer
