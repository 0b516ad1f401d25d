"""`refdet infer` and `refdet evaluate` on a real checkpoint: every file, and the same numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from refdet.columns import DetectionColumns
from refdet.config import CheckData, Evaluate, Infer
from refdet.data.coco_json import read_coco_ground_truth, read_coco_results
from refdet.data.csv_detections import read_csv_detections
from refdet.data.image_folder import read_image_folder
from refdet.infer import infer
from refdet.judge import check_data
from refdet.judge_files import evaluate_files
from refdet.models.checkpoints import Checkpoint, save_checkpoint
from refdet.models.detector import Detector
from refdet.models.ssd_detector import SSD300Detector
from tests.conftest import REPOSITORY

CELLS = REPOSITORY / "fixtures" / "datasets" / "cells"
CLASSES = ("Platelets", "RBC", "WBC")


def save(detector: Detector, class_names: tuple[str, ...], file: Path) -> Path:
    checkpoint = Checkpoint(
        architecture=detector.architecture,
        description=detector.description,
        class_names=class_names,
        model_state=detector.network.state_dict(),
        epoch=0,
        best_ap=0.0,
        config="",
        training_state={},
    )
    save_checkpoint(file, checkpoint)
    return file


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt nothing: it finds much, and most of it is wrong."""
    torch.manual_seed(0)
    detector = SSD300Detector(len(CLASSES), width=0.125, batch_norm=True)
    return save(detector, CLASSES, tmp_path_factory.mktemp("checkpoint") / "best.pt")


