"""Decoding of the few priors that can have a candidate: none that has one is left out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from refdet.torch_ops import postprocess as module
from tests.torch_ops.decoding import Limits, check, decoded, random_output

HARD_LOGITS = st.sampled_from(
    [-math.inf, -1e4, -40.0, -2.0, 0.0, 0.5, 37.0, 1e4, math.inf, math.nan]
)


@given(
    rows=st.lists(st.tuples(HARD_LOGITS, HARD_LOGITS, HARD_LOGITS), min_size=1, max_size=6),
    min_score=st.sampled_from([0.0, 5e-324, 0.01, 1 / 3, 0.5, 0.6, 1 - 2**-53, 1.0]),
    dtype=st.sampled_from([torch.bfloat16, torch.float32, torch.float64]),
)
@example(rows=[(0.0, 0.0, -math.inf)], min_score=0.5, dtype=torch.float64)
@example(rows=[(0.0, 37.0, -1e4)], min_score=1.0, dtype=torch.float64)
@example(rows=[(0.0, -745.0, -math.inf)], min_score=5e-324, dtype=torch.float64)
@example(rows=[(0.0, -math.inf, -math.inf)], min_score=0.0, dtype=torch.float64)
def test_promising_priors_are_all_that_have_a_candidate(
    rows: list[tuple[float, float, float]], min_score: float, dtype: torch.dtype
) -> None:
    logits = torch.tensor([rows], dtype=dtype)
    found = (logits.double().softmax(dim=-1)[..., 1:] >= min_score).any(dim=-1)
    assert not (found & ~module._promising(logits, min_score)).any()


def test_decode_detections_looks_at_promising_priors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, deltas, priors = random_output(n_priors=400)
    logits[..., 0] += 4  # as of a trained network: most are background
    counted: list[int] = []
    among = module._candidates_among

    def watched(
        logits: Tensor, image: Tensor, prior: Tensor, min_score: float, most: int
    ) -> tuple[Tensor, Tensor]:
        counted.append(len(image))
        return among(logits, image, prior, min_score, most)

    monkeypatch.setattr(module, "_candidates_among", watched)
    check(decoded((logits, deltas, priors), Limits()), (logits, deltas, priors), Limits())
    [n_promising] = counted
    assert 0 < n_promising < 3 * 400 / 4
