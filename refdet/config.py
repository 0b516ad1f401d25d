"""The options of every command, as dataclasses: a field is an option, its docstring is its help.

Commands that share options inherit them. Those of training are in `refdet.config_train`;
`refdet.config_file` saves options as TOML and reads them.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from refdet.data.options import (
    BoxCoordinates,
    DetectionFormat,
    GroundTruthFormat,
    Layout,
    PixelRangeOption,
    SourceOptions,
    TargetFormat,
)


class Precision(StrEnum):
    """The number format of the network's arithmetic."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


Options = TypeVar("Options")


def own_first(options: type[Options]) -> type[Options]:
    """Put the options of a command before those it inherits, in its help and in saved files.

    What must be given comes first of all, then from the command itself to the last base.
    """
    fields: dict[str, Field[object]] = vars(options)["__dataclass_fields__"]
    family = [vars(one).get("__annotations__", {}) for one in options.__mro__]

    def place(name: str) -> tuple[bool, int]:
        # A field that is declared again stays with those of its first declaration.
        declared = max(depth for depth, own in enumerate(family) if name in own)
        return fields[name].default is not MISSING, declared

    for name in sorted(fields, key=place):
        fields[name] = fields.pop(name)
    return options


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How the files of a data set are to be read."""

    layout: Layout = Layout.AUTO
    """voc (Annotations/*.xml, JPEGImages/*, ImageSets/Main/<split>.txt), npy-csv
    (<split>/images/*.npy, <split>/labels/*.csv), or auto: the one whose folders are there."""
    classes: tuple[str, ...] = ()
    """Class names in label order. Without any: voc takes all names in the annotations, sorted;
    npy-csv calls them class_00, class_01 ..."""
    one_based: bool = True
    """voc: annotated coordinates start at 1, as its standard says."""
    image_folder: str = "images"
    """npy-csv: the folder of images in a split's folder."""
    label_folder: str = "labels"
    """npy-csv: the folder of CSV files in a split's folder."""
    pixel_range: PixelRangeOption = PixelRangeOption.AUTO
    """npy-csv: pixels are uint8, floats in [0, 1] (unit) or in [-1, 1] (symmetric); auto looks at
    the whole data set and says what it chose."""
    box_coordinates: BoxCoordinates = BoxCoordinates.AUTO
    """npy-csv: boxes in pixels, or normalized to the image's sides; auto likewise."""
    first_class: int = 0
    """npy-csv: the number of the first class in the CSV files; in reports it is always 0."""

    def source(self, root: Path) -> SourceOptions:
        """What the reader of `root` has to know."""
        return SourceOptions(
            root=root,
            layout=self.layout,
            class_names=self.classes,
            one_based=self.one_based,
            image_folder=self.image_folder,
            label_folder=self.label_folder,
            pixel_range=self.pixel_range,
            box_coordinates=self.box_coordinates,
            first_class=self.first_class,
        )


@own_first
@dataclass(frozen=True, kw_only=True)
class Infer(DataOptions):
    """Run a checkpoint over images, write what it finds, and judge it where there is ground truth.

    With `--data` and `--split`: predictions, the table per class, false positives, curves and
    pictures. With `--images`: predictions and pictures of any folder of images, however large.
    Ctrl-C ends after the current batch; what was found until then is in predictions_partial.csv.

    Exits with 0 when all images are done, those that --ignore-unreadable left out among them; with
    1 on an error, and with 130 when Ctrl-C has stopped it before the last image.
    """

    checkpoint: Path
    """best.pt or last.pt of a training run."""
    output: Path
    """Folder for everything that is written; made if it does not exist."""
    data: Path | None = None
    """Folder of a data set with ground truth."""
    split: str = "test"
    """Split of --data to run on."""
    images: Path | None = None
    """Folder of images without ground truth, instead of --data."""
    ignore_unreadable: bool = False
    """With --images: leave out, count and name at the end the images that cannot be read; else they
    are an error, before the work where the header shows it."""
    score_threshold: float = 0.5
    """Counts, lists and pictures take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4; or the file that
    `refdet tune` has written, which single ones beside it win over: tuned.json WBC=0.6"""
    iou_threshold: float = 0.5
    """A detection with at least this IoU can be a true positive."""
    false_positive_classes: tuple[str, ...] = ()
    """List and report the false positives of these classes only, by name. Without any: of all."""
    max_pictures: int = 40
    """Pictures to draw; those with the most errors come first."""
    draw_ground_truth: bool = True
    """Draw the ground truth beside the predictions."""
    min_score: float = 0.01
    """The network's detections below this score are not kept at all."""
    nms_iou: float = 0.45
    """Of two detections of a class that overlap more than this, the lower-scored one goes."""
    top_k: int = 200
    """Most detections per image."""
    batch_size: int = 8
    """Images per step."""
    workers: int = 2
    """Threads that read and prepare images while the network runs."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU if there is one."""
    precision: Precision = Precision.FP32
    """fp32 gives the same detections everywhere. bf16 and fp16 change scores a little and are
    faster on a GPU; auto takes bf16 where the processor computes it in hardware, else fp32."""
    compile: bool = False
    """Compile the network with torch.compile: slow first batches, faster ones after, so it is for
    thousands of images. Scores may change in their last digits."""
    threads: int = 0
    """CPU threads of the arithmetic; 0 takes one per core."""
    progress: bool = True
    """Show how many images are done: by a bar, or where there is no terminal by a line every half
    minute."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "top_k", "batch_size", "workers")
        require_at_least(self, 0, "max_pictures", "threads")
        if self.ignore_unreadable and self.data:
            raise ValueError(
                "--ignore-unreadable is of --images: what is judged with --data has to be whole"
            )


@dataclass(frozen=True, kw_only=True)
class Sides(DataOptions):
    """How detections go with ground truth; `layout` and what follows describe --gt."""

    gt_format: GroundTruthFormat = GroundTruthFormat.AUTO
    """Format of --gt; auto goes by --layout, then by what is there, and says so."""
    dt_format: DetectionFormat = DetectionFormat.AUTO
    """Format of the detections; auto goes by what is there, and says so."""
    split: str | None = None
    """Split of a folder with splits; a single one need not be named."""
    images: Path | None = None
    """coco, yolo: the folder of image files, where they do not lie beside the labels."""
    ignore_unknown: bool = False
    """Leave out and count detections in images or of classes that the ground truth does not have;
    else they are an error."""

    @property
    def declared_format(self) -> GroundTruthFormat:
        """Of the ground truth, by --gt-format or by --layout."""
        if self.gt_format is GroundTruthFormat.AUTO and self.layout is not Layout.AUTO:
            return GroundTruthFormat(self.layout.value)
        return self.gt_format


@dataclass(frozen=True, kw_only=True)
class TwoSides(Sides):
    """Ground truth that has to be named, and how detections go with it."""

    gt: Path
    """Ground truth: a COCO JSON file, or the folder of a VOC, YOLO or npy-csv data set."""


@own_first
@dataclass(frozen=True, kw_only=True)
class Evaluate(TwoSides):
    """Judge detections, yours or anyone's, against ground truth in any format. Needs no torch.

    COCO: refdet evaluate --gt instances_val2017.json --dt results.json --coco

    Pascal VOC: refdet evaluate --gt VOC2007 --split test --dt results/Main --output judged

    YOLO: refdet evaluate --gt dataset --split val --dt runs/detect/predict/labels

    npy and CSV, in parts: refdet evaluate --gt circuits --split val --dt rank0.csv rank1.csv

    Any --dt goes with any --gt, and several are judged as one.
    """

    dt: tuple[Path, ...]
    """Detections, in one or more parts: COCO results JSON, predictions.csv, a folder of VOC's
    comp3_det_<split>_<class>.txt or of YOLO's .txt with scores."""
    output: Path | None = None
    """Folder for table, metrics, curves, confusion matrix, false positives and pictures; made if it
    does not exist. Without it, the table is printed and nothing is written."""
    coco: bool = False
    """Print COCO's twelve numbers, too, as pycocotools does."""
    errors: bool = False
    """Print what goes wrong, too: false positives and misses by TIDE's six kinds, with the AP that
    each would give back, and LRP. With --output also as errors.json and errors.csv."""
    bootstrap: int = 0
    """Draw so many bootstrap samples of the images, such as 1000, and give every fraction the
    interval of 95 % that follows from them. 0 gives none."""
    seed: int = 0
    """Of the samples: the same seed gives the same intervals."""
    score_threshold: float = 0.5
    """Counts and lists take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4; or the file that
    `refdet tune` has written, which single ones beside it win over: tuned.json WBC=0.6"""
    iou_threshold: float = 0.5
    """A detection with at least this IoU can be a true positive."""
    max_detections: int = 100
    """Of a class in an image, judge so many detections, the best first."""
    false_positive_classes: tuple[str, ...] = ()
    """List and report the false positives of these classes only, by name. Without any: of all."""
    max_pictures: int = 40
    """Pictures to draw; those with the most errors come first."""
    draw_ground_truth: bool = True
    """Draw the ground truth beside the predictions."""
    workers: int = 1
    """Processes that read the files of --dt and match parts of the data set."""
    dask: str | None = None
    """Address of a Dask scheduler whose workers are to do that, such as tcp://10.0.0.5:8786; or
    local, for a cluster of --workers on this machine. Needs refdet[dask]."""

    def __post_init__(self) -> None:
        require_at_least(self, 0, "max_pictures", "seed")
        require_at_least(self, 1, "max_detections", "workers")
        if self.bootstrap:
            require_at_least(self, 100, "bootstrap")
        elif self.seed:
            raise ValueError(f"--seed {self.seed} is of --bootstrap, which draws no samples")
        if not self.dt:
            raise ValueError("--dt needs at least one file or folder of detections")


@own_first
@dataclass(frozen=True, kw_only=True)
class CheckData(DataOptions):
    """Read a whole data set, print every problem at once, count it, and plot the counts.

    Exits with 1 if anything is wrong that training would stop at.
    """

    data: Path
    """Folder of the data set."""
    plot: Path | None = None
    """Write a bar chart of objects per class to this PNG."""


@own_first
@dataclass(frozen=True, kw_only=True)
class Convert(TwoSides):
    """Write ground truth, or detections, in another format, and say what it cannot hold.

    Without `--dt` the ground truth is converted, with its image files. With it the detections are,
    and the ground truth gives images and classes their ids, names and sizes. `--split` is also
    what the split is called in the output.
    """

    to: TargetFormat
    """Format to write. Ground truth: coco, voc, yolo, npy-csv. Detections: coco, voc, yolo, csv."""
    output: Path
    """File (coco, csv) or folder to write."""
    dt: tuple[Path, ...] = ()
    """Detections, in one or more parts: COCO results JSON, predictions.csv, a folder of VOC's
    comp3_det_<split>_<class>.txt or of YOLO's .txt with scores."""
    overwrite: bool = False
    """Replace what is at --output: a file, or a folder that holds nothing else than is written."""


Interval: TypeAlias = Literal["(0, 1]", "[0, 1]", "[0, 1)", "[0, 0.5]", "(0, inf)"]


def require_at_least(config: object, least: float, *names: str) -> None:
    """Raise ValueError, naming the option, unless these fields are at least that."""
    for name in names:
        value = getattr(config, name)
        if not value >= least:
            raise ValueError(f"{flag(name)} must be at least {least:g}, got {value}")


def require_in(config: object, interval: Interval, *names: str) -> None:
    """Raise ValueError, naming the option, unless these fields are in the interval."""
    low, high = (float(end) for end in interval[1:-1].split(", "))
    for name in names:
        value = getattr(config, name)
        at_an_open_end = (interval[0] == "(" and value == low) or (
            interval[-1] == ")" and value == high
        )
        if not low <= value <= high or at_an_open_end:
            raise ValueError(f"{flag(name)} must be in {interval}, got {value}")


def flag(name: str) -> str:
    """The option that sets the field `name`."""
    # A name that is a word of Python, such as `as`, has an underscore behind it.
    return "--" + name.rstrip("_").replace("_", "-")
