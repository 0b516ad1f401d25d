"""Judging a network changes nothing, and counts every image once."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from refdet.data.dataset import Batch, collate
from refdet.detecting import detect_images
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.models.detector import DetectionSettings, RawDetections
from refdet.models.runtime import NumberFormat
from refdet.records import AnnotatedImage, Detections, GroundTruth
from refdet.training.engine import Engine
from refdet.training.preparing import prepare_process, prepare_run
from refdet.training.processes import World
from refdet.training.random_states import random_states
from refdet.training.validation import as_detections, evaluation_mode
from tests.training.runs import N_VAL, assert_same_tensors, tiny_configs

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["ssd300", "faster-rcnn"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A run that has taken a step, so that the optimiser remembers something."""
    config = tiny_configs(tmp_path_factory.mktemp("run"))[request.param]
    prepare_process(config, World())
    engine, _ = prepare_run(config, CPU, World(), lambda: False, lambda _text: None)
    assert engine.stepper.step([next(iter(engine.loader))], ["first"]) is not None
    return engine


def everything(engine: Engine) -> dict[str, object]:
    """A copy of all that training goes on with."""
    stepper = engine.stepper
    network = stepper.detector.network
    now: dict[str, object] = {
        "network": dict(network.state_dict()),
        "gradients": {name: p.grad for name, p in network.named_parameters() if p.requires_grad},
        "optimizer": stepper.optimizer.state_dict(),
        "schedule": stepper.schedule.state_dict(),
        "scaler": stepper.scaler.state_dict(),
        "random": random_states(CPU),
        "modes": {name: module.training for name, module in network.named_modules()},
        "gradients wanted": {name: p.requires_grad for name, p in network.named_parameters()},
        "may have gradients": torch.is_grad_enabled(),
        "progress": vars(engine.progress),
    }
    return deepcopy(now)


def set_mixed_modes(engine: Engine) -> None:
    """Training mode, but for every third module, as frozen ones may be."""
    for place, module in enumerate(engine.stepper.detector.network.modules()):
        module.training = place % 3 != 0


def test_validator_changes_nothing(engine: Engine) -> None:
    set_mixed_modes(engine)
    before = everything(engine)
    judgement = engine.validator(engine.stepper.detector)
    assert judgement is not None
    assert_same_tensors(everything(engine), before)


def test_validator_says_the_same_whatever_was_drawn_before(engine: Engine) -> None:
    detector = engine.stepper.detector
    engine.stepper.network.train()
    first = engine.validator(detector)
    torch.rand(5)
    np.random.random(5)  # noqa: NPY002 - the global one is meant
    second = engine.validator(detector)
    assert first is not None
    assert second is not None
    assert first.losses == second.losses
    assert first.evaluation.mean_ap == second.evaluation.mean_ap


def judged_as_the_notebook_does(engine: Engine) -> None:
    network = engine.stepper.detector.network
    network.train()  # torchvision gives losses in this mode only
    with torch.no_grad():
        batch = collate([engine.validator.dataset[0]])
        engine.stepper.detector.losses(batch.images, batch.boxes_xyxy, batch.labels)


@pytest.mark.parametrize(
    "change",
    [
        judged_as_the_notebook_does,
        lambda _engine: torch.rand(1),
        lambda _engine: np.random.random(),  # noqa: NPY002 - the global one is meant
        lambda engine: engine.stepper.optimizer.zero_grad(),
        lambda engine: next(engine.stepper.network.children()).eval(),
    ],
)
def test_the_comparison_of_everything_notices(
    engine: Engine, change: Callable[[Engine], object]
) -> None:
    engine.stepper.network.train()
    engine.stepper.step([next(iter(engine.loader))], ["again"])
    before = everything(engine)
    change(engine)
    with pytest.raises(AssertionError):
        assert_same_tensors(everything(engine), before)


