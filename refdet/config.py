"""The options of every command, as dataclasses: a field is an option, its docstring is its help.

They are saved as TOML with the help beside each value, and read back from it.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias


class Optimizer(StrEnum):
    """How the weights move."""

    ADAMW = "adamw"
    SGD = "sgd"


class Schedule(StrEnum):
    """How the learning rate changes over the run."""

    ONE_CYCLE = "one-cycle"
    MILESTONES = "milestones"


class Precision(StrEnum):
    """The number format of the network's arithmetic."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True)
class TrainSSD300:
    """Train SSD300 on a folder in Pascal VOC layout and keep the best checkpoint by AP.

    The folder holds `Annotations/*.xml`, `JPEGImages/*` and `ImageSets/Main/<split>.txt`. The
    defaults train a quarter-width network with BatchNorm from random weights on a CPU;
    `--width 1 --no-batch-norm --weights imagenet` is the published network.
    """

    data: Path
    """Folder in Pascal VOC layout."""
    output: Path
    """Folder for checkpoints, history and curves; made if it does not exist."""
    classes: tuple[str, ...] = ()
    """Class names in label order. Without any: all names in the annotations, sorted."""
    train_split: str = "train"
    """Split to train on: the name of a file in ImageSets/Main, without .txt."""
    val_split: str = "val"
    """Split to judge each epoch on."""
    one_based: bool = True
    """Annotated coordinates start at 1, as the VOC standard says."""
    width: float = 0.25
    """Share of the published network's channels."""
    batch_norm: bool = True
    """BatchNorm after every convolution of the base."""
    weights: str = "none"
    """Start of the base: none (random), imagenet (torchvision's VGG-16, fetched once), or a file
    with torchvision's VGG-16 weights."""
    epochs: int = 60
    """Passes over the training split."""
    batch_size: int = 8
    """Images per step."""
    optimizer: Optimizer = Optimizer.ADAMW
    """adamw, or sgd with momentum 0.9 and twice the rate for biases."""
    schedule: Schedule = Schedule.ONE_CYCLE
    """one-cycle: up, then down to almost 0; milestones: a tenth after 50 %, and after 75 %."""
    learning_rate: float = 2e-3
    """Highest learning rate; sgd wants about half."""
    weight_decay: float = 5e-4
    """Pull of the weights towards 0; biases and BatchNorm are left alone."""
    clip_norm: float = 10.0
    """Longest gradient vector; longer ones are shortened to it."""
    negative_ratio: float = 3.0
    """Hard negatives per positive prior in the loss."""
    match_iou: float = 0.5
    """A prior with at least this IoU is given to its best object."""
    max_zoom_out: float = 2.0
    """Zoom-out puts an image on a canvas of up to this many times its sides; SSD's authors took 4,
    for objects that are large in the image."""
    augment_share: float = 1.0
    """Share of the samples that are zoomed and cropped, and of those whose colours are distorted;
    all are flipped at random. A short run learns more with less."""
    eval_every: int = 1
    """Epochs from one validation to the next; the last epoch is always judged."""
    workers: int = 0
    """Processes that prepare samples; 0 prepares them in the training process."""
    cache: bool = False
    """Keep decoded images in memory: 0.9 MB for one of 640 x 480 pixels."""
    precision: Precision = Precision.AUTO
    """auto takes bf16 where the processor computes it in hardware, else fp32."""
    threads: int = 0
    """CPU threads of the arithmetic; 0 takes one per core."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU if there is one."""
    seed: int = 0
    """The same seed on the same machine gives the same run."""
    resume: bool = False
    """Go on from last.pt in --output, with the same options."""
    overwrite: bool = False
    """Start anew in an --output that holds a run; without it, that is refused."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "epochs", "batch_size", "eval_every", "max_zoom_out")
        _require_at_least(self, 0, "workers", "threads", "seed", "weight_decay", "negative_ratio")
        _require_in(self, "(0, inf)", "learning_rate", "clip_norm")
        _require_in(self, "(0, 1]", "match_iou")
        if not 0 <= self.augment_share <= 1:
            raise ValueError(f"--augment-share must be in [0, 1], got {self.augment_share}")
        if self.seed >= 2**31:
            raise ValueError(f"--seed must be below 2**31, got {self.seed}")


@dataclass(frozen=True)
class Infer:
    """Run a checkpoint over images, write what it finds, and judge it where there is ground truth.

    With `--data` and `--split`: predictions, the table per class, false positives, curves and
    pictures. With `--images`: predictions and pictures of any folder of images.
    """

    checkpoint: Path
    """best.pt or last.pt of a training run."""
    output: Path
    """Folder for everything that is written; made if it does not exist."""
    data: Path | None = None
    """Folder in Pascal VOC layout, with ground truth."""
    split: str = "test"
    """Split of --data to run on."""
    images: Path | None = None
    """Folder of images without ground truth, instead of --data."""
    one_based: bool = True
    """Annotated coordinates start at 1, as the VOC standard says."""
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


@dataclass(frozen=True)
class Evaluate:
    """Judge a predictions file, yours or anyone's, against ground truth. Needs no torch."""

    predictions: Path
    """predictions.csv (image,class,score,x1,y1,x2,y2) or COCO results JSON."""
    data: Path
    """Folder in Pascal VOC layout."""
    output: Path
    """Folder for table, metrics, curves and false positives; made if it does not exist."""
    split: str = "test"
    """Split that was predicted."""
    classes: tuple[str, ...] = ()
    """Class names in label order. Without any: all names in the annotations, sorted."""
    one_based: bool = True
    """Annotated coordinates start at 1, as the VOC standard says."""
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


