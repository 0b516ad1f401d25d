"""NMS on the real blood-cell set: what a perfect detector loses by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refdet.core.nms import batched_nms
from refdet.data.voc import read_voc_split

CLASSES = ("WBC", "RBC", "Platelets")


@pytest.mark.parametrize(("split", "lost"), [("train", 16), ("val", 4), ("test", 3)])
def test_batched_nms_loses_real_objects_of_a_perfect_detector(
    bccd: Path, split: str, lost: int
) -> None:
    """Cells overlap: with the objects themselves as detections, some drop each other at 0.45."""
    truths = [image.ground_truth for image in read_voc_split(bccd, split, CLASSES).images]
    kept = [
        batched_nms(truth.boxes_xyxy, np.ones(len(truth)), truth.labels, 0.45) for truth in truths
    ]
    assert sum(map(len, truths)) - sum(map(len, kept)) == lost
