"""Shards whose matching does something to the process; found by name, so that they can travel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from refdet.core.coco_eval import COCO, CocoData, CocoParams, CocoState


@dataclass(frozen=True, eq=False, kw_only=True)
class DyingOnce(CocoData):
    """Kills the process that matches it, unless `mark` exists; it makes `mark` before.

    Attributes:
        mark: a file; None kills every process.
    """

    mark: Path | None = None

    def state(self, params: CocoParams = COCO) -> CocoState:
        if self.mark is not None and self.mark.exists():
            return super().state(params)
        if self.mark is not None:
            self.mark.touch()
        os._exit(1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Refused(CocoData):
    """Raises."""

    def state(self, params: CocoParams = COCO) -> NoReturn:
        raise ValueError(f"image {self.image_ids[0]} is refused at {len(params.max_detections)}")


def dying_once(data: CocoData, mark: Path | None) -> DyingOnce:
    return DyingOnce(**vars(data), mark=mark)


def refused(data: CocoData) -> Refused:
    return Refused(**vars(data))
