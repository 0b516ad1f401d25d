"""The options of `refdet conformance`: who is held to which contract, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from refdet.config import require_at_least
from refdet.conformance.adapter import RealType
from refdet.conformance.contract import BoxFormat


class ArraysOption(StrEnum):
    """What a function takes and gives."""

    AUTO = "auto"
    NUMPY = "numpy"
    TORCH = "torch"
    LIST = "list"


@dataclass(frozen=True, kw_only=True)
class ConformanceList:
    """List the contracts: the rules that an implementation can be held to.

    refdet conformance list
    """


@dataclass(frozen=True, kw_only=True)
class ConformanceShow:
    """Show a contract: parameters, conventions, properties and vectors with their sources.

    refdet conformance show iou_matrix
    """

    contract: Positional[str]
    """The name of a contract, as `refdet conformance list` has it."""


@dataclass(frozen=True, kw_only=True)
class ConformanceRun:
    """Hold a function to a contract: which properties and vectors hold, and what breaks the others.

    A library's function: refdet conformance run torchvision.ops:box_iou --as iou_matrix

    Your own, in this folder: refdet conformance run mypkg.metrics:iou --as iou_matrix --format xywh

    On a GPU: refdet conformance run torchvision.ops:nms --as nms --device cuda

    Whole libraries: refdet conformance run --suite torchvision pycocotools

    Suites: torchvision, pycocotools, faster-coco-eval, hotcoco, ultrafast, vernier, torchmetrics,
    supervision, globox, mean-average-precision, mapcalc.

    A function that differs in more than its options can say gets a wrapper of a few lines: name
    that instead. Exits with 1 if anything is broken that no register of known deviations lists, or
    if a listed deviation no longer happens; with 2 if nothing could be run.
    """

    targets: Positional[tuple[str, ...]] = ()
    """Functions, each as package.module:function; the current folder is looked into, too."""
    as_: Annotated[str | None, arg(name="as")] = None
    """The contract that they are to follow; `refdet conformance list` has all."""
    suite: tuple[str, ...] = ()
    """Libraries whose adapters ship, by name, instead of functions."""
    arrays: ArraysOption = ArraysOption.AUTO
    """What the function takes and gives: NumPy arrays, torch tensors, or nested lists. auto takes
    tensors where the function is torch's or annotated so, else arrays."""
    format: BoxFormat | None = None
    """Format of every box that goes in or comes out. Without it: the contract's own."""
    dtype: RealType | None = None
    """Of boxes, scores and all other real numbers. Without it: as the contract has them. Below
    float64, --tolerance is chosen to go with it."""
    device: str | None = None
    """Where tensors lie: cpu, cuda, cuda:1 ...; implies --arrays torch."""
    arguments: tuple[str, ...] = ()
    """The contract's parameters in the order in which the function takes them, or theirs=ours for
    one that it takes by name: --arguments gt=b_xyxy predicted=a_xyxy"""
    returns: tuple[str, ...] = ()
    """Names for the parts of a tuple that it returns, where the contract wants a record's fields:
    --returns true_positive object_index"""
    unchecked_values: bool = False
    """The function does not look at values, as on a device: leave out the vectors that ask for an
    error because of a value."""
    tolerance: float | None = None
    """The largest difference, absolute or relative, that counts as equal. Without it: 0 in float64,
    where each check has its own; 1e-5 in float32; 1e-2 in float16; 5e-2 in bfloat16."""
    examples: int = 100
    """Inputs that are tried for each property, the same each time. Fewer may miss a break."""
    known: Path | None = None
    """Your register of known deviations, a TOML file: what it lists is no failure, until it no
    longer happens."""
    write_known: Path | None = None
    """Write what broke as such a register, with the reasons left to be filled in; it must not be
    there yet."""
    json: Path | None = None
    """Write all outcomes to this JSON file."""
    junit: Path | None = None
    """Write them as JUnit XML, as CI systems show it."""
    markdown: Path | None = None
    """Write them as Markdown."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "examples")
        if self.tolerance is not None:
            require_at_least(self, 0, "tolerance")
