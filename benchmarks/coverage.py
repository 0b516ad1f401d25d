"""How often intervals of 95 % hold the true number, by the kind of interval: docs/confidence.md.

Run from the repository's root: `python -m benchmarks.coverage 100 200` for 200 data sets of 100
images (about 10 minutes on one core). The kinds that `refdet` does not have are written out here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from benchmarks.simulated import detected, scenes
from refdet.analysis.resampling import Resampler
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64, I64

N_SAMPLES, LEVEL, MANY_IMAGES = 400, 0.95, 60_000
TOTALS = (
    *("mean_ap50", "mean_ap", "mean_ap50_voc"),
    *("micro_precision", "micro_recall", "macro_precision", "macro_recall", "macro_f1"),
)
OF_CLASS = ("ap50", "ap", "precision", "recall")
REACH = NormalDist().inv_cdf((1 + LEVEL) / 2)
Ends = tuple[F64, F64]


def numbers(n_images: int, rng: Generator, weights: I64) -> F64:
    """(S, N) the numbers of a new data set under the weights of its images."""
    scene = scenes(n_images, rng)
    judged = judged_columns(scene.objects, detected(scene, rng), EvaluationSettings())
    found = Resampler(judged).numbers(weights)
    columns = [*(found.totals[name][:, None] for name in TOTALS), found.coco_stats[:, [8]]]
    return np.concatenate([*columns, *(found.classes[name] for name in OF_CLASS)], axis=1)


def names() -> list[str]:
    """Of the columns of `numbers`."""
    kinds = ("common", "less common", "rare")
    return [*TOTALS, "mean AR", *(f"{name}, {kind}" for name in OF_CLASS for kind in kinds)]


def percentile(samples: F64, value: F64, left_out: F64) -> Ends:
    """Quantiles of the samples."""
    low, high = np.nanquantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def basic(samples: F64, value: F64, left_out: F64) -> Ends:
    """The same, mirrored at the value."""
    low, high = percentile(samples, value, left_out)
    return 2 * value - high, 2 * value - low


def normal(samples: F64, value: F64, left_out: F64) -> Ends:
    """The samples' standard deviation to either side."""
    reach = REACH * np.nanstd(samples, axis=0, ddof=1)
    return value - reach, value + reach


def bias_corrected(samples: F64, value: F64, left_out: F64) -> Ends:
    """What `refdet` gives."""
    return bootstrap_interval(samples, value, LEVEL)


def accelerated(samples: F64, value: F64, left_out: F64) -> Ends:
    """BCa: bias corrected, and with the skewness of what leaving out single images does."""
    off = np.nanmean(left_out, axis=0) - left_out
    acceleration = np.nansum(off**3, axis=0) / (6 * np.nansum(off**2, axis=0) ** 1.5 + 1e-300)
    unit, ends = NormalDist(), np.full((2, len(value)), np.nan)
    for place, own in enumerate(value.tolist()):
        column = samples[~np.isnan(samples[:, place]), place]
        below = np.mean(column < own - 1e-9) / 2 + np.mean(column < own + 1e-9) / 2
        if not len(column) or np.isnan(own):
            continue
        shift = unit.inv_cdf(min(max(below, 1e-3), 1 - 1e-3))
        for end, side in enumerate((-REACH, REACH)):
            moved = shift + (shift + side) / (1 - acceleration[place] * (shift + side))
            ends[end, place] = np.quantile(column, unit.cdf(moved))
    return ends[0], ends[1]


KINDS: dict[str, Callable[[F64, F64, F64], Ends]] = {
    "percentile": percentile,
    "basic": basic,
    "normal": normal,
    "BC": bias_corrected,
    "BCa": accelerated,
}


def main() -> None:
    """Print a row per number and a column per kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_images", type=int)
    parser.add_argument("n_data_sets", type=int)
    asked = parser.parse_args()
    n_images, rng = asked.n_images, np.random.default_rng(asked.n_images)
    (truth,) = numbers(MANY_IMAGES, rng, np.ones((1, MANY_IMAGES), np.int64))
    covered = {kind: np.zeros(len(truth)) for kind in KINDS}
    defined = np.zeros(len(truth))
    itself, single = np.ones((1, n_images), np.int64), np.eye(n_images, dtype=np.int64)
    for _ in range(asked.n_data_sets):
        drawn = bootstrap_weights(n_images, N_SAMPLES, rng)
        rows = numbers(n_images, rng, np.concatenate([itself, 1 - single, drawn]))
        value, left_out, samples = rows[0], rows[1 : n_images + 1], rows[n_images + 1 :]
        defined += ~np.isnan(value)
        for kind, ends_of in KINDS.items():
            low, high = ends_of(samples, value, left_out)
            covered[kind] += (low <= truth) & (truth <= high)
    print(f"{n_images} images, {asked.n_data_sets} data sets")  # noqa: T201 - what this is for
    table = np.stack([covered[kind] / defined for kind in KINDS], axis=1)
    for name, row in [*zip(names(), table, strict=True), ("mean", table.mean(axis=0))]:
        shares = "".join(f"{share:12.3f}" for share in row.tolist())
        print(f"{name:24}{shares}")  # noqa: T201 - likewise
    print(f"{'':24}" + "".join(f"{kind:>12}" for kind in KINDS))  # noqa: T201 - likewise


if __name__ == "__main__":
    main()
