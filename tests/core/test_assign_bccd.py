"""Assignment on the real blood-cell set: how often forcing and its conflicts matter there.

Counted over all annotated objects of the 364 images, the two degenerate ones included, with the
coordinates as the XML has them divided by width and height, `SSD300_BCCD`'s priors unclipped, and
a threshold of 0.5.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from defusedxml import ElementTree
from numpy.typing import NDArray

from refdet.core.assign import assign_ssd
from refdet.core.boxes import cxcywh_to_xyxy
from refdet.core.iou import iou_matrix
from refdet.core.priors import SSD300_BCCD, ssd_priors

F64 = NDArray[np.float64]

THRESHOLD = 0.5


def read_boxes(annotation: Path) -> F64:
    """(N, 4) corners as fractions of the image."""
    tree = ElementTree.parse(annotation)
    width, height = (float(tree.findtext(f"size/{side}") or "nan") for side in ("width", "height"))
    boxes = [[float(corner.text or "nan") for corner in box] for box in tree.iter("bndbox")]
    fractions: F64 = np.array(boxes).reshape(-1, 4) / [width, height, width, height]
    return fractions


@pytest.fixture(scope="module")
def counted(bccd: Path) -> Counter[str]:
    """What is counted in each image, summed; the matrices together would take 340 MB."""
    priors = cxcywh_to_xyxy(ssd_priors(SSD300_BCCD))
    counts: Counter[str] = Counter()
    for annotation in sorted((bccd / "Annotations").glob("*.xml")):
        iou = iou_matrix(priors, read_boxes(annotation))  # (8732, N)
        overlapping = iou.max(axis=0) > 0
        claims = Counter(iou.argmax(axis=0)[overlapping].tolist())
        best_of_priors = iou.argmax(axis=1)[iou.max(axis=1) >= THRESHOLD]
        unmatched = assign_ssd(iou, THRESHOLD).unmatched_objects
        counts["objects"] += iou.shape[1]
        counts["rival pairs"] += sum(n * (n - 1) // 2 for n in claims.values())
        counts["missed by the threshold"] += iou.shape[1] - len(set(best_of_priors.tolist()))
        counts["without overlap"] += int((~overlapping).sum())
        counts["unmatched"] += int(unmatched.sum())
        counts["unmatched with overlap"] += int((unmatched & overlapping).sum())
    return counts


def test_assign_ssd_settles_the_7_pairs_that_compete_for_one_prior(counted: Counter[str]) -> None:
    """Two objects compete where they overlap the same prior most."""
    assert counted["rival pairs"] == 7
    assert counted["unmatched with overlap"] == 0


def test_assign_ssd_forces_what_the_threshold_misses(counted: Counter[str]) -> None:
    """186 objects depend on forcing; the two of them that have no area get no prior by it."""
    assert counted["objects"] == 4888
    assert counted["missed by the threshold"] == 186
    assert counted["without overlap"] == counted["unmatched"] == 2
