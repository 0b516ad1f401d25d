"""Every contract there is, in the order of the files of `refdet.core`."""

from refdet.conformance import (
    assign,
    average_precision,
    boxes,
    codec,
    iou,
    matching,
    priors,
    sampling,
)

CONTRACTS = (
    *boxes.CONTRACTS,
    *iou.CONTRACTS,
    *codec.CONTRACTS,
    *priors.CONTRACTS,
    *assign.CONTRACTS,
    *sampling.CONTRACTS,
    *matching.CONTRACTS,
    *average_precision.CONTRACTS,
)
