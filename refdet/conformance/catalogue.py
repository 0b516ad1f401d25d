"""Every contract there is, in the order of the files of `refdet.core`."""

from refdet.conformance import (
    assign,
    average_precision,
    boxes,
    coco_eval,
    codec,
    false_positive_kind,
    false_positives,
    iou,
    matching,
    matching_pairs,
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
    *matching_pairs.CONTRACTS,
    *average_precision.CONTRACTS,
    *false_positives.CONTRACTS,
    *false_positive_kind.CONTRACTS,
    *thresholds.CONTRACTS,
    *coco_eval.CONTRACTS,
)
