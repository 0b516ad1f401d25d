"""`make bench-throughput`: what is refused before it is timed, who is timed when, and the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.throughput import pipeline, run
from benchmarks.throughput.checks import check_detects, check_trains
from benchmarks.throughput.inputs import batches
from benchmarks.throughput.run import Plan, lines_of
from benchmarks.throughput.sides import Architecture, Found, Ours, Setup, Side, Theirs
from benchmarks.throughput.timing import Line, rows, timed
from refdet.data.dataset import Batch
from refdet.models.detector import DetectionSettings
from refdet.models.faster_rcnn import FasterRCNNDetector
from refdet.models.faster_rcnn_network import build_network
from refdet.models.faster_rcnn_spec import Backbone, FasterRCNNSpec
from refdet.models.ssd_detector import SSD300Detector
from tests.training.runs import assert_same_tensors

CPU = torch.device("cpu")
N_CLASSES = 3
SMALL = (48, 64)


def step_of(side: FakeSide, _batch: Batch) -> float:
    """A step as it should be."""
    side.network.zero_grad()
    loss: Tensor = side.network(torch.ones(1, 2)).square().sum()
    loss.backward()
    with torch.no_grad():
        for parameter in side.network.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.01 * parameter.grad)
    return loss.item()


def found_of(*rows: tuple[float, float, float, float, float, int]) -> Found:
    """Rows of box, score, label."""
    return (
        torch.tensor([row[:4] for row in rows]).reshape(-1, 4),
        torch.tensor([row[4] for row in rows]),
        torch.tensor([row[5] for row in rows], dtype=torch.int64),
    )


GOOD = found_of((0, 0, 64, 48, 0.9, 2), (1, 2, 3, 4, 0.5, 0))
NONE = found_of()


class FakeSide(Side):
    """A side that does what it is told."""

    name = "fake"
    setup = Setup(CPU)

    def __init__(
        self, step: Callable[[FakeSide, Batch], float] = step_of, found: Found = GOOD
    ) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Linear(2, 2)
        self._step, self._found, self._min_score = step, found, 0.0

    def step(self, batch: Batch) -> float:
        return self._step(self, batch)

    def detect(self, images: Sequence[Tensor]) -> list[Found]:
        return [NONE if self._min_score == 1 else self._found for _ in images]

    def set_min_score(self, value: float) -> None:
        self._min_score = value


@pytest.fixture(scope="module")
def inputs() -> list[Batch]:
    return batches(SMALL, N_CLASSES, 2, CPU)


def test_batches_differ_and_have_boxes_in_their_images(inputs: list[Batch]) -> None:
    assert not torch.equal(inputs[0].images[0], inputs[1].images[0])
    for batch in inputs:
        assert [tuple(image.shape) for image in batch.images] == [(3, *SMALL)] * 2
        for image_boxes, labels in zip(batch.boxes_xyxy, batch.labels, strict=True):
            sides = image_boxes[:, 2:] - image_boxes[:, :2]
            assert bool((sides >= torch.tensor([6.3, 4.7])).all())
            assert bool((image_boxes >= 0).all())
            assert bool((image_boxes <= torch.tensor([64.0, 48.0, 64.0, 48.0])).all())
            assert set(labels.tolist()) <= set(range(N_CLASSES))


def test_checks_accept_a_side_that_does_its_work(inputs: list[Batch]) -> None:
    check_trains(FakeSide(), inputs[0])
    check_detects(FakeSide(), inputs[0], N_CLASSES)


def without_backward(_side: FakeSide, _batch: Batch) -> float:
    return 1.0


def without_step(side: FakeSide, _batch: Batch) -> float:
    side.network(torch.ones(1, 2)).square().sum().backward()
    return 1.0


def with_nan(side: FakeSide, batch: Batch) -> float:
    step_of(side, batch)
    return math.nan


def without_gradient(side: FakeSide, _batch: Batch) -> float:
    (0 * side.network(torch.ones(1, 2))).sum().backward()
    return 1.0


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (without_backward, "no parameter has a gradient"),
        (without_step, "step 0 moved no weight"),
        (with_nan, "the loss of step 0 is nan"),
        (without_gradient, r"the largest gradient is 0\.0"),
    ],
)
def test_check_trains_refuses_what_does_not_learn(
    inputs: list[Batch], step: Callable[[FakeSide, Batch], float], message: str
) -> None:
    with pytest.raises(AssertionError, match=f"fake: {message}"):
        check_trains(FakeSide(step), inputs[0])


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (NONE, "finds nothing"),
        (found_of((0, 0, 65, 48, 0.9, 2)), ".* in an image of 64 x 48"),
        (found_of((0, 0, 9, 9, 0.5, 2), (0, 0, 9, 9, 0.9, 2)), "scores are not sorted"),
        (found_of((0, 0, 9, 9, 1.5, 2)), r"scores beyond \[0, 1\]"),
        (found_of((0, 0, 9, 9, 0.5, 3)), "labels beyond classes"),
        (found_of((0, 0, 9, 9, 0.5, -1)), "labels beyond classes"),
        ((GOOD[0], GOOD[1][:1], GOOD[2]), r"boxes \(2, 4\) for 1 scores"),
    ],
)
def test_check_detects_refuses_what_is_no_detection(
    inputs: list[Batch], found: Found, message: str
) -> None:
    with pytest.raises(AssertionError, match=f"fake: {message}"):
        check_detects(FakeSide(found=found), inputs[0], N_CLASSES)


def test_timed_lets_sides_take_turns_and_does_not_count_the_first() -> None:
    now, order = [0.0], []

    def taking(name: str, seconds: float) -> Callable[[int], None]:
        def step(number: int) -> None:
            order.append(f"{name}{number}")
            # The first turn compiles.
            now[0] += seconds + 100 * (number < 2)

        return step

    sides = {"a": taking("a", 1.0), "b": taking("b", 4.0)}
    lines = timed("task", sides, 8, CPU, steps=2, turns=2, clock=lambda: now[0])
    assert order == ["a0", "a1", "b0", "b1", "a2", "a3", "b2", "b3", "a4", "a5", "b4", "b5"]
    assert lines == [Line("task", "a", (8.0, 8.0)), Line("task", "b", (2.0, 2.0))]


def test_rows_divide_our_median_by_theirs() -> None:
    lines = [
        Line("training", "refdet (fp32)", (10.0, 30.0, 20.0)),
        Line("training", "torchvision (fp32)", (8.0, 4.0, 9.0)),
        Line("inference", "torchvision (fp32)", (1.0,)),
    ]
    assert rows(lines, "refdet") == [
        ["training", "refdet (fp32)", "20", "10 .. 30", ""],
        ["training", "torchvision (fp32)", "8", "4 .. 9", "2.50x"],
        ["inference", "torchvision (fp32)", "1", "1 .. 1", ""],
    ]


def small_sides() -> list[Side]:
    """What is timed, on small networks; the second is torchvision's as far as it can be."""
    torch.manual_seed(0)
    spec = FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=48, max_size=64)
    network = build_network(spec)
    return [
        Ours(FasterRCNNDetector(spec), Setup(CPU), DetectionSettings()),
        Theirs(network, network.roi_heads, Setup(CPU)),
    ]


