"""What training and inference ask of a detector, whichever network is inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

Forward: TypeAlias = Callable[..., object]
"""The network as it is to be called: itself, or what distributes it over processes."""


class BrokenOutputError(ValueError):
    """The network's output is not finite: its weights are broken.

    Args:
        rows: the images of the batch of which that is known, by their places in it.
    """

    def __init__(self, rows: Sequence[int] = ()) -> None:
        super().__init__("the network's output is not finite: its weights diverged in training")
        self.rows = tuple(rows)


@dataclass(frozen=True)
class DetectionSettings:
    """What becomes a detection.

    Attributes:
        min_score: lower scores are dropped, in [0, 1].
        nms_iou: of two boxes of a class that overlap more than this, the lower-scored one goes.
        top_k_before_nms: most candidates per image and class, the highest scores first.
        top_k: most detections per image.
    """

    min_score: float = 0.01
    nms_iou: float = 0.45
    top_k_before_nms: int = 400
    top_k: int = 200

    def __post_init__(self) -> None:
        for name in ("min_score", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        for name in ("top_k_before_nms", "top_k"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class RawDetections(NamedTuple):
    """One image's detections, sorted by score, the highest first.

    Attributes:
        boxes_xyxy: (N, 4) float64, pixels of the image that was given, inside it.
        scores: (N,) float64 in [0, 1].
        labels: (N,) int64 in 0..C-1.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor


Pending: TypeAlias = Callable[[], list[RawDetections]]
"""Detections that a device is at work on; called in any thread, it waits for them."""


def on_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The tensors on a device, without waiting for a GPU that gets them from pinned memory."""
    # To the CPU it has to be waited for, or it would be read before it has come.
    return [tensor.to(device, non_blocking=device.type == "cuda") for tensor in tensors]


def padded_on_device(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """(B, N, ...) tensors (N_i, ...), filled up with zeros, in one copy that no GPU is waited for.

    They are filled up where they are, and all in one place.
    """
    padded = pad_sequence(list(tensors), batch_first=True)
    if device.type == "cuda" and not padded.is_cuda:
        with torch.cuda.device(device):  # else the first GPU would be taken into use
            padded = padded.pin_memory()
    return on_device([padded], device)[0]


def read_back(tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    """Begin to copy tensors to the CPU; what is returned waits, once for all, and gives them."""
    if not any(tensor.is_cuda for tensor in tensors):
        copies = [tensor.cpu() for tensor in tensors]
        return lambda: copies
    copies = [tensor.to("cpu", non_blocking=True) for tensor in tensors]
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(tensors[0].device))

    def wait() -> list[Tensor]:
        copied.synchronize()
        return copies

    return wait


class Detector(ABC):
    """A network, with what turns images into losses and detections.

    Images are float32 tensors (3, H, W), as the detector's own transform in
    `refdet.data.augmentation` makes them; boxes are in pixels of that image; labels are
    0..C-1. The tensors may lie on another device than the network.

    Attributes:
        network: what is trained and saved, and what a distributed wrapper wraps.
        architecture: the name under which checkpoints know it.
        description: the arguments that build the same network again, in plain JSON types.
    """

    network: nn.Module
    architecture: str
    description: Mapping[str, object]

    @property
    def compiled_part(self) -> nn.Module:
        """What `torch.compile` is worth applying to: shapes inside must not vary much."""
        return self.network

    @abstractmethod
    def losses(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        forward: Forward | None = None,
    ) -> dict[str, Tensor]:
        """The terms of the training loss by name; their sum is what is minimised.

        The network must be in training mode.

        Args:
            images: B images.
            boxes_xyxy: B tensors (G_i, 4), each box with a positive size; G_i may be 0.
            labels: B tensors (G_i,) int64.
            forward: what to call instead of `network`, to run it distributed.
        """

    @abstractmethod
    def detect(self, images: Sequence[Tensor], settings: DetectionSettings) -> list[RawDetections]:
        """What is found in each image; empty tensors where nothing is.

        The network must be in evaluation mode.

        Raises:
            BrokenOutputError: the network's output is not finite.
        """

    def launch(self, images: Sequence[Tensor], settings: DetectionSettings) -> Pending:
        """Begin `detect`; what is returned gives its result, or raises its error.

        A detector whose detections a GPU finds on its own returns before they are there, so that
        the next batch can follow at once. Any other has them when it returns.
        """
        found = self.detect(images, settings)
        return lambda: found

    @abstractmethod
    def judge(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        settings: DetectionSettings,
    ) -> tuple[dict[str, Tensor], list[RawDetections]]:
        """Losses and detections in evaluation mode; no tensor and no random state changes."""
