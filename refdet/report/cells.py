"""What the tables of an evaluation say, as text and as Markdown alike: columns, cells, notes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from refdet.records import ClassMetrics, Evaluation, Totals

COLUMNS = (
    *("class", "objects", "TP", "FP", "FN"),
    *("P", "R", "F1"),
    *("AP", "AP75"),
    *("AP50", "VOC", "VOC07"),
)
"""The three rules for AP at IoU 0.5 stand side by side."""

SCORE_COLUMN = "score>="
"""An additional column where classes have different score thresholds."""

RULES = (
    "AP50, VOC, VOC07: AP at IoU 0.5 by COCO's, VOC 2010's and VOC 2007's rules. Matching: COCO "
    "gives a detection the best object that is still free; VOC the object it overlaps most, or "
    "nothing if that is taken. Area: AP50 is the mean over 101 recall levels, VOC the whole area "
    "under the curve, VOC07 the mean over 11 levels."
)
"""Why two papers' numbers differ."""


@dataclass(frozen=True)
class Cells:
    """A table of text.

    Attributes:
        header: names of the columns; the first is the class.
        classes: a row for each class that has objects or false positives.
        totals: a row for all classes together, and one for their mean.
        notes: sentences on what the numbers stand on; they are one paragraph each.
    """

    header: list[str]
    classes: list[list[str]]
    totals: list[list[str]]
    notes: list[str]


def cells_of(evaluation: Evaluation) -> Cells:
    """The evaluation as text; what is undefined is `-`."""
    thresholds = {metrics.score_threshold for metrics in evaluation.classes}
    shown = [one for one in evaluation.classes if is_shown(one)]
    header, classes = list(COLUMNS), [_class_cells(metrics) for metrics in shown]
    totals = _total_cells(evaluation.totals)
    if len(thresholds) > 1:
        header.append(SCORE_COLUMN)
        for row, metrics in zip(classes, shown, strict=True):
            row.append(f"{metrics.score_threshold:g}")
        for row in totals:
            row.append("")
    return Cells(header, classes, totals, _notes(evaluation))


def is_shown(metrics: ClassMetrics) -> bool:
    """Whether there is anything to say about a class."""
    return bool(metrics.n_ground_truth or metrics.false_positives)


def score_condition(evaluation: Evaluation) -> str:
    """What a score must reach to be counted, in a few words."""
    thresholds = {metrics.score_threshold for metrics in evaluation.classes}
    return f"score >= {thresholds.pop():g}" if len(thresholds) == 1 else "score as listed"


def share(value: float) -> str:
    """Three digits; `-` for what is undefined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def counted(count: int, one: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def one_line(text: str) -> str:
    r"""Text without line ends and control characters, which become escapes such as `\n`."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _class_cells(metrics: ClassMetrics) -> list[str]:
    counts = (metrics.true_positives, metrics.false_positives, metrics.false_negatives)
    rates = (metrics.precision, metrics.recall, metrics.f1, metrics.ap, metrics.ap75)
    rules = (metrics.ap50, metrics.ap50_voc, metrics.ap50_voc07)
    return [
        one_line(metrics.name),
        *(str(count) for count in (metrics.n_ground_truth, *counts)),
        *(share(value) for value in (*rates, *rules)),
    ]


def _total_cells(totals: Totals) -> list[list[str]]:
    counts = (totals.true_positives, totals.false_positives, totals.false_negatives)
    micro = (totals.micro_precision, totals.micro_recall, totals.micro_f1)
    macro = (totals.macro_precision, totals.macro_recall, totals.macro_f1)
    aps = (totals.mean_ap, totals.mean_ap75)
    rules = (totals.mean_ap50, totals.mean_ap50_voc, totals.mean_ap50_voc07)
    return [
        [
            "micro",
            *(str(count) for count in (totals.n_ground_truth, *counts)),
            *(share(value) for value in micro),
            *[""] * (len(aps) + len(rules)),
        ],
        ["macro", *[""] * 4, *(share(value) for value in (*macro, *aps, *rules))],
    ]


def _notes(evaluation: Evaluation) -> list[str]:
    ignored = evaluation.confusion
    notes = [
        f"Split {one_line(evaluation.split)}, {counted(evaluation.n_images, 'image')}. "
        f"TP to F1: IoU >= {evaluation.iou_threshold:g}, {score_condition(evaluation)}. "
        f"AP to VOC07: every detection, at most {evaluation.max_detections} of a class in an image"
        ". micro: all classes together; macro: mean of the classes in which it is defined."
    ]
    if ignored.ignored_detections or ignored.ignored_objects:
        notes.append(
            f"Objects that do not count: {ignored.ignored_objects}; detections that found one and "
            f"are neither right nor wrong: {ignored.ignored_detections}."
        )
    if ignored.unjudged_detections:
        notes.append(
            f"Not judged: {ignored.unjudged_detections} detections, beyond the best "
            f"{evaluation.max_detections} of their class in their image."
        )
    if evaluation.classes_without_ground_truth:
        names = ", ".join(one_line(name) for name in evaluation.classes_without_ground_truth)
        notes.append(f"Without ground truth, left out of the means: {names}.")
    return [*notes, RULES]