def test_lines_of_times_every_task_of_sides_that_pass_the_checks(inputs: list[Batch]) -> None:
    sides = small_sides()
    for side in sides:
        check_detects(side, inputs[0], N_CLASSES)
        check_trains(side, inputs[0])
    plan = Plan(CPU, ("train", "infer"), 2, 1, 1, 0, ())
    lines = [line for task in lines_of("small", sides, inputs, plan) for line in task]
    tasks = ["inference, finds nothing", "inference, finds everything", "training"]
    assert [(line.task, line.side) for line in lines] == [
        (f"small {task}", f"{name} (fp32)") for task in tasks for name in ("refdet", "torchvision")
    ]
    assert all(len(line.rates) == 1 and line.rate > 0 for line in lines)


def test_ours_trains_and_detects_with_ssd300() -> None:
    inputs = batches((300, 300), N_CLASSES, 2, CPU)
    detector = SSD300Detector(N_CLASSES, width=0.125, priors="coco")
    side = Ours(detector, Setup(CPU, channels_last=True), DetectionSettings())
    check_detects(side, inputs[0], N_CLASSES)
    check_trains(side, inputs[0])


@pytest.mark.parametrize("name", run.NAMES)
def test_architecture_gives_both_sides_the_same_weights(name: str) -> None:
    architecture = Architecture(name, (300, 300), N_CLASSES)
    ours = architecture.ours(Setup(CPU))
    theirs = architecture.theirs(Setup(CPU), ours)
    assert type(theirs.network).__module__.startswith("torchvision.")
    pairs = zip(ours.network.parameters(), theirs.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    trained = [p.requires_grad for p in ours.network.parameters()]
    assert [p.requires_grad for p in theirs.network.parameters()] == trained


@pytest.mark.parametrize("name", run.NAMES)
def test_input_pipelines_serve_batches(name: str, tmp_path: Path) -> None:
    images = pipeline.write_images(tmp_path, N_CLASSES, 4)
    ours = partial(pipeline.ours_for_training, images, name, 2, 0)
    plain, *others = (
        ours(**options)(0)
        for options in (
            {},
            {"cache": True},
            {"cache_file": tmp_path / "decoded"},
            {"cache_file": tmp_path / "decoded", "augment_on": CPU},
        )
    )
    assert isinstance(plain, Batch)
    assert len(plain.images) == 2
    for other in others:
        assert_same_tensors(other, plain)
    theirs = pipeline.theirs_for_training(images, name, 2, 0)(0)
    inferred = pipeline.ours_for_inference(images, name, 2, 1)(0)
    assert isinstance(theirs, list)
    assert isinstance(inferred, list)
    for served in (theirs, inferred):
        assert len(served) == 2
    for image, _, _ in theirs:
        assert image.dtype == torch.float32
        assert 0 <= float(image.min()) < 0.5 < float(image.max()) <= 1
