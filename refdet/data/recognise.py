"""Which format lies at a path, told by what is there and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from refdet.data.options import DetectionFormat, GroundTruthFormat

_Format = TypeVar("_Format", GroundTruthFormat, DetectionFormat)


def recognise_ground_truth(
    path: Path, image_folder: str = "images", label_folder: str = "labels"
) -> tuple[GroundTruthFormat, str]:
    """The format of the ground truth at `path`, and a sentence that says why.

    Args:
        path: a file or a folder.
        image_folder: npy-CSV: the folder of images in a split's folder.
        label_folder: npy-CSV: likewise of labels.

    Raises:
        ValueError: it is of no format, or of more than one; says what was looked for.
    """
    found = _ground_truth_at(path, image_folder, label_folder)
    if not found:
        others = _detections_at(path)
        others.pop(DetectionFormat.YOLO, None)  # its labels may be either
        _refuse_other(path, others, "detections (--dt)", "ground truth (--gt)")
    return _only(path, found, "ground truth")


def recognise_detections(path: Path) -> tuple[DetectionFormat, str]:
    """The format of the detections at `path`, and a sentence that says why.

    Raises:
        ValueError: it is of no format, or of more than one; says what was looked for.
    """
    found = _detections_at(path)
    if not found:
        others = _ground_truth_at(path, "images", "labels")
        _refuse_other(path, others, "ground truth (--gt)", "detections (--dt)")
    return _only(path, found, "detections")


def detection_formats(
    paths: Iterable[Path], declared: DetectionFormat = DetectionFormat.AUTO
) -> tuple[DetectionFormat, ...]:
    """What each of `paths` is read as; raises as `recognise_detections` where none is declared."""
    if declared is not DetectionFormat.AUTO:
        return tuple(declared for _ in paths)
    return tuple(recognise_detections(path)[0] for path in paths)


def _ground_truth_at(
    path: Path, image_folder: str, label_folder: str
) -> dict[GroundTruthFormat, str]:
    """The formats of ground truth that it can be, and what tells so."""
    if path.is_dir():
        from refdet.data.recognise_folders import ground_truth_in  # noqa: PLC0415 - loads readers

        return ground_truth_in(path, image_folder, label_folder)
    if path.is_file() and _first_letter(path) == "{":
        return {GroundTruthFormat.COCO: "a JSON object"}
    return {}


def _detections_at(path: Path) -> dict[DetectionFormat, str]:
    """The formats of detections that it can be, and what tells so."""
    if path.is_dir():
        from refdet.data.recognise_folders import detections_in  # noqa: PLC0415 - loads readers

        return detections_in(path)
    if path.is_file() and _first_letter(path) == "[":
        return {DetectionFormat.COCO: "a JSON list"}
    if path.is_file() and path.suffix.lower() == ".csv":
        return {DetectionFormat.CSV: "a .csv file"}
    return {}


def _refuse_other(
    path: Path,
    others: Mapping[GroundTruthFormat, str] | Mapping[DetectionFormat, str],
    is_what: str,
    wanted: str,
) -> None:
    """Raise ValueError if it is of a format of the other side."""
    if others:
        told = " or ".join(f"{file_format} ({why})" for file_format, why in others.items())
        raise ValueError(f"{path} looks like {is_what}: {told}; {wanted} was to be read")


def _only(path: Path, found: dict[_Format, str], what: str) -> tuple[_Format, str]:
    if len(found) == 1:
        ((file_format, why),) = found.items()
        return file_format, f"{what}: {file_format} (auto: {why})"
    if found:
        both = " and ".join(f"{file_format} ({why})" for file_format, why in found.items())
        raise ValueError(f"{path} is both {both}; declare the format")
    if not path.exists():
        raise ValueError(f"{what}: {path} is not there")
    from refdet.data.recognise_folders import DETECTIONS, GROUND_TRUTH  # noqa: PLC0415 - likewise

    looked_for = GROUND_TRUTH if what == "ground truth" else DETECTIONS
    raise ValueError(f"{path} holds nothing that is recognised as {what}; looked for {looked_for}")


def _first_letter(path: Path) -> str:
    """The first character that is no white space; empty where there is none."""
    with path.open("rb") as file:
        start = file.read(4096)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1].decode("latin-1")
