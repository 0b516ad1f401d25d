"""What the commands that judge files have in common: read ground truth and runs, say what is met.

A *run* is what a detector found: a file or folder of detections, or the folder of `refdet infer`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.config import Evaluate, Infer
from refdet.config_analysis import Analysed, AuditLabels
from refdet.core.thresholds import parse_class_thresholds, resolve_class_thresholds
from refdet.data.class_thresholds import names_a_file, read_class_thresholds
from refdet.data.counted_ids import of_counted_ids
from refdet.data.formats import GroundTruthRead, read_ground_truth
from refdet.data.options import GroundTruthFormat
from refdet.data.recognise import detection_formats
from refdet.data.unused import refuse_unused
from refdet.evaluate import EvaluationSettings
from refdet.shards import DetectionReader, Pool, read_files
from refdet.shards.pool import ALONE
from refdet.terminal import say

GROUND_TRUTH_FILE = "ground_truth.json"
PREDICTIONS_FILE = "predictions.csv"

Judging: TypeAlias = Evaluate | Analysed | AuditLabels
"""The options of a command that judges runs against ground truth."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth that runs are judged against.

    Attributes:
        read: as it lies in its file.
        objects: the same with its images named as `refdet infer` names them.
        name: of the split.
    """

    read: GroundTruthRead
    objects: ObjectColumns
    name: str

    @property
    def image_files(self) -> dict[int, Path]:
        """The image files by image id; an image without one is not in it."""
        images = self.read.objects.images
        return {
            image_id: self.read.image_files[name]
            for image_id, name in zip(images.ids.tolist(), images.names, strict=True)
            if name in self.read.image_files
        }


def read_truth(config: Judging, runs: Sequence[Path], *, tell: bool = True) -> Truth:
    """Read --gt, or the ground truth that lies with the first run; prints what was settled.

    Args:
        config: the options.
        runs: to be judged against it.
        tell: False to print nothing, where the same has been printed already.

    Raises:
        ValueError: names the file and the place in it, or the option.
    """
    gt = config.gt or _truth_of(runs[0])
    options = config.source(gt)
    read = read_ground_truth(
        gt,
        declared=config.declared_format,
        split=config.split if config.gt else None,
        images=config.images,
        options=options,
    )
    formats = detection_formats(map(detections_of, runs), config.dt_format)
    refuse_unused(options, config.split, read.file_format, formats)
    of_ids = of_counted_ids(read.objects, read.file_format, formats)
    for sentence in (*read.sentences, *_of_ignored(read.objects), *of_ids):
        if tell:
            say(sentence)
    return Truth(read, _named_as_infer_does(read), config.split or read.split or _name_of(gt))


def read_runs(
    config: Judging, truth: Truth, runs: Sequence[Path], pool: Pool = ALONE
) -> DetectionColumns:
    """The detections in all of `runs` together; prints what was met.

    Raises:
        ValueError: names the file and the place in it.
    """
    reader = DetectionReader(
        truth.read.objects,
        declared=config.dt_format,
        split=config.split,
        one_based=config.one_based,
        ignore_unknown=config.ignore_unknown,
    )
    detections, sentences = read_files([detections_of(run) for run in runs], reader, pool)
    for sentence in (*sentences, *_of_scores(detections, config)):
        say(sentence)
    return detections


def detections_of(run: Path) -> Path:
    """The predictions of a folder that `refdet infer` wrote; any other path is the detections."""
    return run / PREDICTIONS_FILE if (run / PREDICTIONS_FILE).is_file() else run


def run_names(runs: Sequence[Path]) -> list[str]:
    """The last parts of each path, as few as tell all apart; of a single run the last two."""
    # The folder that one is in, and the one above, have a name when their whole path is known.
    whole = [run.resolve() if set(run.parts) <= {".."} else run for run in runs]
    if len(whole) == 1:
        return [_last(whole[0], 2)]
    for count in range(1, max(len(path.parts) for path in whole) + 1):
        names = [_last(path, count) for path in whole]
        if len(set(names)) == len(names):
            return names
    return [path.as_posix() for path in whole]


def _last(path: Path, count: int) -> str:
    return Path(*path.parts[-count:]).as_posix()


def evaluation_settings(
    config: Evaluate | Infer | Analysed, class_names: Sequence[str]
) -> EvaluationSettings:
    """What the options of a command say about counting; prints what a file of thresholds lacks.

    Raises:
        ValueError: names the option, or the file and the class in it.
    """
    background = EvaluationSettings.background_threshold
    if not background <= config.iou_threshold <= 1:
        raise ValueError(
            f"--iou-threshold must be in [{background:g}, 1], got {config.iou_threshold:g}: below "
            f"{background:g} a detection lies on background"
        )
    files = [Path(entry) for entry in config.class_thresholds if names_a_file(entry)]
    single = [entry for entry in config.class_thresholds if not names_a_file(entry)]
    if len(files) > 1:
        raise ValueError(f"--class-thresholds takes one file, got {' '.join(map(str, files))}")
    per_class = resolve_class_thresholds(parse_class_thresholds(single), class_names)
    for file in files:
        per_class = _with_tuned(config, file, list(class_names), per_class)
    settings = EvaluationSettings(
        iou_threshold=config.iou_threshold,
        score_threshold=config.score_threshold,
        class_thresholds=per_class,
    )
    if isinstance(config, Infer):
        return settings
    return replace(settings, max_detections=config.max_detections)


def _with_tuned(
    config: Evaluate | Infer | Analysed, file: Path, names: list[str], single: dict[int, float]
) -> dict[int, float]:
    """Those in `file` and `single`, which wins; says what has none, and what is of another IoU."""
    tuned = read_class_thresholds(file)
    if unknown := [name for name in tuned.thresholds if name not in names]:
        raise ValueError(
            f"{file}: thresholds of {', '.join(map(repr, unknown))}; the classes are "
            f"{', '.join(names)}"
        )
    given = {names.index(name): value for name, value in tuned.thresholds.items()}
    merged = {label: value for label, value in given.items() if value is not None} | single
    if kept := [name for label, name in enumerate(names) if label not in merged]:
        say(f"{file}: no threshold for {', '.join(kept)}, which keeps {config.score_threshold:g}")
    if tuned.iou_threshold not in (None, config.iou_threshold):
        say(f"{file}: tuned at IoU {tuned.iou_threshold:g}, used at {config.iou_threshold:g}")
    return merged


def refuse_unknown_classes(config: Evaluate | Infer, class_names: Sequence[str]) -> None:
    """ValueError if the false positives of a class are asked for that is not there."""
    if unknown := [name for name in config.false_positive_classes if name not in class_names]:
        raise ValueError(
            f"--false-positive-classes {' '.join(unknown)}: there is {', '.join(class_names)}"
        )


def are_probabilities(detections: DetectionColumns) -> bool:
    """Whether all scores are in [0, 1]."""
    return bool(((detections.scores >= 0) & (detections.scores <= 1)).all())


def _truth_of(run: Path) -> Path:
    file = run / GROUND_TRUTH_FILE
    if not file.is_file():
        raise ValueError(
            f"--gt is not given and there is no {file}: name the ground truth, or give a folder "
            "that `refdet infer --data` has written"
        )
    return file


def _name_of(gt: Path) -> str:
    """Of ground truth without a split; what lies with a run of `refdet infer` is called as that."""
    of_run = gt.name == GROUND_TRUTH_FILE and (gt.parent / PREDICTIONS_FILE).is_file()
    return gt.resolve().parent.name if of_run else gt.stem


def _of_ignored(objects: ObjectColumns) -> Iterator[str]:
    if count := int(np.count_nonzero(objects.ignore & ~objects.crowd)):
        are = "object is" if count == 1 else "objects are"
        yield f"{count} {are} marked ignore: not counted (pycocotools counts them)"


def _of_scores(detections: DetectionColumns, config: Judging) -> Iterator[str]:
    if not are_probabilities(detections):
        low, high = detections.scores.min(), detections.scores.max()
        yield (
            f"scores go from {low:g} to {high:g}: AP needs their order alone; counted is what "
            f"reaches --score-threshold {config.score_threshold:g} as it stands; no pictures are "
            "drawn, which need scores in [0, 1]"
        )


def _named_as_infer_does(read: GroundTruthRead) -> ObjectColumns:
    """The objects; VOC's and YOLO's images without the suffix of their files, if that is distinct.

    Lists of images with false positives are then the same whichever command has written them.
    """
    images = read.objects.images
    stems = tuple(Path(name).stem for name in images.names)
    by_stem = read.file_format in (GroundTruthFormat.VOC, GroundTruthFormat.YOLO)
    if not by_stem or len(set(stems)) < len(stems):
        return read.objects
    return replace(read.objects, images=replace(images, names=stems))
