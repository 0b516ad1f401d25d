"""Checkpoints: everything a run needs to be used or taken up again, in one file written at once."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torchvision
from torch import Tensor

import refdet
from refdet.files import atomic_path
from refdet.models.ssd300 import SSD300

FORMAT = 1
SSD300_NAME = "ssd300"

State: TypeAlias = dict[str, object]
"""What a torch object's `state_dict` gives: tensors, numbers and texts in plain containers."""


@dataclass(frozen=True)
class Checkpoint:
    """What is kept of a run.

    Attributes:
        class_names: in label order.
        width: of the network.
        batch_norm: of the network.
        model_state: its parameters and BatchNorm statistics.
        epoch: epochs done.
        planned_epochs: that the schedule was made for.
        best_ap: best validation AP so far; NaN before the first.
        training_state: optimiser and schedule, empty in a checkpoint meant for use only.
        config: the run's options, for the record.
    """

    class_names: tuple[str, ...]
    width: float
    batch_norm: bool
    model_state: Mapping[str, Tensor]
    epoch: int
    planned_epochs: int
    best_ap: float
    training_state: Mapping[str, State]
    config: str


def save_checkpoint(file: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `file`; the file is the old one or the new one, never half of it."""
    # Plain containers and tensors only, so that it can be read with weights_only=True.
    content = {
        **vars(checkpoint),
        "class_names": list(checkpoint.class_names),
        "format": FORMAT,
        "model": SSD300_NAME,
        "versions": library_versions(),
    }
    with atomic_path(file) as temporary:
        torch.save(content, temporary)


def load_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint that `save_checkpoint` wrote.

    Raises:
        ValueError: not there, cut short, or not one of ours; in one sentence.
    """
    if not file.is_file():
        raise ValueError(f"no checkpoint {file}")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{file} is no readable checkpoint: cut short, or not written by refdet "
            f"({type(error).__name__})"
        ) from error
    if not isinstance(content, dict) or content.get("model") != SSD300_NAME:
        raise ValueError(f"{file} is no SSD300 checkpoint of refdet")
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{file} has checkpoint format {content.get('format')}; this version reads {FORMAT}"
        )
    missing = [name for name in Checkpoint.__dataclass_fields__ if name not in content]
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing)}: it is damaged")
    fields = {name: content[name] for name in Checkpoint.__dataclass_fields__}
    return Checkpoint(**{**fields, "class_names": tuple(content["class_names"])})


def build_model(checkpoint: Checkpoint) -> SSD300:
    """The checkpoint's network with its weights, in evaluation mode.

    Raises:
        ValueError: the weights are not those of the network that the checkpoint describes.
    """
    model = SSD300(
        len(checkpoint.class_names), width=checkpoint.width, batch_norm=checkpoint.batch_norm
    )
    try:
        model.load_state_dict(dict(checkpoint.model_state))
    except RuntimeError as error:
        raise ValueError("the checkpoint's weights do not fit the network it describes") from error
    return model.eval()


def library_versions() -> dict[str, str]:
    """The versions that shape a run's numbers."""
    return {
        "refdet": refdet.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),  # a subclass of str, which weights_only refuses
        "torchvision": str(torchvision.__version__),
    }
