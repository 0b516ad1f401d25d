"""The options of every command, as dataclasses: a field is an option, its docstring is its help.

Commands that share options inherit them. `refdet.config_file` saves them as TOML and reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

from refdet.data.options import BoxCoordinates, Layout, PixelRangeOption, SourceOptions
from refdet.models.faster_rcnn_spec import Anchors, Backbone


class Optimizer(StrEnum):
    """How the weights move."""

    ADAMW = "adamw"
    SGD = "sgd"


class Schedule(StrEnum):
    """How the learning rate changes over the run, after its rise."""

    ONE_CYCLE = "one-cycle"
    MILESTONES = "milestones"
    CONSTANT = "constant"


class Precision(StrEnum):
    """The number format of the network's arithmetic."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Priors(StrEnum):
    """The boxes that SSD300 starts from."""

    BCCD = "bccd"
    COCO = "coco"


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


@dataclass(frozen=True, kw_only=True)
class Train(DataOptions):
    """What every detector is trained by.

    Several processes train together under torchrun, each with its share of the data:
    `torchrun --nproc-per-node=2 -m refdet train ...`. Ctrl-C ends after the current step;
    `--resume` goes on exactly there.
    """

    data: Path
    """Folder of the data set."""
    output: Path
    """Folder for checkpoints, history and curves; made if it does not exist."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to judge epochs on."""
    exclude_list: Path | None = None
    """Text file with names of training images to leave out, one a line, such as the
    false_positive_images.txt of `refdet infer`; a name that matches nothing is an error."""
    epochs: int = 60
    """Passes over the training split."""
    batch_size: int = 8
    """Images per batch and process."""
    accumulate: int = 1
    """Batches whose gradients make one step together."""
    optimizer: Optimizer = Optimizer.ADAMW
    """adamw, or sgd with momentum 0.9 and twice the rate for biases."""
    schedule: Schedule = Schedule.ONE_CYCLE
    """one-cycle: up, then down to almost 0; milestones: a tenth after 50 %, and after 75 %;
    constant."""
    learning_rate: float = 2e-3
    """Highest learning rate; sgd wants about half."""
    warm_up: float = 0.1
    """Share of all steps in which the learning rate rises."""
    weight_decay: float = 5e-4
    """Pull of the weights towards 0; biases and BatchNorm are left alone."""
    clip_norm: float = 10.0
    """Longest gradient vector; longer ones are shortened to it."""
    max_skipped: int = 20
    """Steps in a row that may be skipped because their loss or gradient is not finite."""
    eval_every: int = 1
    """Epochs from one validation to the next; the last epoch is always judged."""
    patience: int = 0
    """End after this many validations without a better AP; 0 never does."""
    keep_every: int = 0
    """Keep the weights of every n-th epoch as epoch_<n>.pt; 0 keeps the best and the last only."""
    save_minutes: float = 10.0
    """Also save last.pt within an epoch, when this much time has passed; 0 does after each step."""
    workers: int = 0
    """Processes that prepare samples; 0 prepares them in the training process."""
    cache: bool = False
    """Keep decoded images in memory: 0.9 MB for one of 640 x 480 pixels, four times that for
    floats."""
    precision: Precision = Precision.AUTO
    """auto takes bf16 where the processor computes it in hardware, else fp32; fp16 scales its
    gradients."""
    channels_last: bool = True
    """Keep images with their channels last in memory, which is faster on most processors."""
    compile: bool = False
    """Compile the network with torch.compile: slow first steps, faster ones after."""
    threads: int = 0
    """CPU threads of the arithmetic; 0 takes one per core, shared by the processes."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU if there is one."""
    seed: int = 0
    """The same seed on the same machine gives the same run; on a GPU with --deterministic only."""
    deterministic: bool = False
    """On a GPU: only kernels that give the same bits each time."""
    tensorboard: bool = False
    """Also log to TensorBoard, in the output's folder tensorboard."""
    resume: bool = False
    """Go on from last.pt in --output, with the same options; start if there is none."""
    overwrite: bool = False
    """Start anew in an --output that holds a run; without it, that is refused."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "epochs", "batch_size", "accumulate", "eval_every")
        _require_at_least(self, 0, "workers", "threads", "seed", "weight_decay", "max_skipped")
        _require_at_least(self, 0, "patience", "keep_every", "save_minutes")
        _require_in(self, "(0, inf)", "learning_rate", "clip_norm")
        _require_in(self, "[0, 1)", "warm_up")
        if self.seed >= 2**31:
            raise ValueError(f"--seed must be below 2**31, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class TrainSSD300(Train):
    """Train SSD300 and keep the best checkpoint by AP.

    The defaults train a quarter-width network with BatchNorm from random weights on a CPU;
    `--width 1 --no-batch-norm --weights imagenet` is the published network.
    """

    width: float = 0.25
    """Share of the published network's channels."""
    batch_norm: bool = True
    """BatchNorm after every convolution of the base."""
    priors: Priors = Priors.BCCD
    """The presets differ in scale: bccd's smallest priors are 0.1 of the image, coco's 0.07."""
    weights: str = "none"
    """Start of the base: none (random), imagenet (torchvision's VGG-16, fetched once), or a file
    with torchvision's VGG-16 weights."""
    negative_ratio: float = 3.0
    """Hard negatives per positive prior in the loss."""
    match_iou: float = 0.5
    """A prior with at least this IoU is given to its best object."""
    max_zoom_out: float = 2.0
    """Zoom-out puts an image on a canvas of up to this many times its sides; SSD's authors took 4,
    for objects that are large in the image."""
    augment_share: float = 1.0
    """Share of the samples that are zoomed and cropped, and of those whose colours are changed;
    all are flipped at random. A short run learns more with less."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_at_least(self, 1, "max_zoom_out")
        _require_at_least(self, 0, "negative_ratio")
        _require_in(self, "(0, 1]", "match_iou")
        _require_in(self, "[0, 1]", "augment_share")


@dataclass(frozen=True, kw_only=True)
class TrainFasterRCNN(Train):
    """Train torchvision's Faster R-CNN and keep the best checkpoint by AP.

    The defaults fine-tune the ResNet-50 that was trained on COCO; they want a GPU.
    `--backbone resnet18_small --weights none` is small enough for a CPU.
    """

    backbone: Backbone = Backbone.RESNET50_FPN_V2
    """resnet50_fpn_v2, resnet50_fpn, mobilenet_v3_large_320_fpn, or resnet18_small."""
    weights: str = "coco"
    """Start: coco (torchvision's detector, fetched once; its box predictor is made anew), imagenet
    (the backbone only), a file with a state dict of either, or none (random)."""
    anchors: Anchors = Anchors.DEFAULT
    """default: torchvision's; small: more and smaller ones, for objects of 8 to 30 pixels."""
    min_size: int = 0
    """Every image is resized so that its shorter side has this many pixels; 0 takes the
    backbone's own."""
    max_size: int = 0
    """The longer side never becomes more than this; 0 takes the backbone's own."""
    trainable_layers: int | None = None
    """Stages of the backbone that are trained, counted from its end. Without it: all of random
    weights, torchvision's choice (mostly 3) of pretrained ones."""
    epochs: int = 20
    """Passes over the training split."""
    batch_size: int = 4
    """Images per batch and process."""
    learning_rate: float = 1e-4
    """Highest learning rate; random weights want about 1e-3."""
    weight_decay: float = 1e-4
    """Pull of the weights towards 0; biases and BatchNorm are left alone."""
    augment: bool = True
    """Change the training samples by all that follows; without it they stay as they are."""
    horizontal_flip: float = 0.5
    """Share of the samples that are mirrored left to right."""
    vertical_flip: float = 0.2
    """Share of the samples that are mirrored top to bottom."""
    colour: float = 0.2
    """Brightness, contrast and saturation change by up to this share."""
    hue: float = 0.02
    """The hue turns by up to this share of the circle."""
    min_scale: float = 0.8
    """An image's content shrinks down to this factor on its canvas."""
    max_scale: float = 1.25
    """An image's content grows up to this factor; what no longer fits is cut off."""
    mosaic: float = 0.0
    """Share of the samples that are put together from four images."""
    mixup: float = 0.0
    """Share of the samples that are blended with another image."""
    mixup_alpha: float = 1.5
    """Blending weights are drawn from Beta(alpha, alpha)."""
    min_visible: float = 0.25
    """An object that is cut stays if at least this share of its area is still in the image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_in(self, "[0, 1]", "horizontal_flip", "vertical_flip", "colour", "mosaic", "mixup")
        _require_in(self, "[0, 1]", "min_visible")
        _require_in(self, "(0, inf)", "mixup_alpha", "min_scale")
        _require_in(self, "[0, 0.5]", "hue")
        _require_at_least(self, self.min_scale, "max_scale")
        _require_at_least(self, 0, "min_size", "max_size")


@dataclass(frozen=True, kw_only=True)
class Infer(DataOptions):
    """Run a checkpoint over images, write what it finds, and judge it where there is ground truth.

    With `--data` and `--split`: predictions, the table per class, false positives, curves and
    pictures. With `--images`: predictions and pictures of any folder of images.
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
    score_threshold: float = 0.5
    """Counts, lists and pictures take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4"""
    iou_threshold: float = 0.5
    """A detection with at least this IoU can be a true positive."""
    max_pictures: int = 40
    """Pictures to draw; those with the most errors come first."""
    min_score: float = 0.01
    """The network's detections below this score are not kept at all."""
    nms_iou: float = 0.45
    """Of two detections of a class that overlap more than this, the lower-scored one goes."""
    top_k: int = 200
    """Most detections per image."""
    batch_size: int = 8
    """Images per step."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU if there is one."""
    precision: Precision = Precision.FP32
    """fp32 gives the same detections everywhere; auto or bf16 can be faster."""
    threads: int = 0
    """CPU threads of the arithmetic; 0 takes one per core."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "top_k", "batch_size")
        _require_at_least(self, 0, "max_pictures", "threads")


@dataclass(frozen=True, kw_only=True)
class Evaluate(DataOptions):
    """Judge a predictions file, yours or anyone's, against ground truth. Needs no torch."""

    predictions: Path
    """predictions.csv (image,class,score,x1,y1,x2,y2) or COCO results JSON."""
    data: Path
    """Folder of the data set."""
    output: Path
    """Folder for table, metrics, curves and false positives; made if it does not exist."""
    split: str = "test"
    """Split that was predicted."""
    score_threshold: float = 0.5
    """Counts and lists take detections from this score on. AP always takes all."""
    class_thresholds: tuple[str, ...] = ()
    """Score thresholds for single classes, by name or label: WBC=0.6 1:0.4"""
    iou_threshold: float = 0.5
    """A detection with at least this IoU can be a true positive."""
    max_pictures: int = 40
    """Pictures to draw; those with the most errors come first."""

    def __post_init__(self) -> None:
        _require_at_least(self, 0, "max_pictures")


@dataclass(frozen=True, kw_only=True)
class CheckData(DataOptions):
    """Read a whole data set, print every problem at once, count it, and plot the counts.

    Exits with 1 if anything is wrong that training would stop at.
    """

    data: Path
    """Folder of the data set."""
    plot: Path | None = None
    """Write a bar chart of objects per class to this PNG."""


Config: TypeAlias = TrainSSD300 | TrainFasterRCNN | Infer | Evaluate | CheckData

Interval: TypeAlias = Literal["(0, 1]", "[0, 1]", "[0, 1)", "[0, 0.5]", "(0, inf)"]


def _require_at_least(config: object, least: float, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not value >= least:
            raise ValueError(f"{flag(name)} must be at least {least:g}, got {value}")


def _require_in(config: object, interval: Interval, *names: str) -> None:
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
    return "--" + name.replace("_", "-")
