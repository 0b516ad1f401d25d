"""From a checkpoint back to its detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from refdet.models.checkpoints import Checkpoint
from refdet.models.detector import Detector
from refdet.models.faster_rcnn import FasterRCNNDetector, faster_rcnn_from_description
from refdet.models.ssd_detector import SSD300Detector, ssd300_from_description

BUILDERS: Mapping[str, Callable[[Mapping[str, object]], Detector]] = {
    SSD300Detector.architecture: ssd300_from_description,
    FasterRCNNDetector.architecture: faster_rcnn_from_description,
}


def build_detector(checkpoint: Checkpoint) -> Detector:
    """The checkpoint's detector with its weights, in evaluation mode.

    Raises:
        ValueError: this version does not know the architecture, or the weights are not those of
            the network that the checkpoint describes.
    """
    build = BUILDERS.get(checkpoint.architecture)
    if build is None:
        raise ValueError(
            f"the checkpoint holds a {checkpoint.architecture!r}; known are {', '.join(BUILDERS)}"
        )
    detector = build(checkpoint.description)
    try:
        detector.network.load_state_dict(dict(checkpoint.model_state))
    except RuntimeError as error:
        raise ValueError("the checkpoint's weights do not fit the network it describes") from error
    detector.network.eval()
    return detector
