"""Every contract there is, in the order of the files of `refdet.core`."""

from refdet.conformance import iou

CONTRACTS = (*iou.CONTRACTS,)
