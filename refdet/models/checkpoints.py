"""Checkpoints: everything a run needs to be used or taken up again, in one file written at once."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torchvision
from torch import Tensor

import refdet
from refdet.files import atomic_path

FORMAT = 2
MAGIC = "refdet checkpoint"

State: TypeAlias = Mapping[str, object]
"""What a torch object's `state_dict` gives: tensors, numbers and texts in plain containers."""


def library_versions() -> dict[str, str]:
    """The versions that shape a run's numbers."""
    return {
        "refdet": refdet.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),  # a subclass of str, which weights_only refuses
        "torchvision": str(torchvision.__version__),
    }


@dataclass(frozen=True)
class Checkpoint:
    """What is kept of a run.

    Attributes:
        architecture: which detector, by `Detector.architecture`.
        description: what builds its network again, by `Detector.description`.
        class_names: in label order.
        model_state: parameters and BatchNorm statistics.
        epoch: epochs done.
        best_ap: best validation AP so far; NaN before the first.
        config: the run's options as TOML.
        training_state: what training goes on with (optimiser, schedule, scaler, progress, random
            states); empty in a checkpoint meant for use only.
        versions: of the libraries that wrote it.
    """

    architecture: str
    description: State
    class_names: tuple[str, ...]
    model_state: Mapping[str, Tensor]
    epoch: int
    best_ap: float
    config: str
    training_state: Mapping[str, State]
    versions: Mapping[str, str] = field(default_factory=library_versions)


def save_checkpoint(file: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `file`; the file is the old one or the new one, never half of it.

    Raises:
        OSError: it cannot be written, as on a full disk; the old file is untouched.
    """
    # Plain containers and tensors only, so that it can be read with weights_only=True.
    content = {
        **vars(checkpoint),
        "class_names": list(checkpoint.class_names),
        "magic": MAGIC,
        "format": FORMAT,
    }
    with atomic_path(file) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # how torch's writer says that the disk is full
            raise OSError(f"cannot write {file}: {error}") from error


def load_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint that `save_checkpoint` wrote.

    Raises:
        ValueError: not there, cut short, or not one of ours; in one sentence.
    """
    if not file.is_file():
        raise ValueError(f"no checkpoint {file}")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    # On a damaged file its readers raise nearly anything.
    except Exception as error:
        raise ValueError(
            f"{file} is no readable checkpoint: cut short, or not written by refdet "
            f"({type(error).__name__})"
        ) from error
    if not isinstance(content, dict) or content.get("magic") != MAGIC:
        raise ValueError(f"{file} is no checkpoint of refdet")
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{file} has checkpoint format {content.get('format')}; this version reads {FORMAT}"
        )
    missing = [name for name in Checkpoint.__dataclass_fields__ if name not in content]
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing)}: it is damaged")
    fields = {name: content[name] for name in Checkpoint.__dataclass_fields__}
    return Checkpoint(**{**fields, "class_names": tuple(content["class_names"])})
