"""Which format lies at a path, told by what is there and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from refdet.data.npy_csv_folder import CSV_SUFFIX
from refdet.data.npy_image import NPY_SUFFIX
from refdet.data.options import DetectionFormat, GroundTruthFormat
from refdet.data.voc_folder import VOC_FOLDERS
from refdet.data.voc_results import result_files
from refdet.data.yolo_folder import IMAGES, LABELS, LOOKED_FOR, is_yolo, label_files_in

_Format = TypeVar("_Format", GroundTruthFormat, DetectionFormat)

_GROUND_TRUTH = (
    "a JSON file with an object in it (coco), "
    f"a folder with {', '.join(VOC_FOLDERS)} (voc), "
    f"a folder with {LOOKED_FOR} (yolo; for labels alone, --gt-format yolo --images FOLDER), "
    "a folder with <split>/images/*.npy and <split>/labels/*.csv (npy-csv)"
)
_DETECTIONS = (
    "a JSON file with a list in it (coco), a CSV file with a header (csv), "
    "a folder with comp3_det_<split>_<class>.txt (voc), "
    "a folder with a .txt for each image, or with such in labels/ (yolo)"
)


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
        if others:
            _refuse_other(path, others, "detections (--dt)", "ground truth (--gt)")
    return _only(path, found, "ground truth", _GROUND_TRUTH)


def recognise_detections(path: Path) -> tuple[DetectionFormat, str]:
    """The format of the detections at `path`, and a sentence that says why.

    Raises:
        ValueError: it is of no format, or of more than one; says what was looked for.
    """
    found = _detections_at(path)
    if not found and (others := _ground_truth_at(path, IMAGES, LABELS)):
        _refuse_other(path, others, "ground truth (--gt)", "detections (--dt)")
    return _only(path, found, "detections", _DETECTIONS)


def _ground_truth_at(
    path: Path, image_folder: str, label_folder: str
) -> dict[GroundTruthFormat, str]:
    """The formats of ground truth that it can be, and what tells so."""
    found: dict[GroundTruthFormat, str] = {}
    if path.is_file() and _first_letter(path) == "{":
        found[GroundTruthFormat.COCO] = "a JSON object"
    elif path.is_dir():
        voc = [part for part in VOC_FOLDERS if (path / part).is_dir()]
        if voc:
            found[GroundTruthFormat.VOC] = f"{voc[0]} is there"
        if is_yolo(path):
            found[GroundTruthFormat.YOLO] = "there are images and .txt labels"
        patterns = f"*/{image_folder}/*{NPY_SUFFIX}", f"*/{label_folder}/*{CSV_SUFFIX}"
        if any(any(path.glob(pattern)) for pattern in patterns):
            found[GroundTruthFormat.NPY_CSV] = "there are .npy images or .csv labels"
    return found


def _detections_at(path: Path) -> dict[DetectionFormat, str]:
    """Likewise of detections."""
    found: dict[DetectionFormat, str] = {}
    if path.is_file():
        if _first_letter(path) == "[":
            found[DetectionFormat.COCO] = "a JSON list"
        elif path.suffix.lower() == CSV_SUFFIX:
            found[DetectionFormat.CSV] = "a .csv file"
    elif path.is_dir():
        results = result_files(path)
        if results:
            found[DetectionFormat.VOC] = f"{results[0].name} is there"
        inner = path / LABELS
        labels = label_files_in(inner if inner.is_dir() else path)
        others = [file for file in labels.values() if file not in results]
        if others:
            found[DetectionFormat.YOLO] = f"{others[0].name} is there"
    return found


def _refuse_other(
    path: Path,
    others: Mapping[GroundTruthFormat, str] | Mapping[DetectionFormat, str],
    is_what: str,
    wanted: str,
) -> None:
    told = " or ".join(f"{file_format} ({why})" for file_format, why in others.items())
    raise ValueError(f"{path} looks like {is_what}: {told}; {wanted} was to be read")


def _only(path: Path, found: dict[_Format, str], what: str, looked_for: str) -> tuple[_Format, str]:
    if len(found) == 1:
        ((file_format, why),) = found.items()
        return file_format, f"{what}: {file_format} (auto: {why})"
    if found:
        both = " and ".join(f"{file_format} ({why})" for file_format, why in found.items())
        raise ValueError(f"{path} is both {both}; declare the format")
    if not path.exists():
        raise ValueError(f"{what}: {path} is not there")
    raise ValueError(f"{path} holds nothing that is recognised as {what}; looked for {looked_for}")


def _first_letter(path: Path) -> str:
    """The first character that is no white space; empty where there is none."""
    with path.open("rb") as file:
        start = file.read(4096)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1].decode("latin-1")
