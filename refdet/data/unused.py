"""What somebody declares and nobody looks at, which would be believed to have been used."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

from refdet.data.options import DetectionFormat, GroundTruthFormat, SourceOptions

_NPY_CSV_ALONE = (
    "image_folder",
    "label_folder",
    "pixel_range",
    "box_coordinates",
    "first_class",
)


def refuse_unused(
    options: SourceOptions,
    split: str | None,
    file_format: GroundTruthFormat,
    detections: Collection[DetectionFormat] = (),
) -> None:
    """Raise ValueError, naming the option, if none of the formats has a use for it.

    Args:
        options: what is declared; its default is no declaration.
        split: what is asked for, of ground truth or of VOC's detections.
        file_format: what the ground truth was read as.
        detections: the formats that detections are of.
    """
    formats = " and ".join(dict.fromkeys((file_format.value, *(f.value for f in detections))))
    is_voc = file_format is GroundTruthFormat.VOC or DetectionFormat.VOC in detections
    if split is not None and file_format is GroundTruthFormat.COCO and not is_voc:
        raise ValueError(f"--split {split}: there are no splits in {formats}")
    if not options.one_based and not is_voc:
        raise ValueError(f"--no-one-based: coordinates of {formats} never start at 1")
    if file_format is GroundTruthFormat.NPY_CSV:
        return
    default = {field.name: field.default for field in fields(SourceOptions)}
    for name in _NPY_CSV_ALONE:
        if (value := getattr(options, name)) != default[name]:
            option = f"--{name.replace('_', '-')} {value}"
            raise ValueError(f"{option}: the ground truth is {file_format}; npy-csv alone has that")
