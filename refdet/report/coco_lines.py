"""COCO's twelve numbers in the lines that pycocotools prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refdet.analysis_records import Estimate
from refdet.report.interval_cells import span

_IOU_THRESHOLDS = ("0.50:0.95", "0.50", "0.75")
_AREAS = ("small", "medium", "large")


def coco_lines(stats: Sequence[float], max_detections: int = 100) -> list[str]:
    """Twelve lines, character for character as pycocotools prints them for 100 detections.

    Args:
        stats: (12,) as in `Evaluation.coco_stats`; -1 where undefined, shown as -1.000.
        max_detections: how many of a class in an image were judged. The lines say so; pycocotools
            itself prints -1.000 in the first one if that is not 100.

    Returns:
        The lines, without line ends.

    Raises:
        ValueError: there are not twelve numbers.

    Source:
        pycocotools 2.0.11, `COCOeval.summarize`.
    """
    return _lines([f"{value:0.3f}" for value in stats], max_detections)


def coco_interval_lines(stats: Sequence[Estimate], max_detections: int = 100) -> list[str]:
    """The same lines with an interval in place of each number: `.351-.420`.

    Args:
        stats: (12,) as in `EvaluationIntervals.coco_stats`; `-` where undefined.
        max_detections: likewise.

    Returns:
        The lines, without line ends.

    Raises:
        ValueError: there are not twelve numbers.
    """
    return _lines(list(map(span, stats)), max_detections)


def _lines(numbers: Sequence[str], max_detections: int) -> list[str]:
    kinds = list(_kinds(max_detections))
    if len(numbers) != len(kinds):
        raise ValueError(f"stats must have {len(kinds)} numbers, got {len(numbers)}")
    return [
        f" {title} @[ IoU={iou:<9} | area={area:>6s} | maxDets={limit:>3d} ] = {number}"
        for (title, iou, area, limit), number in zip(kinds, numbers, strict=True)
    ]


def _kinds(limit: int) -> Iterator[tuple[str, str, str, int]]:
    """What each number is of: title, IoU thresholds, area, detections of a class in an image."""
    precision, recall = "Average Precision  (AP)", "Average Recall     (AR)"
    yield from ((precision, iou, "all", limit) for iou in _IOU_THRESHOLDS)
    yield from ((precision, _IOU_THRESHOLDS[0], area, limit) for area in _AREAS)
    yield from ((recall, _IOU_THRESHOLDS[0], "all", min(n, limit)) for n in (1, 10, limit))
    yield from ((recall, _IOU_THRESHOLDS[0], area, limit) for area in _AREAS)
