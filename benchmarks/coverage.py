"""How often intervals of 95 % hold the number, by the kind of interval: docs/confidence.md.

Run from the repository's root: `python -m benchmarks.coverage 100 200` for 200 data sets of 100
images (some minutes on one core), with `--classes 40` for a long tail of so many classes. The kinds
of interval that `refdet` does not have are written out here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from benchmarks.simulated import RATES, detected, scenes
from refdet.analysis.resampling import Resampler
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64, I64
from refdet.terminal import say

N_SAMPLES, LEVEL, MANY_IMAGES = 200, 0.95, 60_000
TOTALS = (
    *("mean_ap50", "mean_ap", "mean_ap50_voc"),
    *("micro_precision", "micro_recall", "macro_precision", "macro_recall", "macro_f1"),
)
REACH = NormalDist().inv_cdf((1 + LEVEL) / 2)
Ends = tuple[F64, F64]


def numbers(n_images: int, rng: Generator, weights: I64, rates: F64) -> F64:
    """(S, N) the numbers of a new data set under the weights of its images."""
    scene = scenes(n_images, rng, rates)
    judged = judged_columns(scene.objects, detected(scene, rng), EvaluationSettings())
    found = Resampler(judged).numbers(weights)
    return np.stack([*(found.totals[name] for name in TOTALS), found.coco_stats[:, 8]], axis=1)


def long_tail(n_classes: int) -> F64:
    """(C,) objects of each class in an image: 7 of all together."""
    weights = (np.arange(n_classes) + 0.7) ** -1.1
    shares: F64 = 7 * weights / weights.sum()
    return shares


def percentile(samples: F64, value: F64) -> Ends:
    """Quantiles of the samples."""
    low, high = np.nanquantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def basic(samples: F64, value: F64) -> Ends:
    """The same, mirrored at the value."""
    low, high = percentile(samples, value)
    return 2 * value - high, 2 * value - low


def bias_corrected(samples: F64, value: F64) -> Ends:
    """BC: quantiles moved by how far the value is from the samples' median."""
    unit = NormalDist()
    below = (np.mean(samples < value - 1e-9, axis=0) + np.mean(samples < value + 1e-9, axis=0)) / 2
    ends = np.empty((2, len(value)))
    for place, share in enumerate(np.clip(below, 1e-3, 1 - 1e-3).tolist()):
        for end, side in enumerate((-REACH, REACH)):
            moved = unit.cdf(2 * unit.inv_cdf(share) + side)
            ends[end, place] = np.quantile(samples[:, place], moved)
    return ends[0], ends[1]


def normal(samples: F64, value: F64) -> Ends:
    """What `refdet` gives without `n_images`."""
    return bootstrap_interval(samples, value, LEVEL)


KINDS: dict[str, Callable[[F64, F64], Ends]] = {
    "percentile": percentile,
    "basic": basic,
    "BC": bias_corrected,
    "normal": normal,
}


def main() -> None:
    """Print a row per number: how much too high it is, and a column per kind of interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_images", type=int)
    parser.add_argument("n_data_sets", type=int)
    parser.add_argument("--classes", type=int, default=len(RATES))
    asked = parser.parse_args()
    n_images, rng = asked.n_images, np.random.default_rng(asked.n_images)
    rates = RATES if asked.classes == len(RATES) else long_tail(asked.classes)
    itself = np.ones((1, n_images), np.int64)
    rows = []
    for _ in range(asked.n_data_sets):
        drawn = bootstrap_weights(n_images, N_SAMPLES, rng)
        rows.append(numbers(n_images, rng, np.concatenate([itself, drawn]), rates))
    others = [numbers(n_images, rng, itself, rates)[0] for _ in range(4 * len(rows))]
    usual = np.mean([*(row[0] for row in rows), *others], axis=0)
    (limit,) = numbers(MANY_IMAGES, rng, np.ones((1, MANY_IMAGES), np.int64), rates)
    ends = {kind: [ends_of(row[1:], row[0]) for row in rows] for kind, ends_of in KINDS.items()}
    covered = [
        np.mean([(low <= usual) & (usual <= high) for low, high in ends[kind]], axis=0)
        for kind in KINDS
    ]
    table = np.stack([usual - limit, *covered], axis=1)
    say(f"{n_images} images, {asked.classes} classes, {asked.n_data_sets} data sets")
    say(" " * 18 + "".join(f"{head:>12}" for head in ("too high by", *KINDS)))
    for name, shares in [*zip((*TOTALS, "AR"), table, strict=True), ("mean", table.mean(axis=0))]:
        say(f"{name:18}" + "".join(f"{share:12.3f}" for share in shares.tolist()))


if __name__ == "__main__":
    main()
