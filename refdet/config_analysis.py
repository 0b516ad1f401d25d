"""The options of the commands that say why a detector is wrong, and how sure that is.

A *run* is what a detector found: a file or folder of detections in any format, or the folder that
`refdet infer` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from refdet.config import Sides, flag, own_first, require_at_least, require_in


@dataclass(frozen=True, kw_only=True)
class Analysed(Sides):
    """The ground truth of runs, what counts as a detection, and how often images are resampled."""

    gt: Path | None = None
    """Ground truth: a COCO JSON file, or the folder of a VOC, YOLO or npy-csv data set. Without it:
    the ground_truth.json in the first run's folder."""
    score_threshold: float = 0.5
    """Counts and lists take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4; or the file that
    `refdet tune` has written, which single ones beside it win over: tuned.json WBC=0.6"""
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


@own_first
@dataclass(frozen=True, kw_only=True)
class Report(Analysed):
    """Write one HTML page about a run, or about two side by side; it needs no network.

    refdet report runs/first/test --gt VOC2007 --split test --output report.html

    refdet report a.json b.json --gt instances_val2017.json --images val2017 --output report.html

    What is inside: every number with its interval, findings in words, curves, confusions, kinds of
    error, calibration, a slider per class for its score threshold, and a gallery of false positives
    and missed objects that saves the list for `refdet train --exclude-list`.
    """

    runs: Positional[tuple[Path, ...]]
    """One run or two: files of detections, or folders that `refdet infer` wrote."""
    output: Path
    """The page to write, such as report.html; one that is there is replaced. It is one file, below
    20 MB: of very many errors the gallery has pictures of some, of each kind and class in turn."""
    image_table: Path | None = None
    """CSV with a row for each image, named in its column `image`, and what is known of it in the
    others, such as site, camera or date: the page then says in which images the detector is worse,
    as `refdet slices` does."""
    by: tuple[str, ...] = ()
    """Columns to slice by: of --image-table, or image-size and object-count, which need none.
    Without any: all of them if there is a table."""
    plots: Path | None = None
    """Folder for the plots as PNG and SVG, too; made if it does not exist."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.runs) not in {1, 2}:
            raise ValueError(f"name one run or two: refdet report RUN [RUN]; got {len(self.runs)}")


@own_first
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


@own_first
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


@own_first
@dataclass(frozen=True, kw_only=True)
class Slices(Analysed):
    """Say in which images the detector is worse, by site, camera, date, size or what else is known.

    refdet slices runs/first/test --image-table images.csv --by site camera --output sliced

    Text makes a slice for each value; many numbers make four ranges, dates make years, quarters,
    months, days or hours. Every slice is compared with all other images; p-values come from
    shuffling the images, --samples times or fewer where there is much to judge, and are corrected
    for how many slices were looked at: of many, one is always the worst.
    """

    run: Positional[Path]
    """A file or folder of detections, or a folder that `refdet infer` wrote."""
    image_table: Path | None = None
    """CSV with a row for each image, named in its column `image`, and what is known of it in the
    others. A row of another image, or an image without a row, is an error, or --ignore-unknown."""
    by: tuple[str, ...] = ()
    """Columns to slice by: of --image-table, or image-size and object-count, which need none.
    Without any: all of them that can be."""
    output: Path | None = None
    """Folder for slices.csv, slices.json and slices.md; made if it does not exist."""


@own_first
@dataclass(frozen=True, kw_only=True)
class Tune(Analysed):
    """Find a score threshold for each class on validation data, and write them to a file.

    refdet tune runs/first/val --f-beta 1 --output thresholds.json

    refdet tune runs/first/val --precision 0.9 --output thresholds.json

    Then give the file to any command: refdet infer ... --class-thresholds thresholds.json

    Tune on images that were neither trained on nor are the test. On the images that a threshold was
    chosen on, it looks better than it is; beside that stands what to expect on others. A class for
    which no threshold does what is asked for keeps --score-threshold, and that is said.
    """

    run: Positional[Path]
    """A file or folder of detections, or a folder that `refdet infer` wrote: of validation data,
    with detections of low scores, too."""
    output: Path
    """The file to write, such as thresholds.json; one that is there is replaced."""
    f_beta: float | None = None
    """Take the threshold where F-beta is highest, with this beta: 1 weighs precision and recall
    alike, 2 recall twice as much, 0.5 half as much."""
    precision: float | None = None
    """Take the threshold that reaches this precision on these images, with the highest recall."""
    recall: float | None = None
    """Take the highest threshold that reaches this recall on these images."""
    score_threshold: float = 0.5
    """What a class keeps for which no threshold does what is asked for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = [name for name in CRITERIA if getattr(self, name) is not None]
        if len(asked) != 1:
            got = " ".join(map(flag, asked)) or "none"
            raise ValueError(f"give one of --f-beta, --precision and --recall, got {got}")
        require_in(self, "(0, inf)" if asked == ["f_beta"] else "(0, 1]", *asked)
        if self.output.suffix.lower() != ".json":
            raise ValueError(f"--output {self.output}: the file's name must end in .json")


CRITERIA = ("f_beta", "precision", "recall")
"""Of which `refdet tune` takes one."""
