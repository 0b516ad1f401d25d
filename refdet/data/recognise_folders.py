"""Which format lies in a folder, told by the names of what is in it.

Apart from `refdet.data.recognise`, since it loads the readers of folders, which files do not need.
"""

from __future__ import annotations

from pathlib import Path

from refdet.data.npy_csv_folder import CSV_SUFFIX
from refdet.data.npy_image import NPY_SUFFIX
from refdet.data.options import DetectionFormat, GroundTruthFormat
from refdet.data.voc_folder import VOC_FOLDERS
from refdet.data.voc_results import result_files
from refdet.data.yolo_folder import LABELS, LOOKED_FOR, is_yolo, label_files_in

GROUND_TRUTH = (
    "a JSON file with an object in it (coco), "
    f"a folder with {', '.join(VOC_FOLDERS)} (voc), "
    f"a folder with {LOOKED_FOR} (yolo; for labels alone, --gt-format yolo --images FOLDER), "
    "a folder with <split>/images/*.npy and <split>/labels/*.csv (npy-csv)"
)
DETECTIONS = (
    "a JSON file with a list in it (coco), a CSV file with a header (csv), "
    "a folder with comp3_det_<split>_<class>.txt (voc), "
    "a folder with a .txt for each image, or with such in labels/ (yolo)"
)


def ground_truth_in(
    folder: Path, image_folder: str, label_folder: str
) -> dict[GroundTruthFormat, str]:
    """The formats of ground truth that it can be, and what tells so."""
    found: dict[GroundTruthFormat, str] = {}
    voc = [part for part in VOC_FOLDERS if (folder / part).is_dir()]
    if voc:
        found[GroundTruthFormat.VOC] = f"{voc[0]} is there"
    if is_yolo(folder):
        found[GroundTruthFormat.YOLO] = "there are images and .txt labels"
    patterns = f"*/{image_folder}/*{NPY_SUFFIX}", f"*/{label_folder}/*{CSV_SUFFIX}"
    if any(any(folder.glob(pattern)) for pattern in patterns):
        found[GroundTruthFormat.NPY_CSV] = "there are .npy images or .csv labels"
    return found


def detections_in(folder: Path) -> dict[DetectionFormat, str]:
    """The formats of detections that it can be, and what tells so."""
    found: dict[DetectionFormat, str] = {}
    results = result_files(folder)
    if results:
        found[DetectionFormat.VOC] = f"{results[0].name} is there"
    inner = folder / LABELS
    labels = label_files_in(inner if inner.is_dir() else folder)
    others = [file for file in labels.values() if file not in results]
    if others:
        found[DetectionFormat.YOLO] = f"{others[0].name} is there"
    return found
