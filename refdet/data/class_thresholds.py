"""The file of score thresholds that `refdet tune` writes and `--class-thresholds` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from refdet.data.json_file import read_json
from refdet.files import write_json_atomic

FORMAT = "refdet class thresholds"
VERSION = 1
_WHAT = "score thresholds of classes, as `refdet tune` writes them"


@dataclass(frozen=True)
class ClassThresholds:
    """What the file says.

    Attributes:
        thresholds: by class name; None for a class that keeps the default.
        iou_threshold: at which they were tuned; None if the file does not say.
    """

    thresholds: Mapping[str, float | None]
    iou_threshold: float | None = None


def names_a_file(entry: str) -> bool:
    """Whether an entry of `--class-thresholds` is such a file, and not `CLASS=THRESHOLD`.

    It ends in `.json`, or has no separator and is a file that is there.
    """
    if entry.lower().endswith(".json"):
        return True
    return not {"=", ":"} & set(entry) and Path(entry).is_file()


def write_class_thresholds(
    path: Path, content: ClassThresholds, provenance: Mapping[str, object]
) -> None:
    """Write the file; readers look at nothing of `provenance`, which is for people."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "thresholds": dict(content.thresholds),
        "iou_threshold": content.iou_threshold,
    }
    if repeated := sorted(value.keys() & provenance.keys()):
        raise ValueError(f"provenance has {', '.join(repeated)}, which the file has itself")
    write_json_atomic(path, {**value, **provenance})


def read_class_thresholds(path: Path) -> ClassThresholds:
    """What `write_class_thresholds` has written; by hand, `iou_threshold` may be left out.

    Raises:
        ValueError: it cannot be read, is no JSON, another kind of file or of a later version, or
            holds a threshold outside [0, 1]; names the file, and the class.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{path}: no {_WHAT}: there is no "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path}: version {content.get('version')!r}; this refdet reads version {VERSION}"
        )
    thresholds = content.get("thresholds")
    if not isinstance(thresholds, dict):
        raise ValueError(f'{path}: "thresholds" must map class names to numbers')
    for name, threshold in thresholds.items():
        if threshold is not None:
            _check_in_unit(threshold, f"{path}: the threshold of {name!r}")
    iou_threshold = content.get("iou_threshold")
    if iou_threshold is not None:
        _check_in_unit(iou_threshold, f"{path}: iou_threshold")
    return ClassThresholds(thresholds, iou_threshold)


def _check_in_unit(value: object, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{what} is {value!r}, no number in [0, 1]")
