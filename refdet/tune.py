"""Entry point of `refdet tune`: a score threshold for each class, chosen on validation data."""

from __future__ import annotations

import math
from dataclasses import asdict

from tqdm import tqdm

from refdet import __version__
from refdet.analysis.thresholds import LEVEL, Criterion, Quantity, tune
from refdet.analysis_records import TunedThreshold
from refdet.config_analysis import Tune
from refdet.data.class_thresholds import ClassThresholds, write_class_thresholds
from refdet.evaluate import judged_columns
from refdet.reading import (
    GROUND_TRUTH_FILE,
    Truth,
    are_probabilities,
    detections_of,
    evaluation_settings,
    read_runs,
    read_truth,
)
from refdet.report.tuning import format_tuned
from refdet.terminal import say


def tune_thresholds(config: Tune) -> int:
    """`refdet tune`: choose thresholds and write them to a file; returns the exit code."""
    if config.output.is_dir():
        raise ValueError(f"--output {config.output} is a folder; a file is written")
    truth = read_truth(config, [config.run])
    settings = evaluation_settings(config, truth.objects.categories.names)
    detections = read_runs(config, truth, [config.run])
    if not are_probabilities(detections):
        raise ValueError(
            f"{detections_of(config.run)}: thresholds are in [0, 1], and the scores are not: they "
            f"go from {detections.scores.min():g} to {detections.scores.max():g}"
        )
    judged = judged_columns(truth.objects, detections, settings)
    criterion = _criterion(config)
    # None shows it on a terminal only.
    hidden = None if config.progress else True
    with tqdm(total=judged.n_classes, desc="tuning", unit="class", disable=hidden) as bar:
        tuned = tune(judged, criterion, config.samples, config.seed, bar.update)
    say(format_tuned(tuned, str(criterion), len(truth.objects.images), criterion.beta))
    _write(config, truth, tuned)
    say(f"thresholds: {config.output}")
    return 0


def _criterion(config: Tune) -> Criterion:
    """The one that is given, as the options have checked."""
    if config.precision is not None:
        return Criterion(Quantity.PRECISION, config.precision)
    if config.recall is not None:
        return Criterion(Quantity.RECALL, config.recall)
    return Criterion(Quantity.F_BETA, 1 if config.f_beta is None else config.f_beta)


def _write(config: Tune, truth: Truth, tuned: tuple[TunedThreshold, ...]) -> None:
    criterion = _criterion(config)
    thresholds = {
        one.name: None if math.isnan(one.threshold.value) else one.threshold.value for one in tuned
    }
    provenance = {
        "criterion": {criterion.quantity.value: criterion.value},
        "run": str(config.run),
        "ground_truth": str(config.gt or config.run / GROUND_TRUTH_FILE),
        "split": truth.name,
        "n_images": len(truth.objects.images),
        "max_detections": config.max_detections,
        "samples": config.samples,
        "seed": config.seed,
        "level": LEVEL,
        "refdet": __version__,
        "classes": [asdict(one) for one in tuned],
    }
    content = ClassThresholds(thresholds, config.iou_threshold)
    write_class_thresholds(config.output, content, provenance)
