"""Entry points that need no torch: judge predictions, and check a data set before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.config import CheckData, Evaluate, Infer
from refdet.core.thresholds import parse_class_thresholds, resolve_class_thresholds
from refdet.data.check import format_data_report
from refdet.data.pixels import display_pixels
from refdet.data.predictions import read_predictions_coco, read_predictions_csv
from refdet.data.source import open_source
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.records import AnnotatedImage, Detections, Evaluation, Problem
from refdet.report.class_counts import plot_class_counts
from refdet.report.false_positives import write_false_positive_list, write_false_positive_report
from refdet.report.metrics import write_metrics_json
from refdet.report.pictures import write_pictures, write_prediction_pictures
from refdet.report.plots import precision_recall_figure, write_figure
from refdet.report.table import class_table, format_class_table
from refdet.terminal import say


def evaluate_predictions(config: Evaluate) -> int:
    """`refdet evaluate`: judge a predictions file; returns the exit code."""
    source = open_source(config.source(config.data))
    for sentence in source.settled:
        say(sentence)
    class_names = source.class_names
    settings = evaluation_settings(config, class_names)
    split = source.read_split(config.split)
    for problem in split.dropped:
        say(f"left out: {problem}")
    read = read_predictions_coco if config.predictions.suffix == ".json" else read_predictions_csv
    names = [image.ground_truth.image for image in split.images]
    detections = read(config.predictions, names, class_names)
    judge(split.images, detections, class_names, config.split, settings, config)
    return 0


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


def evaluation_settings(config: Evaluate | Infer, class_names: Sequence[str]) -> EvaluationSettings:
    """What the options of a command say about counting; ValueError names what is wrong."""
    if unknown := [name for name in config.false_positive_classes if name not in class_names]:
        raise ValueError(
            f"--false-positive-classes {' '.join(unknown)}: there is {', '.join(class_names)}"
        )
    per_class = resolve_class_thresholds(
        parse_class_thresholds(config.class_thresholds), class_names
    )
    return EvaluationSettings(
        iou_threshold=config.iou_threshold,
        score_threshold=config.score_threshold,
        class_thresholds=per_class,
    )


def judge(
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    split: str,
    settings: EvaluationSettings,
    config: Evaluate | Infer,
) -> None:
    """Evaluate, print the table, and write every report to `config.output`, the pictures last."""
    ground_truth = [image.ground_truth for image in images]
    evaluation = evaluate_split(
        ground_truth, detections, class_names, split=split, settings=settings
    )
    say(format_class_table(evaluation))
    output = config.output
    output.mkdir(parents=True, exist_ok=True)
    write_metrics_json(output / "metrics.json", evaluation)
    class_table(evaluation).to_csv(output / "metrics.csv")
    listed = _of_classes(evaluation, config.false_positive_classes)
    write_false_positive_report(output / "false_positives.json", listed)
    write_false_positive_list(output / "false_positive_images.txt", listed)
    write_figure(output / "precision_recall.png", precision_recall_figure(evaluation))
    if not config.draw_ground_truth:
        draw(images, detections, class_names, settings, config)
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
    settings: EvaluationSettings,
    config: Evaluate | Infer,
) -> None:
    """Draw the detections that reach their score thresholds, without ground truth."""
    thresholds = [
        settings.class_thresholds.get(label, settings.score_threshold)
        for label in range(len(class_names))
    ]
    written, problems = write_prediction_pictures(
        config.output / "pictures",
        images,
        detections,
        class_names,
        thresholds,
        display_pixels,
        config.max_pictures,
    )
    _tell_pictures(written, problems, config.output)


def _tell_pictures(written: Sequence[Path], problems: Sequence[Problem], output: Path) -> None:
    for problem in problems:
        say(f"not drawn: {problem}")
    say(f"reports: {output}   pictures: {output / 'pictures'} ({len(written)})")
