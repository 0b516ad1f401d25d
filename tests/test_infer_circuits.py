"""`refdet infer` with a Faster R-CNN on the circuits: `.npy` images and CSV labels."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from refdet.config import Evaluate, Infer
from refdet.config_analysis import Tune
from refdet.data.circuits import CLASS_NAMES
from refdet.data.coco_json import read_coco_ground_truth
from refdet.infer import infer
from refdet.judge_files import evaluate_files
from refdet.models.checkpoints import load_checkpoint, save_checkpoint
from refdet.models.faster_rcnn import FasterRCNNDetector
from refdet.models.faster_rcnn_spec import Backbone, FasterRCNNSpec
from refdet.tune import tune_thresholds
from tests.conftest import REPOSITORY
from tests.test_infer import found_in, same_text, save

CIRCUITS = REPOSITORY / "fixtures" / "datasets" / "circuits"
LOW = 0.1
"""A score that many detections of a network reach that says of everything it may be anything."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Infer:
    """The options of a finished run of a network that has learnt nothing."""
    torch.manual_seed(0)
    spec = FasterRCNNSpec(len(CLASS_NAMES), Backbone.RESNET18_SMALL, min_size=64)
    folder = tmp_path_factory.mktemp("circuits")
    config = Infer(
        checkpoint=save(FasterRCNNDetector(spec), CLASS_NAMES, folder / "best.pt"),
        output=folder / "out",
        data=CIRCUITS,
        split="val",
        score_threshold=LOW,
        max_pictures=2,
        threads=1,
        progress=False,
    )
    assert infer(config) == 0
    return config


def names() -> list[str]:
    return sorted(file.name for file in (CIRCUITS / "val" / "images").iterdir())


def wrong_by_class(output: Path) -> Counter[str]:
    report = json.loads((output / "false_positives.json").read_text())
    return Counter(record["class"] for record in report["false_positives"])


def scores_by_class(output: Path) -> dict[str, list[float]]:
    found = found_in(output)
    # The ids of `ground_truth.json` count from 1.
    return {
        name: found.scores[found.category_ids == label + 1].tolist()
        for label, name in enumerate(CLASS_NAMES)
    }


def test_infer_writes_everything_for_npy_images(config: Infer) -> None:
    assert {file.name for file in config.output.iterdir()} == {
        "predictions.csv",
        "predictions.json",
        "ground_truth.json",
        "metrics.json",
        "metrics.csv",
        "metrics.md",
        "totals.csv",
        "confusion.csv",
        "confusion.png",
        "false_positives.csv",
        "false_positives.json",
        "false_positive_images.txt",
        "precision_recall.png",
        "pictures",
    }
    assert len(list((config.output / "pictures").glob("*.png"))) == 2
    listed = (config.output / "false_positive_images.txt").read_text().split()
    assert listed
    assert set(listed) <= set(names())


def test_infer_finds_boxes_inside_images_of_any_size(config: Infer) -> None:
    found = found_in(config.output)
    images = read_coco_ground_truth(config.output / "ground_truth.json").images
    for image_id, name in zip(images.ids.tolist(), images.names, strict=True):
        height, width = np.load(CIRCUITS / "val" / "images" / name).shape[:2]
        low, sides = np.hsplit(found.boxes_xywh[found.image_ids == image_id], 2)
        high = low + sides
        assert len(low) > 0
        assert (low >= 0).all()
        assert (high <= np.array([width, height]) + 1e-9).all()
        assert high[:, 0].max() > 64, "boxes seem to be those of the resized image"


def test_infer_does_not_depend_on_the_batch_size(config: Infer, tmp_path: Path) -> None:
    infer(replace(config, output=tmp_path, batch_size=5, max_pictures=0))
    one, other = (scores_by_class(output) for output in (config.output, tmp_path))
    for name in CLASS_NAMES:
        np.testing.assert_allclose(sorted(one[name]), sorted(other[name]), atol=1e-5)


def test_infer_applies_thresholds_by_name_and_by_label(config: Infer, tmp_path: Path) -> None:
    scores = scores_by_class(config.output)
    high = {"resistor": float(np.median(scores["resistor"])), "diode": 1.0}
    entries = (f"resistor={high['resistor']!r}", "3:1.0")
    infer(replace(config, output=tmp_path, class_thresholds=entries, max_pictures=0))
    before, after = wrong_by_class(config.output), wrong_by_class(tmp_path)
    assert before["diode"] > 0
    assert after["diode"] == 0
    assert 0 < after["resistor"] < before["resistor"]
    others = set(CLASS_NAMES) - {"resistor", "diode"}
    assert all(after[name] == before[name] > 0 for name in others)
    # A threshold is for counting. The notebook applied it before AP.
    one, other = (
        json.loads((output / "metrics.json").read_text()) for output in (config.output, tmp_path)
    )
    assert same_text(config.output, tmp_path, "predictions.csv", "predictions.json")
    assert any(entry["ap50"] > 0 for entry in one["classes"])
    for ap in ("ap", "ap50"):
        assert [entry[ap] for entry in one["classes"]] == [entry[ap] for entry in other["classes"]]
    told = {entry["name"]: entry["score_threshold"] for entry in other["classes"]}
    assert told == {**dict.fromkeys(CLASS_NAMES, LOW), **high}


