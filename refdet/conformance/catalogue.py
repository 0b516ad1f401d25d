"""Every contract there is, in the order of the files of `refdet.core`."""

from refdet.conformance import (
    assign,
    average_precision,
    boxes,
    coco_eval,
    codec,
    false_positives,
    iou,
    matching,
    nms,
    priors,
    sampling,
    thresholds,
)

CONTRACTS = (
    *boxes.CONTRACTS,
    *iou.CONTRACTS,
    *codec.CONTRACTS,
    *priors.CONTRACTS,
    *assign.CONTRACTS,
    *sampling.CONTRACTS,
    *nms.CONTRACTS,
    *matching.CONTRACTS,
    *average_precision.CONTRACTS,
    *false_positives.CONTRACTS,
    *thresholds.CONTRACTS,
    *coco_eval.CONTRACTS,
)
