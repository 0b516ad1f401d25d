"""torchmetrics with its faster backend. The curves, which cost it extra, are not asked for."""

from __future__ import annotations

import numpy as np
from torch import from_numpy
from torchmetrics.detection import MeanAveragePrecision

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Images

STATS = (
    *("map", "map_50", "map_75", "map_small", "map_medium", "map_large"),
    *("mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"),
)


def from_images(images: Images) -> Answer:
    """One update with everything. Tensors share the arrays' memory."""
    metric = MeanAveragePrecision(box_format="xyxy", backend="faster_coco_eval")
    metric.warn_on_many_detections = False
    metric.update(
        [
            {name: from_numpy(column) for name, column in image.items()}
            for image in images.predictions
        ],
        [{name: from_numpy(column) for name, column in image.items()} for image in images.targets],
    )
    result = metric.compute()
    return Answer(np.array([float(result[name]) for name in STATS]))
