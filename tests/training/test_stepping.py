"""One step: what a broken loss, a broken gradient, accumulation and clipping do to the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from refdet.data.dataset import Batch
from refdet.models.detector import DetectionSettings, Detector, Forward, RawDetections
from refdet.models.runtime import NumberFormat
from refdet.training.processes import World
from refdet.training.stepping import LossSums, Stepper, summed

T = TypeVar("T")

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
"""As in a run: the schedule goes on where the first step is skipped."""


class Line(nn.Module):
    """One weight, whose gradient is the mean of what it is shown, and a bystander's statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm1d(1, affine=False)

    def forward(self, shown: Tensor) -> Tensor:
        self.norm(torch.cat([shown, shown + 1]))
        return (self.weight * shown).mean()


class LineDetector(Detector):
    architecture = "line"

    def __init__(self) -> None:
        self.network = Line()
        self.description = {}

    def losses(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        forward: Forward | None = None,
    ) -> dict[str, Tensor]:
        loss = (forward or self.network)(torch.stack(list(images)))
        assert isinstance(loss, Tensor)
        return {"half": loss / 2, "other_half": loss / 2}

    def detect(self, images: Sequence[Tensor], settings: DetectionSettings) -> list[RawDetections]:
        raise NotImplementedError

    def judge(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        settings: DetectionSettings,
    ) -> tuple[dict[str, Tensor], list[RawDetections]]:
        raise NotImplementedError


def batch(*values: float) -> Batch:
    empty = [torch.zeros(0) for _ in values]
    images = [torch.tensor([value]) for value in values]
    return Batch(images, empty, empty, list(range(len(values))))


@pytest.fixture
def stepper() -> Callable[..., Stepper]:
    def make(clip_norm: float = 100.0, max_skipped: int = 2, fp16: bool = False) -> Stepper:
        detector = LineDetector()
        optimizer = torch.optim.SGD(detector.network.parameters(), lr=1.0)
        return Stepper(
            detector,
            detector.network,
            optimizer,
            torch.optim.lr_scheduler.StepLR(optimizer, 1000),
            GradScaler("cpu", enabled=fp16),
            NumberFormat.FP32,
            clip_norm,
            max_skipped,
            World(),
        )

    return make


def weight(stepper: Stepper) -> float:
    return float(next(stepper.network.parameters()).detach())


def test_step_moves_against_the_mean_gradient(stepper: Callable[..., Stepper]) -> None:
    one = stepper()
    one.step([batch(1.0, 3.0)], ["a", "b"])
    assert weight(one) == -2.0
    assert one.step([batch(1.0, 3.0)], ["a", "b"]) == {
        "loss": -4.0,
        "half": -2.0,
        "other_half": -2.0,
    }


def test_step_accumulates_batches_to_their_mean(stepper: Callable[..., Stepper]) -> None:
    one = stepper()
    one.step([batch(1.0, 3.0), batch(10.0)], ["a", "b", "c"])
    assert weight(one) == -(2.0 + 10.0) / 2


def test_step_clips_the_gradient(stepper: Callable[..., Stepper]) -> None:
    one = stepper(clip_norm=0.5)
    one.step([batch(3.0)], ["a"])
    assert weight(one) == pytest.approx(-0.5, abs=1e-5)


@pytest.mark.parametrize("fp16", [False, True])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_step_skips_what_is_not_finite(
    stepper: Callable[..., Stepper], broken: float, fp16: bool
) -> None:
    one = stepper(fp16=fp16)
    one.step([batch(1.0)], ["a"])
    before = weight(one)
    # inf * 0 is nan: the loss; the notebook's scaler crashed at the step after a skipped one.
    assert one.step([batch(broken)], ["b"]) is None
    assert weight(one) == before
    assert one.skipped_in_a_row == 1
    assert one.step([batch(1.0)], ["c"]) is not None
    assert one.skipped_in_a_row == 0
    assert weight(one) == before - 1


def test_step_skips_when_one_accumulated_batch_is_broken(stepper: Callable[..., Stepper]) -> None:
    one = stepper()
    assert one.step([batch(1.0), batch(math.nan)], ["a", "b"]) is None
    assert weight(one) == 0.0
    one.step([batch(2.0)], ["c"])
    assert weight(one) == -2.0  # nothing is left of the first batch's gradient