def test_infer_reads_the_thresholds_that_tune_has_written(config: Infer, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.json"
    run = Tune(run=config.output, f_beta=1, output=file, samples=100, progress=False)
    assert tune_thresholds(run) == 0
    tuned = json.loads(file.read_text())
    infer(replace(config, output=tmp_path, class_thresholds=(str(file),), max_pictures=0))
    judged = json.loads((tmp_path / "metrics.json").read_text())["classes"]
    assert {one["name"]: one["score_threshold"] for one in judged} == {
        name: LOW if threshold is None else threshold
        for name, threshold in tuned["thresholds"].items()
    }
    counted = [threshold for threshold in tuned["thresholds"].values() if threshold is not None]
    assert counted
    for one, told in zip(judged, tuned["classes"], strict=True):
        if told["threshold"]["value"] is not None:
            assert (one["precision"], one["recall"]) == (
                told["precision"]["value"],
                told["recall"]["value"],
            )


def test_infer_keeps_every_detection_whatever_the_score_threshold(
    config: Infer, tmp_path: Path
) -> None:
    # What is judged by AP. The notebook dropped what was below 0.6 first.
    infer(replace(config, output=tmp_path, score_threshold=1.0, max_pictures=0))
    assert same_text(config.output, tmp_path, "predictions.csv", "predictions.json")
    assert wrong_by_class(tmp_path).total() == 0 < wrong_by_class(config.output).total()


def test_infer_has_no_threshold_that_nobody_gave(config: Infer) -> None:
    # The notebook switched two classes off by thresholds of 0.999 in its code.
    metrics = json.loads((config.output / "metrics.json").read_text())
    assert {entry["score_threshold"] for entry in metrics["classes"]} == {LOW}
    assert all(wrong_by_class(config.output)[name] > 0 for name in CLASS_NAMES)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (("relay=0.5",), "relay"),
        (("6:0.5",), "6"),
        (("resistor=0.8", "0:0.9"), r"'resistor' \(label 0\) has two thresholds"),
        (("diode=80",), r"entries\[0\] = 'diode=80'"),
        (("diode",), r"'diode' is not of the form CLASS=THRESHOLD or CLASS:THRESHOLD"),
    ],
)
def test_infer_refuses_thresholds_before_it_works(
    config: Infer, tmp_path: Path, entries: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        infer(replace(config, output=tmp_path / "out", class_thresholds=entries))
    assert not (tmp_path / "out").exists()


def test_infer_refuses_classes_that_the_checkpoint_does_not_have(
    config: Infer, tmp_path: Path
) -> None:
    message = "--classes R C: the checkpoint knows resistor capacitor"
    with pytest.raises(ValueError, match=message):
        infer(replace(config, output=tmp_path / "out", classes=("R", "C")))
    images = CIRCUITS / "val" / "images"
    with pytest.raises(ValueError, match=message):
        infer(
            replace(config, data=None, images=images, output=tmp_path / "out", classes=("R", "C"))
        )
    assert not (tmp_path / "out").exists()


def test_infer_writes_reports_where_no_picture_is_wanted(config: Infer, tmp_path: Path) -> None:
    # The notebook's reports were empty then.
    infer(replace(config, output=tmp_path, max_pictures=0))
    assert not list(tmp_path.glob("pictures/*"))
    assert same_text(config.output, tmp_path, "false_positives.json", "false_positive_images.txt")
    assert wrong_by_class(tmp_path).total() > 0


def test_infer_on_a_folder_of_npy_images_finds_the_same(config: Infer, tmp_path: Path) -> None:
    images = CIRCUITS / "val" / "images"
    infer(replace(config, data=None, images=images, output=tmp_path))
    assert same_text(config.output, tmp_path, "predictions.csv", "predictions.json")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2
    floats = tmp_path / "floats"
    floats.mkdir()
    np.save(floats / "a.npy", np.zeros((40, 50, 1), np.float32))
    with pytest.raises(ValueError, match=r"a\.npy .* declare them by --pixel-range"):
        infer(replace(config, data=None, images=floats))


def test_infer_lists_false_positives_of_the_classes_that_are_asked_for(
    config: Infer, tmp_path: Path
) -> None:
    infer(replace(config, output=tmp_path, false_positive_classes=("diode",), max_pictures=0))
    assert set(wrong_by_class(tmp_path)) == {"diode"}
    assert wrong_by_class(tmp_path)["diode"] == wrong_by_class(config.output)["diode"]
    listed = (tmp_path / "false_positive_images.txt").read_text().split()
    report = json.loads((tmp_path / "false_positives.json").read_text())
    assert listed == sorted({record["image"] for record in report["false_positives"]})
    with pytest.raises(ValueError, match="--false-positive-classes cat: there is resistor, cap"):
        infer(replace(config, output=tmp_path, false_positive_classes=("cat",)))


def test_infer_draws_predictions_alone_when_asked(config: Infer, tmp_path: Path) -> None:
    infer(replace(config, output=tmp_path, draw_ground_truth=False))
    width = {}
    for output in (config.output, tmp_path):
        first = min((output / "pictures").iterdir())
        with Image.open(first) as picture:
            width[output] = picture.width
    assert width[tmp_path] < width[config.output]


def test_infer_refuses_classes_that_count_from_another_number(
    config: Infer, tmp_path: Path
) -> None:
    checkpoint = replace(load_checkpoint(config.checkpoint), config="first_class = 1\n")
    save_checkpoint(tmp_path / "best.pt", checkpoint)
    with pytest.raises(ValueError, match="--first-class is 0; the checkpoint was trained with 1"):
        infer(replace(config, checkpoint=tmp_path / "best.pt", output=tmp_path))


def test_evaluate_of_the_written_predictions_gives_the_same_numbers(
    config: Infer, tmp_path: Path
) -> None:
    evaluate = Evaluate(
        dt=(config.output / "predictions.csv",),
        gt=CIRCUITS,
        classes=CLASS_NAMES,
        output=tmp_path,
        split="val",
        score_threshold=LOW,
        max_pictures=0,
    )
    assert evaluate_files(evaluate) == 0
    assert same_text(tmp_path, config.output, "metrics.json", "false_positive_images.txt")