@pytest.fixture(scope="module")
def config(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Infer:
    """The options of a finished run on the validation split of the synthetic cells."""
    config = Infer(
        checkpoint=checkpoint,
        output=tmp_path_factory.mktemp("inferred"),
        data=CELLS,
        split="val",
        score_threshold=0.3,
        max_pictures=3,
        threads=1,
        progress=False,
    )
    assert infer(config) == 0
    return config


def found_in(output: Path) -> DetectionColumns:
    """What `predictions.csv` holds, with the ids of `ground_truth.json`."""
    objects = read_coco_ground_truth(output / "ground_truth.json")
    return read_csv_detections(output / "predictions.csv", objects).detections


def test_infer_writes_everything(config: Infer) -> None:
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
    pictures = list((config.output / "pictures").iterdir())
    assert len(pictures) == 3
    plots = [config.output / name for name in ("precision_recall.png", "confusion.png")]
    for picture in [*pictures, *plots]:
        with Image.open(picture) as image:
            image.verify()


def test_infer_writes_detections_in_pixels_of_the_images(config: Infer) -> None:
    x1, y1, width, height = found_in(config.output).boxes_xywh.T
    assert len(x1) > 100
    assert min(x1.min(), y1.min()) >= 0
    assert (x1 + width).max() <= 160 + 1e-9
    assert (y1 + height).max() <= 120 + 1e-9
    assert (x1 + width).max() > 120, "boxes seem to be fractions, or of another image size"


def test_infer_writes_the_same_detections_in_both_formats(config: Infer) -> None:
    as_csv = found_in(config.output)
    as_coco = read_coco_results(config.output / "predictions.json")
    for name in ("image_ids", "category_ids", "scores"):
        np.testing.assert_array_equal(getattr(as_csv, name), getattr(as_coco, name))
    np.testing.assert_allclose(as_csv.boxes_xywh, as_coco.boxes_xywh, rtol=0, atol=1e-9)


def test_infer_table_and_list_agree(config: Infer) -> None:
    report = json.loads((config.output / "false_positives.json").read_text())
    metrics = json.loads((config.output / "metrics.json").read_text())
    listed = (config.output / "false_positive_images.txt").read_text().split()
    assert listed == sorted({record["image"] for record in report["false_positives"]})
    counts = {entry["name"]: entry["false_positives"] for entry in metrics["classes"]}
    for name, count in counts.items():
        assert count == sum(record["class"] == name for record in report["false_positives"])
    assert sum(counts.values()) > 0


def test_infer_does_not_depend_on_the_batch_size(config: Infer, tmp_path: Path) -> None:
    infer(replace(config, output=tmp_path, batch_size=3, max_pictures=0))
    one, other = found_in(config.output), found_in(tmp_path)
    for image in np.unique(one.image_ids):
        left, right = (found.scores[found.image_ids == image][:20] for found in (one, other))
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_infer_keeps_every_detection_whatever_the_score_threshold(
    config: Infer, tmp_path: Path
) -> None:
    infer(replace(config, output=tmp_path, score_threshold=1.0, max_pictures=0))
    assert same_text(config.output, tmp_path, "predictions.csv", "predictions.json")


def test_evaluate_of_the_written_predictions_gives_the_same_numbers(
    config: Infer, tmp_path: Path
) -> None:
    evaluate = Evaluate(
        dt=(config.output / "predictions.csv",),
        gt=CELLS,
        output=tmp_path,
        split="val",
        score_threshold=0.3,
        max_pictures=0,
    )
    assert evaluate_files(evaluate) == 0
    for name in ("metrics.json", "false_positive_images.txt"):
        assert (tmp_path / name).read_text() == (config.output / name).read_text()
    # A box that was read as corners and kept as x, y, width, height may differ in its last bit.
    got, want = (
        json.loads((folder / "false_positives.json").read_text())
        for folder in (tmp_path, config.output)
    )
    for one, other in zip(got["false_positives"], want["false_positives"], strict=True):
        assert one.pop("box_xyxy") == pytest.approx(other.pop("box_xyxy"), abs=1e-9)
    for one, other in zip(got["missed"], want["missed"], strict=True):
        assert one.pop("box_xyxy") == pytest.approx(other.pop("box_xyxy"), abs=1e-9)
    assert got == want


def test_infer_on_a_folder_of_images_needs_no_ground_truth(config: Infer, tmp_path: Path) -> None:
    folder, output = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    for name, size in (("a.png", (80, 50)), ("b.jpg", (30, 90))):
        Image.new("RGB", size, (200, 120, 120)).save(folder / name)
    infer(replace(config, data=None, images=folder, output=output))
    names = {file.name for file in output.iterdir()}
    assert names == {"predictions.csv", "predictions.json", "pictures"}
    assert len(list((output / "pictures").iterdir())) == 2


@pytest.mark.parametrize("classes", [("RBC", "WBC"), ("WBC", "RBC", "Platelets")])
def test_infer_refuses_classes_that_the_checkpoint_does_not_have(
    config: Infer, tmp_path: Path, classes: tuple[str, ...]
) -> None:
    # The same names in another order would give every detection another class's name.
    message = rf"--classes {' '.join(classes)}: the checkpoint knows Platelets RBC WBC"
    with pytest.raises(ValueError, match=message):
        infer(replace(config, output=tmp_path / "out", classes=classes))
    assert not (tmp_path / "out").exists()


def test_infer_accepts_the_classes_of_the_checkpoint(config: Infer, tmp_path: Path) -> None:
    assert infer(replace(config, output=tmp_path, classes=CLASSES, max_pictures=0)) == 0
    assert same_text(config.output, tmp_path, "predictions.csv", "metrics.json")


def same_text(one: Path, other: Path, *names: str) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.mark.parametrize("given", [{}, {"data": CELLS, "images": CELLS}])
def test_infer_needs_either_data_or_images(config: Infer, given: dict[str, Path]) -> None:
    both: dict[str, Path | None] = {"data": None, "images": None, **given}
    with pytest.raises(ValueError, match=r"either --data .* or --images .*, not both"):
        infer(replace(config, data=both["data"], images=both["images"]))


def test_infer_refuses_thresholds_of_unknown_classes(config: Infer) -> None:
    with pytest.raises(ValueError, match="Neutrophil"):
        infer(replace(config, class_thresholds=("Neutrophil=0.5",)))


def test_infer_names_a_file_that_is_no_image(config: Infer, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no pixels")
    with pytest.raises(ValueError, match=r"notes\.png is no readable image"):
        infer(replace(config, data=None, images=tmp_path))
    with pytest.raises(ValueError, match="no folder"):
        infer(replace(config, data=None, images=tmp_path / "absent"))


def test_read_image_folder_names_pixels_that_are_not_8_bits(tmp_path: Path) -> None:
    Image.new("I;16", (40, 30), 40000).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png .* has pixels of mode 'I;16'"):
        read_image_folder(tmp_path)


def test_read_image_folder_names_a_file_of_too_many_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "vast.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 30 // 3)
    with pytest.raises(ValueError, match=r"vast\.png is no readable image"):
        read_image_folder(tmp_path)


def test_check_data_exits_with_1_for_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_data(CheckData(data=CELLS, plot=tmp_path / "counts.png")) == 0
    assert (tmp_path / "counts.png").exists()
    assert check_data(CheckData(data=CELLS, classes=("RBC", "WBC"))) == 1
    assert "'Platelets'" in capsys.readouterr().out
