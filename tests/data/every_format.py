"""One small data set, written by hand in every format of ground truth and of detections.

Three images of 64 x 32 pixels, named a, b and c; c has no object. By hand, at IoU 0.5:

- cat: the first object is found exactly (0.9) and once more (0.25), the other is missed, since
  (0.6) overlaps it by 256 / 768. AP is 1 up to a recall of 1/2: 51 of the 101 recall levels.
- dog: found by 192 / 256 = 0.75 (0.75), after a detection of nothing in c (0.8). Precision is 1/2
  at all levels, at 6 of the 10 IoU thresholds: AP 0.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]
Found = tuple[str, str, Box, float]

SPLIT = "val"
NAMES = ("a.png", "b.png", "c.png")
WIDTH, HEIGHT = 64, 32
CLASSES = ("cat", "dog")
OBJECTS: tuple[tuple[str, str, Box], ...] = (
    ("a", "cat", (8, 4, 16, 8)),
    ("a", "dog", (32, 8, 16, 16)),
    ("b", "cat", (0, 0, 32, 16)),
)
DETECTIONS: tuple[Found, ...] = (
    ("a", "cat", (8, 4, 16, 8), 0.9),
    ("a", "cat", (8, 4, 16, 8), 0.25),
    ("a", "dog", (32, 8, 16, 12), 0.75),
    ("b", "cat", (16, 0, 32, 16), 0.6),
    ("c", "dog", (0, 0, 8, 8), 0.8),
)
AP50 = {"cat": 51 / 101, "dog": 0.5}
AP = {"cat": 51 / 101, "dog": 0.3}
IMAGE_IDS = {"a": 30, "b": 10, "c": 20}
CATEGORY_IDS = {"cat": 7, "dog": 3}
COUNTED = {"a": 1, "b": 2, "c": 3, "cat": 1, "dog": 2}
"""The ids of what has none in its format."""

GROUND_TRUTH_FORMATS = ("coco", "voc", "yolo", "npy-csv")
DETECTION_FORMATS = ("coco", "csv", "voc", "yolo")


def ground_truth_in(file_format: str, root: Path) -> Path:
    """The objects in `root`, with the images but for COCO, whose are in `root/pictures`."""
    root.mkdir()
    if file_format == "coco":
        return _coco(root)
    if file_format == "voc":
        return _voc(root)
    return _yolo(root) if file_format == "yolo" else _npy_csv(root)


def _coco(root: Path) -> Path:
    annotations = [
        {"id": n, "image_id": IMAGE_IDS[image], "category_id": CATEGORY_IDS[name], "bbox": box}
        | {"iscrowd": 0}
        for n, (image, name, box) in enumerate(OBJECTS, 1)
    ]
    images = [
        {"id": IMAGE_IDS[name[0]], "file_name": name, "width": WIDTH, "height": HEIGHT}
        for name in NAMES
    ]
    categories = [{"id": CATEGORY_IDS[name], "name": name} for name in CLASSES]
    contents = {"images": images, "annotations": annotations, "categories": categories}
    (root / "gt.json").write_text(json.dumps(contents))
    _images(root / "pictures")
    return root / "gt.json"


def _voc(root: Path) -> Path:
    (root / "Annotations").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / f"{SPLIT}.txt").write_text("a\nb\nc\n")
    _images(root / "JPEGImages")
    for image in "abc":
        items = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
            f"<xmax>{x + w + 1}</xmax><ymax>{y + h + 1}</ymax></bndbox></object>"
            for where, name, (x, y, w, h) in OBJECTS
            if where == image
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        (root / "Annotations" / f"{image}.xml").write_text(
            f"<annotation>{size}{items}</annotation>"
        )
    return root


def _yolo(root: Path) -> Path:
    _images(root / "images" / SPLIT)
    labels = root / "labels" / SPLIT
    labels.mkdir(parents=True)
    for image, name, box in OBJECTS:
        with (labels / f"{image}.txt").open("a") as file:
            file.write(f"{CLASSES.index(name)} {_fractions(box)}\n")
    (root / "data.yaml").write_text(f"{SPLIT}: images/{SPLIT}\nnames: [cat, dog]\n")
    return root


def _npy_csv(root: Path) -> Path:
    for part in ("images", "labels"):
        (root / SPLIT / part).mkdir(parents=True)
    for image in "abc":
        pixels = np.full((HEIGHT, WIDTH, 3), ord(image), np.uint8)
        np.save(root / SPLIT / "images" / f"{image}.npy", pixels)
        rows = "".join(
            f"{CLASSES.index(name)},{x + w / 2},{y + h / 2},{w},{h}\n"
            for where, name, (x, y, w, h) in OBJECTS
            if where == image
        )
        text = f"class,x_center,y_center,width,height\n{rows}"
        (root / SPLIT / "labels" / f"{image}.csv").write_text(text)
    return root


def _images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in NAMES:
        Image.new("RGB", (WIDTH, HEIGHT), (ord(name[0]), 90, 90)).save(folder / name)


def detections_in(
    file_format: str,
    root: Path,
    rows: Sequence[Found] = DETECTIONS,
    ids: Mapping[str, int] = IMAGE_IDS | CATEGORY_IDS,
) -> Path:
    """The detections, or some of them, in `root`; for COCO's with the ids of the ground truth."""
    root.mkdir()
    if file_format == "coco":
        entries = [
            {"image_id": ids[image], "category_id": ids[name]} | {"bbox": box, "score": score}
            for image, name, box, score in rows
        ]
        (root / "dt.json").write_text(json.dumps(entries))
        return root / "dt.json"
    if file_format == "csv":
        lines = "".join(
            f"{image},{name},{score},{x},{y},{x + w},{y + h}\n"
            for image, name, (x, y, w, h), score in rows
        )
        (root / "dt.csv").write_text(f"image,class,score,x1,y1,x2,y2\n{lines}")
        return root / "dt.csv"
    for image, name, (x, y, w, h), score in rows:
        if file_format == "voc":
            file = root / f"comp3_det_{SPLIT}_{name}.txt"
            line = f"{image} {score} {x + 1} {y + 1} {x + w + 1} {y + h + 1}"
        else:
            file = root / f"{image}.txt"
            line = f"{CLASSES.index(name)} {_fractions((x, y, w, h))} {score}"
        with file.open("a") as lines_so_far:
            lines_so_far.write(f"{line}\n")
    return root


def _fractions(box: Box) -> str:
    """Centre and size as parts of the image: all of them powers of two."""
    x, y, w, h = box
    return f"{(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}"