def test_validator_gives_the_mean_losses_of_all_images(engine: Engine) -> None:
    detector, validator = engine.stepper.detector, engine.validator
    judgement = validator(detector)
    assert judgement is not None
    assert N_VAL == 3
    assert validator.batch_size == 2
    totals: dict[str, float] = {}
    detector.network.eval()
    for indices in ([0, 1], [2]):
        batch = collate([validator.dataset[index] for index in indices])
        losses, _ = detector.judge(
            batch.images, batch.boxes_xyxy, batch.labels, DetectionSettings()
        )
        for name, loss in losses.items():
            totals[name] = totals.get(name, 0.0) + len(indices) * float(loss)
    want = {name: total / 3 for name, total in totals.items()}
    want["loss"] = sum(want.values())
    assert judgement.losses.keys() == want.keys()
    assert len(want) > 2
    for name, value in want.items():
        assert judgement.losses[name] == pytest.approx(value, rel=1e-12), name


def test_validator_judges_what_infer_finds(engine: Engine) -> None:
    detector, validator = engine.stepper.detector, engine.validator
    judgement = validator(detector)
    assert judgement is not None
    found: list[Detections] = []
    detect_images(
        detector,
        validator.images,
        DetectionSettings(),
        found.append,
        batch_size=2,
        number_format=NumberFormat.FP32,
    )
    assert sum(map(len, found)) > 0
    truth = [image.ground_truth for image in validator.images]
    want = evaluate_split(
        truth, found, validator.class_names, split="val", settings=EvaluationSettings()
    )
    assert judgement.evaluation.split == "val"
    np.testing.assert_equal(
        [judgement.evaluation.mean_ap, judgement.evaluation.mean_ap50],
        [want.mean_ap, want.mean_ap50],
    )
    assert judgement.evaluation.false_positives == want.false_positives


def test_validator_that_is_interrupted_gives_up_and_changes_nothing(engine: Engine) -> None:
    set_mixed_modes(engine)
    asked = []

    def after_the_first_batch() -> bool:
        asked.append(True)
        return len(asked) == 2

    before = everything(engine)
    validator = replace(engine.validator, interrupted=after_the_first_batch)
    assert validator(engine.stepper.detector) is None
    assert len(asked) == 2
    assert_same_tensors(everything(engine), before)
    assert replace(validator, interrupted=lambda: False)(engine.stepper.detector) is not None


def test_evaluation_mode_puts_modes_back_after_an_error(engine: Engine) -> None:
    set_mixed_modes(engine)
    network = engine.stepper.detector.network
    before = [module.training for module in network.modules()]
    assert len(set(before)) == 2

    def fail() -> None:
        with evaluation_mode(network):
            assert not any(module.training for module in network.modules())
            assert not torch.is_grad_enabled()
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert [module.training for module in network.modules()] == before
    assert torch.is_grad_enabled()


def annotated(name: str, width: int, height: int) -> AnnotatedImage:
    nothing = GroundTruth(
        name, width, height, np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    )
    return AnnotatedImage(Path(name), nothing)


def raw(*rows: tuple[float, ...]) -> RawDetections:
    values: Tensor = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    return RawDetections(values[:, :4], values[:, 4], values[:, 5].long())


def test_as_detections_scales_boxes_to_the_image_as_annotated() -> None:
    images = [annotated("a.png", 640, 480), annotated("b.png", 10, 10), annotated("c.png", 300, 30)]
    seen = [torch.zeros(3, 300, 300), torch.zeros(3, 60, 200)]
    # The first of the batch is the third image, the second is the first.
    batch = Batch(seen, [], [], [2, 0])
    found = [
        raw((30, 60, 150, 300, 0.9, 1), (0, 0, 300, 300, 0.3, 0)),
        raw((50, 15, 200, 60, 0.5, 2)),
    ]
    first, second = as_detections(found, batch, images)
    assert (first.image, second.image) == ("c.png", "a.png")
    np.testing.assert_allclose(first.boxes_xyxy, [[30, 6, 150, 30], [0, 0, 300, 30]], rtol=1e-15)
    np.testing.assert_allclose(second.boxes_xyxy, [[160, 120, 640, 480]], rtol=1e-15)
    assert first.scores.tolist() == [0.9, 0.3]
    assert first.labels.tolist() == [1, 0]
    assert second.labels.tolist() == [2]


def test_as_detections_of_nothing_is_empty() -> None:
    batch = Batch([torch.zeros(3, 300, 300)], [], [], [0])
    (nothing,) = as_detections([raw()], batch, [annotated("a.png", 640, 480)])
    assert len(nothing) == 0
    assert nothing.image == "a.png"
