"""In which images there is something to find: on how many of them a number stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refdet.analysis.resampling import RANGES
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

MOST_LACKING = 0.05
"""A mean over classes has no interval where more of the samples than this lack one of them."""

_OF_STATS = (0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 3)
"""Which of the ranges of area each of COCO's twelve numbers looks at."""

CLASS_FIELDS = {
    **{f"macro_{name}": name for name in ("precision", "recall", "f1")},
    **{f"mean_{name}": name for name in ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")},
}
"""The totals that are means over classes, and of which of the classes' numbers."""


@dataclass(frozen=True, eq=False)
class ObjectImages:
    """Which images have an object, of each class and range of area, that counts.

    Attributes:
        present: (4, C, I) over `RANGES`, classes in label order, images in that of the weights.
    """

    present: Mask

    @classmethod
    def of(cls, judged: JudgedDataSet) -> ObjectImages:
        """Those of a judged data set."""
        state = judged.matches.state
        present = np.zeros((len(RANGES), len(state.category_ids), len(state.image_ids)), np.bool_)
        for area, counts in enumerate(state.object_counts.T):
            there = counts > 0
            present[area, state.object_label[there], state.object_image[there]] = True
        labels = np.searchsorted(state.category_ids, judged.objects.categories.ids)
        return cls(present[:, labels])

    @property
    def total(self) -> int:
        """How many images have any object."""
        return int(np.count_nonzero(self.present[0].any(axis=0)))

    @property
    def of_classes(self) -> I64:
        """(C,) how many images have an object of the class."""
        counts: I64 = self.present[0].sum(axis=1)
        return counts

    @property
    def of_stats(self) -> I64:
        """(12,) how many images have an object that each of COCO's numbers looks at."""
        of_ranges: I64 = self.present.any(axis=1).sum(axis=1)
        return of_ranges[list(_OF_STATS)]

    def mixed_stats(self, weights: I64) -> Mask:
        """(12,) which of COCO's numbers are means over other classes in too many (S, I) samples."""
        drawn = (weights > 0).astype(np.float32)
        mixed = []
        for present in self.present:
            of_data_set = present[present.any(axis=1)].astype(np.float32)
            lacking = np.equal(drawn @ of_data_set.T, 0)
            mixed.append(too_often(lacking))
        return np.array(mixed)[list(_OF_STATS)]


def mixed_mean(samples: F64, itself: F64) -> bool:
    """Whether the mean of a number over classes is one over other classes in too many samples.

    Args:
        samples: (S, C) the classes' numbers; NaN where undefined.
        itself: (C,) those of the data set itself.
    """
    return too_often(np.isnan(samples[:, ~np.isnan(itself)]))


def too_often(lacking: Mask) -> bool:
    """Whether more than one in twenty of the samples lacks a class; (S, C) which it lacks."""
    return int(lacking.any(axis=1).sum()) > MOST_LACKING * len(lacking)
