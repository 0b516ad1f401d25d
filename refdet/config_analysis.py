"""The options of the commands that say why a detector is wrong, and how sure that is.

A *run* is what a detector found: a file or folder of detections in any format, or the folder that
`refdet infer` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from refdet.config import Sides, require_at_least, require_in


@dataclass(frozen=True, kw_only=True)
class Analysed(Sides):
    """The ground truth of runs, what counts as a detection, and how often images are resampled."""

    gt: Path | None = None
    """Ground truth: a COCO JSON file, or the folder of a VOC, YOLO or npy-csv data set. Without it:
    the ground_truth.json in the first run's folder."""
    score_threshold: float = 0.5
    """Counts and lists take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4"""
    iou_threshold: float = 0.5
    """A detection with at least this IoU can be a true positive."""
    max_detections: int = 100
    """Of a class in an image, judge so many detections, the best first."""
    samples: int = 1000
    """Bootstrap samples of the images, for intervals of 95 %."""
    seed: int = 0
    """Of the samples: the same seed gives the same intervals."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "max_detections")
        require_at_least(self, 100, "samples")
        require_at_least(self, 0, "seed")


@dataclass(frozen=True, kw_only=True)
class Report(Analysed):
    """Write one HTML page about a run, or about two side by side; it needs no network.

    refdet report runs/first/test --gt VOC2007 --split test --output report.html
    """

    runs: Positional[tuple[Path, ...]]
    """One run or two: files of detections, or folders that `refdet infer` wrote."""
    output: Path
    """The page to write; one that is there is replaced."""


@dataclass(frozen=True, kw_only=True)
class Compare(Analysed):
    """Say whether one run is better than another on the same images, how sure that is, and why.

    refdet compare runs/first/test runs/second/test

    refdet compare a.json b.json --gt instances_val2017.json --output compared
    """

    runs: Positional[tuple[Path, Path]]
    """Two runs, A and B: files of detections, or folders that `refdet infer` wrote. Differences
    are B - A."""
    output: Path | None = None
    """Folder for comparison.json, .csv and .md, for the list of what changed, and for pictures of
    the most changed images; made if it does not exist. Without it, all is printed only."""
    max_pictures: int = 20
    """Pictures to draw; the most changed images come first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, 0, "max_pictures")


@dataclass(frozen=True, kw_only=True)
class AuditLabels(Sides):
    """Rank what several runs see and nobody has annotated: candidates for missing labels.

    refdet audit-labels runs/a/train runs/b/train runs/c/train --output audit

    Runs of different models are best, trained with other seeds or on other parts of the data;
    epochs of one will do. Look at the pictures first. candidates_coco.json has the candidates as
    annotations of their images, for an annotation tool, to take or to reject.
    """

    runs: Positional[tuple[Path, ...]]
    """Files of detections, or folders that `refdet infer` wrote, all of the same images. One will
    do, but nothing then tells its own errors from missing labels."""
    output: Path
    """Folder for candidates.csv, candidates.json, candidates_coco.json and pictures; made if it
    does not exist."""
    gt: Path | None = None
    """Ground truth: a COCO JSON file, or the folder of a VOC, YOLO or npy-csv data set. Without it:
    the ground_truth.json in the first run's folder."""
    score_threshold: float = 0.05
    """Take detections from this score on; low, since what several runs see faintly counts too."""
    max_detections: int = 100
    """Of a class in an image, judge so many detections, the best first."""
    max_pictures: int = 100
    """Candidates to draw, the best first; a sheet holds twenty."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "max_detections")
        require_at_least(self, 0, "max_pictures")
        require_in(self, "[0, 1]", "score_threshold")
        if not self.runs:
            raise ValueError("name at least one run: refdet audit-labels RUN RUN ...")
