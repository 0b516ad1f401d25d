"""What is written about a judged data set, and the check of a data set before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.analysis_records import EvaluationIntervals
from refdet.config import CheckData, Evaluate, Infer
from refdet.data.check import format_data_report
from refdet.data.pixels import display_pixels
from refdet.data.source import open_source
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.records import AnnotatedImage, Detections, Evaluation, Problem
from refdet.report.class_counts import plot_class_counts
from refdet.report.confusion import write_confusion_csv
from refdet.report.confusion_plot import confusion_figure
from refdet.report.false_positives import (
    write_false_positive_csv,
    write_false_positive_list,
    write_false_positive_report,
)
from refdet.report.markdown import write_metrics_markdown
from refdet.report.metrics import write_metrics_csv, write_metrics_json, write_totals_csv
from refdet.report.pictures import write_pictures, write_prediction_pictures
from refdet.report.plots import precision_recall_figure, write_figure
from refdet.report.text_table import format_class_table
from refdet.terminal import say


def check_data(config: CheckData) -> int:
    """`refdet check-data`: print all that is wrong with a data set; returns the exit code."""
    report = open_source(config.source(config.data)).check()
    say(format_data_report(report))
    if config.plot:
        plot_class_counts(
            {name: split.objects for name, split in report.splits.items()}, config.plot
        )
        say(f"objects per class: {config.plot}")
    return 1 if report.errors else 0


def judge(
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    split: str,
    settings: EvaluationSettings,
    config: Infer,
) -> None:
    """Evaluate, print the table, and write every report to `config.output`, the pictures last."""
    ground_truth = [image.ground_truth for image in images]
    evaluation = evaluate_split(
        ground_truth, detections, class_names, split=split, settings=settings
    )
    say(format_class_table(evaluation))
    write_reports(images, detections, evaluation, config.output, config)


def write_reports(
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    evaluation: Evaluation,
    output: Path,
    config: Evaluate | Infer,
    intervals: EvaluationIntervals | None = None,
) -> None:
    """Write every report to `output`, the pictures of `images` last."""
    output.mkdir(parents=True, exist_ok=True)
    write_metrics_json(output / "metrics.json", evaluation, intervals)
    write_metrics_csv(output / "metrics.csv", evaluation, intervals)
    write_totals_csv(output / "totals.csv", evaluation, intervals)
    write_metrics_markdown(output / "metrics.md", evaluation, intervals)
    write_confusion_csv(output / "confusion.csv", evaluation.confusion)
    listed = _of_classes(evaluation, config.false_positive_classes)
    write_false_positive_report(output / "false_positives.json", listed)
    write_false_positive_csv(output / "false_positives.csv", listed)
    write_false_positive_list(output / "false_positive_images.txt", listed)
    write_figure(output / "precision_recall.png", precision_recall_figure(evaluation))
    write_figure(output / "confusion.png", confusion_figure(evaluation))
    if not config.draw_ground_truth:
        names = [metrics.name for metrics in evaluation.classes]
        thresholds = [metrics.score_threshold for metrics in evaluation.classes]
        draw(images, detections, names, thresholds, output, config.max_pictures)
        return
    written, problems = write_pictures(
        output / "pictures", images, detections, evaluation, display_pixels, config.max_pictures
    )
    _tell_pictures(written, problems, output)


def _of_classes(evaluation: Evaluation, names: Sequence[str]) -> Evaluation:
    """The evaluation with the false positives of these classes only; of all without any."""
    labels = {metrics.label for metrics in evaluation.classes if metrics.name in names or not names}
    kept = tuple(record for record in evaluation.false_positives if record.label in labels)
    return replace(evaluation, false_positives=kept)


def draw(
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    score_thresholds: Sequence[float],
    output: Path,
    max_pictures: int,
) -> None:
    """Draw the detections that reach their class's score threshold, without ground truth."""
    written, problems = write_prediction_pictures(
        output / "pictures",
        images,
        detections,
        class_names,
        score_thresholds,
        display_pixels,
        max_pictures,
    )
    _tell_pictures(written, problems, output)


def _tell_pictures(written: Sequence[Path], problems: Sequence[Problem], output: Path) -> None:
    for problem in problems:
        say(f"not drawn: {problem}")
    say(f"reports: {output}   pictures: {output / 'pictures'} ({len(written)})")
