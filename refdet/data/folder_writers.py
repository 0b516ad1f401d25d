"""Ground truth written as folders of Pascal VOC, YOLO, and npy + CSV.

The objects are those that `refdet.data.fitting.fit_objects` gives for the format. A folder is
written whole or not at all. Numbers have as many digits as give the same float64 back; boxes with
up to six decimals come back from pixels and fractions bit for bit (`refdet.data.corners`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from refdet.columns import F64, DetectionColumns, ObjectColumns
from refdet.data.corners import corners_of
from refdet.data.csv_detections import row_of_ids
from refdet.data.fitting import rows_by_image
from refdet.data.image_copies import ImageCopies
from refdet.data.image_names import require_distinct_stems, require_file_names, stem_of
from refdet.data.npy_csv_labels import COLUMNS
from refdet.data.yolo_names import yaml_names
from refdet.files import atomic_folder

NO_COPIES = ImageCopies()


def write_voc(
    root: Path,
    objects: ObjectColumns,
    *,
    split: str,
    images: ImageCopies = NO_COPIES,
    overwrite: bool = False,
) -> None:
    """Write `Annotations/*.xml`, `ImageSets/Main/<split>.txt` and `JPEGImages/*`.

    Corners count from 1. An object that is ignored is marked difficult.

    Args:
        root: the folder.
        objects: as `fit_objects` gives them for VOC.
        split: the name of the file that lists the images.
        images: the image files, as far as there are any.
        overwrite: True to replace a folder of the same entries.
    """
    _require_names(objects, split)
    sizes, corners = objects.images.sizes, corners_of(objects.boxes_xywh) + 1.0
    class_rows = row_of_ids(objects.category_ids, objects.categories.ids).tolist()
    with atomic_folder(root, overwrite=overwrite) as folder:
        (folder / "Annotations").mkdir()
        (folder / "ImageSets" / "Main").mkdir(parents=True)
        images.copy_to(folder / "JPEGImages", objects)
        for name, size, rows in zip(
            objects.images.names, sizes.tolist(), rows_by_image(objects), strict=True
        ):
            items = "".join(
                _object_xml(
                    objects.categories.names[class_rows[row]],
                    bool(objects.ignore[row]),
                    corners[row].tolist(),
                )
                for row in rows
            )
            _write(folder / "Annotations" / f"{stem_of(name)}.xml", _image_xml(name, size, items))
        lines = "".join(f"{stem_of(name)}\n" for name in objects.images.names)
        _write(folder / "ImageSets" / "Main" / f"{split}.txt", lines)


def write_yolo(
    root: Path,
    objects: ObjectColumns,
    *,
    split: str | None = None,
    images: ImageCopies = NO_COPIES,
    overwrite: bool = False,
) -> None:
    """Write `images/*`, `labels/*.txt` and `data.yaml`; a class's number is its row.

    Args:
        root: the folder.
        objects: as `fit_objects` gives them for YOLO.
        split: a folder of this name in `images` and `labels`; None writes none.
        images: the image files, as far as there are any.
        overwrite: True to replace a folder of the same entries.
    """
    _require_names(objects, split or "all")
    lines = _yolo_lines(objects.boxes_xywh, objects)
    part = split or "."
    with atomic_folder(root, overwrite=overwrite) as folder:
        images.copy_to(folder / "images" / part, objects)
        labels = folder / "labels" / part
        labels.mkdir(parents=True)
        for name, rows in zip(objects.images.names, rows_by_image(objects), strict=True):
            _write(labels / f"{stem_of(name)}.txt", "".join(lines[row] for row in rows))
        where = f"{split}: images/{split}\n" if split in ("train", "val", "test") else ""
        _write(folder / "data.yaml", where + yaml_names(objects.categories.names))


def write_yolo_detections(
    root: Path, detections: DetectionColumns, objects: ObjectColumns, *, overwrite: bool = False
) -> None:
    """Write a `.txt` for every image, empty where nothing was found, and `data.yaml`.

    Args:
        root: the folder.
        detections: of images and classes that `objects` has, as `fit_detections` gives them.
        objects: the ground truth, for names and sizes.
        overwrite: True to replace a folder of the same entries.
    """
    _require_names(objects, "all")
    lines = _yolo_lines(detections.boxes_xywh, objects, detections)
    image_rows = row_of_ids(detections.image_ids, objects.images.ids).tolist()
    texts: list[list[str]] = [[] for _ in objects.images.names]
    for image_row, line in zip(image_rows, lines, strict=True):
        texts[image_row].append(line)
    with atomic_folder(root, overwrite=overwrite) as folder:
        for name, text in zip(objects.images.names, texts, strict=True):
            _write(folder / f"{stem_of(name)}.txt", "".join(text))
        _write(folder / "data.yaml", yaml_names(objects.categories.names))


def write_npy_csv(
    root: Path,
    objects: ObjectColumns,
    *,
    split: str,
    images: ImageCopies = NO_COPIES,
    overwrite: bool = False,
) -> None:
    """Write `<split>/images/*.npy` and `<split>/labels/*.csv`, boxes in pixels.

    Args:
        root: the folder.
        objects: as `fit_objects` gives them for npy-CSV; a class's number is its row.
        split: the name of the folder in it.
        images: the image files, as far as there are any.
        overwrite: True to replace a folder of the same entries.
    """
    _require_names(objects, split)
    corners = corners_of(objects.boxes_xywh)
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    class_rows = row_of_ids(objects.category_ids, objects.categories.ids)
    boxes = np.concatenate([centres, objects.boxes_xywh[:, 2:]], axis=1)
    lines = [
        ",".join(map(str, (label, *box)))
        for label, box in zip(class_rows.tolist(), boxes.tolist(), strict=True)
    ]
    with atomic_folder(root, overwrite=overwrite) as folder:
        images.copy_to(folder / split / "images", objects)
        (folder / split / "labels").mkdir()
        for name, rows in zip(objects.images.names, rows_by_image(objects), strict=True):
            text = "".join(f"{line}\n" for line in (",".join(COLUMNS), *(lines[r] for r in rows)))
            _write(folder / split / "labels" / f"{stem_of(name)}.csv", text)


def _yolo_lines(
    boxes: F64, objects: ObjectColumns, detections: DetectionColumns | None = None
) -> list[str]:
    rows = objects if detections is None else detections
    sizes = objects.images.sizes[row_of_ids(rows.image_ids, objects.images.ids)]
    labels = row_of_ids(rows.category_ids, objects.categories.ids)
    numbers = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:] / 2) / sizes, boxes[:, 2:] / sizes], axis=1
    )
    columns: Iterator[list[float]] = iter(numbers.tolist())
    if detections is not None:
        columns = (
            [*row, score]
            for row, score in zip(numbers.tolist(), detections.scores.tolist(), strict=True)
        )
    return [
        f"{label} {' '.join(map(str, row))}\n"
        for label, row in zip(labels.tolist(), columns, strict=True)
    ]


def _image_xml(name: str, size: list[int], items: str) -> str:
    return (
        f"<annotation>\n  <filename>{escape(name)}</filename>\n"
        f"  <size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
        f"{items}</annotation>\n"
    )


def _object_xml(name: str, difficult: bool, corners: list[float]) -> str:
    x1, y1, x2, y2 = (str(int(c)) if c.is_integer() else str(c) for c in corners)
    return (
        f"  <object>\n    <name>{escape(name)}</name>\n"
        f"    <difficult>{int(difficult)}</difficult>\n"
        f"    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
        "\n  </object>\n"
    )


def _require_names(objects: ObjectColumns, split: str) -> None:
    require_file_names(objects.images.names, "image")
    require_distinct_stems(objects.images.names)
    require_file_names((split,), "split")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
