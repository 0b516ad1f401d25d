"""Score thresholds for each class: read them from text, name their classes, apply them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]


def parse_class_thresholds(entries: Iterable[str]) -> dict[str, float]:
    """Read entries such as `resistor=0.8` or `7:0.9`: a class, `=` or `:`, a threshold.

    The last `=` or `:` separates, so that a class's name may hold one. Spaces around the class and
    the threshold do not count.

    Args:
        entries: one class each, by name or by label.

    Returns:
        The threshold of each class, as it was written, in the order of the entries. Give it to
        `resolve_class_thresholds`, which knows the classes.

    Raises:
        TypeError: `entries` is one text instead of several, or an entry is not text.
        ValueError: an entry without separator, class or number; a threshold that is not in
            [0, 1]; a class that was named before. The message quotes the entry.

    Source:
        This project's own format.
    """
    if isinstance(entries, str):
        raise TypeError(f"entries must be several texts, got one: {entries!r}")
    parsed: dict[str, float] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise TypeError(f"entries[{index}] must be text, got {entry!r}")
        where = f"entries[{index}] = {entry!r}"
        position = max(entry.rfind("="), entry.rfind(":"))
        name = entry[: max(position, 0)].strip()
        if position < 0 or not name:
            raise ValueError(f"{where} is not of the form CLASS=THRESHOLD or CLASS:THRESHOLD")
        if name in parsed:
            raise ValueError(f"{where} names the class {name!r} again")
        parsed[name] = _parsed_threshold(entry[position + 1 :], where)
    return parsed


def resolve_class_thresholds(
    parsed: Mapping[str, float], class_names: Sequence[str]
) -> dict[int, float]:
    """The label of each class that `parse_class_thresholds` has read.

    Args:
        parsed: thresholds by a class's name or label.
        class_names: by label, each once.

    Returns:
        Thresholds by label, in the order of `parsed`.

    Raises:
        ValueError: a class that is neither a name nor a label; a number that is the label of one
            class and the name of another; a class that is given by name and by label; a threshold
            that is not in [0, 1]; two classes of the same name.

    Source:
        This project's own rule: what could mean two classes is refused.
    """
    names = list(class_names)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"class_names holds {repeated!r} more than once")
    resolved: dict[int, float] = {}
    for text, threshold in parsed.items():
        label = _label(text, names)
        if label in resolved:
            raise ValueError(f"the class {names[label]!r} (label {label}) has two thresholds")
        _check_score_threshold(threshold, f"parsed[{text!r}]")
        resolved[label] = float(threshold)
    return resolved


def score_threshold_mask(
    scores: RealArray, labels: IntArray, default: float, per_class: Mapping[int, float]
) -> Mask:
    """Which detections reach the score threshold of their class: score >= threshold.

    Compared in float64: the float32 nearest to 0.7 lies below 0.7 and does not reach it.

    Args:
        scores: (N,), any real dtype; not NaN.
        labels: (N,), any integer dtype, not negative.
        default: in [0, 1]; for the classes that `per_class` does not name.
        per_class: thresholds in [0, 1] by label; see `resolve_class_thresholds`.

    Returns:
        (N,) bool.

    Raises:
        TypeError: `scores` is not of a real, `labels` not of an integer dtype.
        ValueError: wrong shape, lengths that differ, a score that is NaN, a negative label,
            a threshold outside [0, 1].

    Source:
        This project's own rule: at equality a detection stays.
    """
    checked = _checked_scores(scores, "scores")
    classes = _checked_labels(labels, "labels", len(checked))
    _check_score_threshold(default, "default")
    thresholds = np.full(len(checked), default, np.float64)
    for label, threshold in per_class.items():
        _check_score_threshold(threshold, f"per_class[{label}]")
        if label < 0:
            raise ValueError(f"per_class names the label {label}, which is negative")
        thresholds[classes == label] = threshold
    return checked >= thresholds


def _parsed_threshold(text: str, where: str) -> float:
    try:
        threshold = float(text)
    except ValueError:
        raise ValueError(f"{where}: {text.strip()!r} is not a number") from None
    _check_score_threshold(threshold, where)
    return threshold


def _label(text: str, names: list[str]) -> int:
    by_name = names.index(text) if text in names else None
    is_label = text.isascii() and text.isdecimal() and int(text) < len(names)
    if by_name is not None and is_label and by_name != int(text):
        raise ValueError(f"{text!r} is a class's name and the label of {names[int(text)]!r}")
    if by_name is not None:
        return by_name
    if is_label:
        return int(text)
    raise ValueError(f"no class {text!r} among {names}, and no label below {len(names)}")


def _check_score_threshold(threshold: float, name: str) -> None:
    if not 0 <= threshold <= 1:
        raise ValueError(f"{name}: the threshold {threshold} is not in [0, 1]")


def _checked_scores(scores: RealArray, name: str) -> F64:
    """`scores` as (N,) float64; an error names the argument, the row and the value."""
    array = np.asarray(scores)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {array.shape}")
    checked = array.astype(np.float64, copy=False)
    if np.isnan(checked).any():
        raise ValueError(f"{name}[{int(np.isnan(checked).argmax())}] is NaN")
    return checked


def _checked_labels(labels: IntArray, name: str, length: int) -> I64:
    """`labels` as (N,) int64; an error names the argument, the row and the value."""
    array = np.asarray(labels)
    is_empty_list = array.size == 0 and array.dtype == np.float64
    if array.dtype.kind not in "iu" and not is_empty_list:
        raise TypeError(f"{name} must be of an integer dtype, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    for rows, problem in ((array < 0, "is negative"), (array > 2**63 - 1, "exceeds int64")):
        if rows.any():
            row = int(rows.argmax())
            raise ValueError(f"{name}[{row}] = {array[row]} {problem}")
    return array.astype(np.int64, copy=False)