@dataclass(frozen=True)
class CheckData:
    """Read a whole data set, print every problem at once, count it, and plot the counts.

    Exits with 1 if anything is wrong that training would stop at.
    """

    data: Path
    """Folder in Pascal VOC layout."""
    classes: tuple[str, ...] = ()
    """Class names in label order. Without any: all names in the annotations, sorted."""
    one_based: bool = True
    """Annotated coordinates start at 1, as the VOC standard says."""
    plot: Path | None = None
    """Write a bar chart of objects per class to this PNG."""


def _require_at_least(config: object, least: int, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= least:
            raise ValueError(f"{_flag(name)} must be at least {least}, got {getattr(config, name)}")


def _require_in(config: object, interval: Literal["(0, 1]", "(0, inf)"], *names: str) -> None:
    upper = 1.0 if interval == "(0, 1]" else sys.float_info.max
    for name in names:
        if not 0 < getattr(config, name) <= upper:
            raise ValueError(f"{_flag(name)} must be in {interval}, got {getattr(config, name)}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


Config: TypeAlias = TrainSSD300 | Infer | Evaluate | CheckData


def field_help(config_type: type[Config]) -> dict[str, str]:
    """The docstring below each field of a config class, by the field's name, on one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(config_type)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def to_toml(config: Config) -> str:
    """`config` as TOML, with each option's help as a comment above it.

    What a field of these classes holds (text, number, switch, path, list of texts) is written the
    same way in JSON and in TOML; an option that is not set is written as a comment.
    """
    help_texts = field_help(type(config))
    lines = [f"# {line.strip()}" for line in (type(config).__doc__ or "").strip().splitlines()]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        plain = str(value) if isinstance(value, Path) else value
        set_to = "# not set" if value is None else json.dumps(plain, ensure_ascii=False)
        prefix = "# " if value is None else ""
        lines += ["", f"# {help_texts[field.name]}", f"{prefix}{field.name} = {set_to}"]
    return "\n".join(lines) + "\n"


def arguments_from_toml(file: Path, known: Sequence[str]) -> list[str]:
    """The options in `file` as command-line arguments, so that one parser checks them all.

    Args:
        file: TOML, as `to_toml` writes it.
        known: the options that the command has.

    Raises:
        ValueError: no such file, not TOML, or an option that the command does not have.
    """
    try:
        options = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"cannot read the config {file}: {error}") from error
    arguments: list[str] = []
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{file}: no option {name!r}; there are {', '.join(known)}")
        flag = _flag(name)
        if isinstance(value, bool):
            arguments.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            values = value if isinstance(value, list) else [value]
            arguments += [flag, *map(str, values)]
    return arguments
