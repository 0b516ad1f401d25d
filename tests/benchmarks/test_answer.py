"""Two answers agree to the bit, or by how much they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.evaluation.answer import Answer, agreement

STATS = np.arange(12) / 16
CURVE = np.full((2, 3, 1, 1, 1), 0.5)
FULL = Answer(STATS, CURVE, CURVE[:, 0], CURVE)


def test_agreement_of_the_same_numbers_is_identical() -> None:
    found = agreement(FULL, Answer(STATS.copy(), CURVE.copy(), CURVE[:, 0].copy(), CURVE.copy()))
    assert (found.stats, found.curves, found.identical) == (0, 0, True)


def test_agreement_sees_one_unit_in_the_last_place_of_one_curve() -> None:
    off = CURVE.copy()
    off[1, 2, 0, 0, 0] = np.nextafter(0.5, 1)
    found = agreement(Answer(STATS, CURVE, CURVE[:, 0], off), FULL)
    assert (found.stats, found.curves, found.identical) == (0, 2.0**-53, False)


def test_agreement_tells_minus_zero_from_zero() -> None:
    zeros = Answer(np.zeros(12))
    assert not agreement(Answer(-np.zeros(12)), zeros).identical


def test_agreement_leaves_out_what_is_not_given() -> None:
    stats = STATS.copy()
    stats[6:] = np.nan
    stats[0] += 0.25
    found = agreement(Answer(stats), FULL)
    assert (found.stats, found.curves, found.identical) == (0.25, None, False)


def test_agreement_of_other_shapes_is_infinitely_far() -> None:
    found = agreement(Answer(STATS, CURVE[:1], CURVE[:, 0], CURVE), FULL)
    assert (found.curves, found.identical) == (np.inf, False)


def test_load_gives_back_what_save_wrote(tmp_path: Path) -> None:
    partly = Answer(STATS, recall=CURVE[:, 0])
    partly.save(tmp_path / "answer.npz")
    back = Answer.load(tmp_path / "answer.npz")
    assert back.stats.tolist() == STATS.tolist()
    assert back.recall is not None
    assert back.recall.tolist() == CURVE[:, 0].tolist()
    assert back.precision is back.scores is None
