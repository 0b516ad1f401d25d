"""The order of detections, places of ids and recall levels, where a bit decides."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.coco_eval import (
    _by_label_and_score,
    _distinct,
    _needed,
    _positions,
    _sorted_with_places,
)

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LOWEST, HIGHEST = -(2**63), 2**63 - 1
N = 20_000


def in_the_last_bits(rng: np.random.Generator) -> F64:
    """Neighbouring floats, beside a few that are so far away that the key has no room for them."""
    scores = 0.5 + rng.integers(0, 300, N) * 2.0**-53
    scores[:20] = rng.choice([5e-324, 0.0, -0.0, 1.0, 1e300], 20)
    return rng.permutation(scores)


def mixed(rng: np.random.Generator) -> F64:
    kinds = np.array([np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 1e-310, 1.0, -1.0, 1e308])
    return np.where(rng.random(N) < 0.5, rng.choice(kinds, N), rng.normal(size=N))


SCORES: dict[str, Callable[[np.random.Generator], F64]] = {
    "in the last bits": in_the_last_bits,
    "negative in the last bits": lambda rng: -in_the_last_bits(rng),
    "mixed": mixed,
    "all equal": lambda rng: np.full(N, 0.3),
    "zeros of both signs": lambda rng: rng.choice([0.0, -0.0], N),
    "infinite": lambda rng: rng.choice([np.inf, -np.inf], N),
    "uniform": lambda rng: rng.random(N),
    "few": lambda rng: rng.integers(0, 3, N) / 2,
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("n_labels", [1, 3, 1 << 12, 1 << 30])
def test_by_label_and_score_is_a_stable_sort(kind: str, n_labels: int) -> None:
    rng = np.random.default_rng(7)
    scores, label = SCORES[kind](rng), rng.integers(0, min(n_labels, 5), N)
    label[0] = n_labels - 1  # so many bits are left for the score
    got = _by_label_and_score(label, scores)
    want = sorted(range(N), key=lambda i: (label[i], -scores[i]))  # Python's sort is stable
    assert got.tolist() == want


@pytest.mark.parametrize("scores", [[], [0.5], [-np.inf], [0.5, 0.5], [-0.0, 0.0], [0.0, -0.0]])
def test_by_label_and_score_of_a_few(scores: list[float]) -> None:
    label = np.zeros(len(scores), np.int32)
    assert _by_label_and_score(label, np.array(scores)).tolist() == list(range(len(scores)))


@pytest.mark.parametrize("highest", [0, 3, 10**6, 2**40, 2**52, 2**53, 2**62, HIGHEST])
def test_sorted_with_places_is_a_stable_sort(highest: int) -> None:
    rng = np.random.default_rng(1)
    keys = rng.choice(np.append(rng.integers(0, highest, 50, endpoint=True), highest), 1000)
    want = sorted(range(len(keys)), key=lambda i: keys[i])
    got, places = _sorted_with_places(keys.copy())
    assert places.tolist() == want
    assert got.tolist() == keys[want].tolist()


TABLES = {
    "dense": list(range(100, 160, 2)),
    "sparse": [-(10**15), -3, 0, 7, 10**9, 10**18],
    "ends": [LOWEST, LOWEST + 1, -1, HIGHEST - 1, HIGHEST],
    "only the lowest": [LOWEST],
    "only the highest": [HIGHEST],
    "near the lowest": [LOWEST + 1, LOWEST + 2],
    "near the highest": [HIGHEST - 2, HIGHEST - 1],
    "one": [5],
    "none": [],
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("others", TABLES)
def test_positions_equals_looking_each_up(table: str, others: str) -> None:
    known, ids = TABLES[table], [*TABLES[others], *TABLES[table], *TABLES[others][:1]]
    neighbours = [i + d for i in ids for d in (-1, 1) if LOWEST <= i + d <= HIGHEST]
    wanted = [known.index(i) if i in known else -1 for i in (*ids, *neighbours)]
    got = _positions(np.array([*ids, *neighbours], np.int64), np.array(known, np.int64))
    assert got.tolist() == wanted


def test_distinct_ids_ascend() -> None:
    assert _distinct(np.array([5, HIGHEST, -2, 5, LOWEST])).tolist() == [LOWEST, -2, 5, HIGHEST]
    assert _distinct(np.array([], np.int32)).tolist() == []


@pytest.mark.parametrize("steps", [3, 10, 100, 1000])
def test_needed_is_the_first_count_whose_share_reaches_the_level(steps: int) -> None:
    """As float64 has it: 0.55 * 20 is above 11, and yet 11 / 20 reaches 0.55."""
    levels = np.unique([5e-324, 1e-12, *np.linspace(0, 1, steps + 1), np.nextafter(0.5, 1)])
    counts = np.arange(1, 300)
    got = _needed(counts.astype(np.float64), levels)
    for n in counts.tolist():
        shares = [found / n for found in range(n + 1)]
        assert got[n - 1].tolist() == [bisect_left(shares, level) for level in levels], n
