"""The options of the training commands: those of every detector, and each detector's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from refdet.config import DataOptions, Precision, own_first, require_at_least, require_in
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


class Priors(StrEnum):
    """The boxes that SSD300 starts from."""

    BCCD = "bccd"
    COCO = "coco"


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
    cache_file: Path | None = None
    """Decode all images into this file once, for this run and later ones: workers and processes
    share it, and it need not fit into memory. As large as --cache; an image that has changed since
    has it written anew. It holds one data set: others want a file of their own."""
    augment_on_device: bool = False
    """Resize and change training samples on the GPU rather than in --workers: for few cores beside
    a fast GPU. The same random changes; resized pixels may differ by rounding."""
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
        require_at_least(self, 1, "epochs", "batch_size", "accumulate", "eval_every")
        require_at_least(self, 0, "workers", "threads", "seed", "weight_decay", "max_skipped")
        require_at_least(self, 0, "patience", "keep_every", "save_minutes")
        require_in(self, "(0, inf)", "learning_rate", "clip_norm")
        require_in(self, "[0, 1)", "warm_up")
        if self.cache and self.cache_file:
            raise ValueError("--cache keeps images in memory, --cache-file in a file; give one")
        if self.seed >= 2**31:
            raise ValueError(f"--seed must be below 2**31, got {self.seed}")


@own_first
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
        require_at_least(self, 1, "max_zoom_out")
        require_at_least(self, 0, "negative_ratio")
        require_in(self, "(0, 1]", "match_iou")
        require_in(self, "[0, 1]", "augment_share")


@own_first
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
    """The longer side never becomes more than this; 0 takes the backbone's own, or as much more as
    --min-size is more."""
    trainable_layers: int | None = None
    """Stages of the backbone that are trained, counted from its end; -1 is all. Without it: all of
    random weights, torchvision's choice (mostly 3) of pretrained ones."""
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
        require_in(self, "[0, 1]", "horizontal_flip", "vertical_flip", "colour", "mosaic", "mixup")
        require_in(self, "[0, 1]", "min_visible")
        require_in(self, "(0, inf)", "mixup_alpha", "min_scale", "max_scale")
        require_in(self, "[0, 0.5]", "hue")
        require_at_least(self, self.min_scale, "max_scale")
        if not self.augment and (self.mosaic or self.mixup):
            raise ValueError("--no-augment leaves samples as they are; leave --mosaic, --mixup out")
        require_at_least(self, 0, "min_size", "max_size")