def test_step_skipped_leaves_batch_norm_as_it_was(stepper: Callable[..., Stepper]) -> None:
    one = stepper()
    one.step([batch(1.0)], ["a"])
    norm = one.detector.network.get_submodule("norm")
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    assert one.step([batch(2.0), batch(math.nan)], ["b", "c"]) is None
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name]), name
    one.step([batch(5.0)], ["d"])
    assert not torch.equal(norm.state_dict()["running_mean"], before["running_mean"])


def test_step_skips_a_gradient_that_overflows(stepper: Callable[..., Stepper]) -> None:
    one = stepper(fp16=True)
    # The scale of 65,536 makes this gradient, not the loss (the weight is 0), infinite.
    assert one.step([batch(1e36)], ["a"]) is None
    assert weight(one) == 0.0
    scale = one.scaler.get_scale()
    assert scale < 65_536
    assert one.step([batch(1.0)], ["b"]) is not None
    assert weight(one) == -1.0


def noting(
    name: str, done: Callable[[Tensor], object], events: list[str]
) -> Callable[[Tensor], object]:
    def noted(tensor: Tensor) -> object:
        events.append(name)
        return done(tensor)

    return noted


@pytest.mark.parametrize("second", [2.0, math.nan])
def test_step_reads_once_after_the_gradients_of_all_its_batches(
    stepper: Callable[..., Stepper], monkeypatch: pytest.MonkeyPatch, second: float
) -> None:
    # Each of these waits for a GPU, which has nothing to do until more is given to it.
    events: list[str] = []
    for name in ("tolist", "item", "__bool__", "__float__"):
        monkeypatch.setattr(Tensor, name, noting(name, getattr(Tensor, name), events))
    one = stepper()
    next(one.network.parameters()).register_hook(lambda _: events.append("backward"))
    one.step([batch(1.0), batch(second)], ["a", "b"])
    assert events == ["backward", "backward", "tolist"]


def test_step_skips_when_the_loss_of_another_process_is_broken(
    stepper: Callable[..., Stepper],
) -> None:
    class BesideABrokenOne(World):
        def gather(self, value: T) -> list[T]:
            return [value]

        def any(self, flag: bool) -> bool:
            asked.append(flag)
            return True

    asked: list[bool] = []
    one = stepper(max_skipped=0)
    one.world = BesideABrokenOne()
    with pytest.raises(ValueError, match=r"the last with \. Look"):  # none of its own
        one.step([batch(1.0), batch(2.0)], ["a.png", "b.png"])
    assert weight(one) == 0.0
    assert asked == [False]  # once, however many batches: every process asks as often


def test_step_with_a_broken_loss_leaves_the_scale_of_fp16_alone(
    stepper: Callable[..., Stepper],
) -> None:
    one = stepper(fp16=True)
    one.step([batch(1.0)], ["a"])
    scale = one.scaler.get_scale()
    assert one.step([batch(math.nan)], ["b"]) is None
    assert one.step([batch(1.0), batch(math.inf)], ["c", "d"]) is None
    assert one.scaler.get_scale() == scale


def test_step_gives_up_after_too_many_and_names_the_images(
    stepper: Callable[..., Stepper],
) -> None:
    one = stepper(max_skipped=2)
    for _ in range(2):
        assert one.step([batch(math.nan)], ["a.png"]) is None
    with pytest.raises(ValueError, match=r"3 steps in a row .* last with b\.png, c\.png\. .*--lea"):
        one.step([batch(math.nan, 1.0)], ["b.png", "c.png"])


def test_step_keeps_the_schedule_going_when_skipped(stepper: Callable[..., Stepper]) -> None:
    one = stepper()
    one.step([batch(math.nan)], ["a"])
    assert one.schedule.last_epoch == 1


def test_loss_sums_weigh_batches_by_their_images() -> None:
    sums, others = LossSums(), LossSums(skipped_steps=3)
    sums.add({"loss": 1.0}, 3)
    others.add({"loss": 5.0}, 1)
    assert summed([sums, others]).means() == {"loss": (3 * 1.0 + 5.0) / 4}
    assert summed([sums, others]).skipped_steps == 3
    assert math.isnan(LossSums().means()["loss"])
