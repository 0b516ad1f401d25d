"""An implementation that gives float32 passes where it is told that rounding is allowed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from refdet.conformance.comparing import loosened
from refdet.conformance.contract import named_arrays
from refdet.core.average_precision import (
    average_precision_coco,
    average_precision_interp101,
    average_precision_voc,
    average_precision_voc07,
    precision_recall_curve,
)
from refdet.core.bootstrap import bootstrap_interval, bootstrap_p_value
from refdet.core.calibration import reliability_curve
from refdet.core.codec import decode_boxes, encode_boxes
from refdet.core.iou import (
    ciou_matrix,
    diou_matrix,
    giou_matrix,
    ioa_matrix,
    iou_matrix,
    iou_matrix_inclusive,
    iou_paired,
)
from refdet.core.lrp import lrp_error, optimal_lrp
from refdet.core.nms import soft_nms
from refdet.core.priors import ssd_priors
from refdet.core.tuning import threshold_counts, threshold_of_best_f_beta
from tests.conformance.checking import broken_checks

Function = Callable[..., object]
FUNCTIONS: tuple[Function, ...] = (
    iou_matrix,
    iou_paired,
    ioa_matrix,
    giou_matrix,
    diou_matrix,
    ciou_matrix,
    iou_matrix_inclusive,
    encode_boxes,
    decode_boxes,
    ssd_priors,
    soft_nms,
    average_precision_coco,
    average_precision_interp101,
    average_precision_voc,
    average_precision_voc07,
    precision_recall_curve,
    bootstrap_interval,
    bootstrap_p_value,
    reliability_curve,
    lrp_error,
    optimal_lrp,
    threshold_counts,
    threshold_of_best_f_beta,
)


def in_single_precision(function: Function) -> Function:
    """`function`, whose floating-point results are rounded to float32."""

    def called(*arguments: object, **keywords: object) -> object:
        outcome = function(*arguments, **keywords)
        rounded = {
            name: array.astype(np.float32) if array.dtype.kind == "f" else array
            for name, array in named_arrays(outcome).items()
        }
        if isinstance(outcome, tuple):
            return tuple(rounded.values())
        return rounded["result"] if "result" in rounded else SimpleNamespace(**rounded)

    return called


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_float32_holds_where_it_is_allowed_and_nowhere_else(function: Function) -> None:
    name, single = function.__name__, in_single_precision(function)
    assert next(broken_checks(name, single, max_examples=10), None)
    with loosened(1e-6):
        assert list(broken_checks(name, single, max_examples=10)) == []
