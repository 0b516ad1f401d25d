"""supervision, which gives 6 of the 12 numbers."""

from __future__ import annotations

import numpy as np
from supervision import Detections
from supervision.metrics import MeanAveragePrecision

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Images


def from_images(images: Images) -> Answer:
    """One update with everything; sizes by the objects' own area, as COCO has it."""
    metric = MeanAveragePrecision()
    metric.update(
        [
            Detections(image["boxes"], class_id=image["labels"], confidence=image["scores"])
            for image in images.predictions
        ],
        [
            Detections(
                image["boxes"],
                class_id=image["labels"],
                data={"area": image["area"], "iscrowd": image["iscrowd"]},
            )
            for image in images.targets
        ],
    )
    result = metric.compute()
    by_size = (result.small_objects, result.medium_objects, result.large_objects)
    ap = [result.map50_95, result.map50, result.map75, *(part.map50_95 for part in by_size)]
    return Answer(np.array([*ap, *[np.nan] * 6], dtype=np.float64))
