"""Whole training runs on a handful of small images, for both detectors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from refdet.config import Precision
from refdet.config_train import Train, TrainFasterRCNN, TrainSSD300
from refdet.models.checkpoints import Checkpoint, load_checkpoint
from refdet.models.faster_rcnn_spec import Backbone
from tests.data.voc_folder import CLASSES, add_image, add_split, object_xml

N_TRAIN = 5  # not a multiple of the batch size, so that the last batch is short
N_VAL = 3  # odd, so that two processes cannot share it evenly


def make_data(root: Path) -> Path:
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (root / part).mkdir(parents=True)
    for number in range(N_TRAIN + N_VAL - 1):
        cat = object_xml("cat", (2 + number, 3, 18 + number, 20))
        dog = object_xml("dog", (20, 8, 36, 28))
        add_image(root, f"image{number}", cat, dog)
    add_image(root, "empty")
    add_split(root, "train", *(f"image{number}" for number in range(N_TRAIN)))
    held_out = (f"image{number}" for number in range(N_TRAIN, N_TRAIN + N_VAL - 1))
    add_split(root, "val", *held_out, "empty")
    return root


def tiny_configs(root: Path) -> dict[str, Train]:
    """Two epochs for each detector, everything random that it has; the data is made in `root`."""
    data = make_data(root / "data")
    ssd300 = TrainSSD300(
        data=data,
        output=root / "ssd300",
        classes=CLASSES,
        width=0.125,
        epochs=2,
        batch_size=2,
        threads=1,
        precision=Precision.FP32,
        progress=False,
    )
    faster_rcnn = TrainFasterRCNN(
        data=data,
        output=root / "faster-rcnn",
        classes=CLASSES,
        backbone=Backbone.RESNET18_SMALL,
        weights="none",
        min_size=64,
        learning_rate=1e-3,
        mosaic=0.5,
        mixup=0.5,
        epochs=2,
        batch_size=2,
        threads=1,
        precision=Precision.FP32,
        progress=False,
    )
    return {"ssd300": ssd300, "faster-rcnn": faster_rcnn}


def changed(config: Train, **changes: object) -> Train:
    """`config` with other options, checked at run time only: the tests are short that way."""
    return replace(config, **changes)  # type: ignore[arg-type]  # see above


TIMES = ("seconds", "images_per_second")


def history(config: Train) -> list[dict[str, object]]:
    """The records of a run, without what differs from one run to the next."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    lines = (config.output / "history.jsonl").read_text().splitlines()
    entries = [json.loads(line, parse_constant=refuse) for line in lines]
    return [{key: entry[key] for key in entry if key not in TIMES} for entry in entries]


def last(config: Train) -> Checkpoint:
    return load_checkpoint(config.output / "last.pt")


def assert_same_run(one: Train, other: Train) -> None:
    """Bit for bit: the history, and the weights of the last and of the best checkpoint."""
    assert history(one) == history(other)
    for name in ("last.pt", "best.pt"):
        ours, theirs = (load_checkpoint(run.output / name).model_state for run in (one, other))
        assert_same_tensors(ours, theirs, name)


def assert_same_tensors(one: object, other: object, where: str = "") -> None:
    """Every tensor and number in two nested containers is the same."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_tensors(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        assert len(one) == len(other), where
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same_tensors(left, right, f"{where}[{place}]")
    else:
        assert one == other or (one != one and other != other), where  # noqa: PLR0124 - NaN
