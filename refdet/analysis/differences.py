"""Differences between two runs: intervals, and p-values that stay honest for many and for few.

Who looks at many numbers finds one that differs by chance; and a few images are all in favour of
one run by chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refdet.analysis_records import ComparedNumber, Estimate
from refdet.core.bootstrap import bootstrap_interval, bootstrap_p_value
from refdet.records import F64, I64

LEVEL = 0.95
_FEWEST = 6
"""Images that tell an interval of 95 %: 2**(1 - 6) < 0.05."""


def compared_numbers(
    names: Sequence[str], a: F64, b: F64, n_images: I64, *, corrected: bool = False
) -> tuple[ComparedNumber, ...]:
    """Numbers of two runs, and their differences b - a by the paired bootstrap.

    Interval and p-value are two views of one rule (`refdet.core.bootstrap`): p is below 0.05 where
    the interval of 95 % excludes 0. Of runs that agree in every number of every sample, each
    difference is 0 and so is its interval.

    Args:
        names: of the N numbers.
        a: (1 + S, N) of the first run: on the data set itself, then on each of its samples.
        b: (1 + S, N) of the second run, on the same samples.
        n_images: (N,) in how many images there is something to find for each; 0 where no interval
            can be told for another reason.
        corrected: whether p-values are corrected for how many there are.
    """
    value, samples = (b - a)[0], (b - a)[1:]
    low, high = bootstrap_interval(samples, value, LEVEL, n_images)
    low, high = np.clip(low, -1, 1), np.clip(high, -1, 1)
    if np.array_equal(a, b, equal_nan=True):
        low = high = value
    p_values = bootstrap_p_value(samples, value, n_images)
    p_values = np.where((n_images == 0) & np.isnan(low), np.nan, p_values)
    if corrected and np.count_nonzero(~np.isnan(p_values)) > 1:
        told = np.where(np.isnan(p_values), np.nan, value)
        spread = value + (samples - value) * stretch(n_images)
        least = least_p_value(n_images) * np.count_nonzero(~np.isnan(told))
        together = np.maximum(corrected_p_values(spread, told), np.minimum(1, least))
        p_values = np.maximum(p_values, together)
    rows = np.stack([a[0], b[0], value, low, high, p_values], axis=1).tolist()
    return tuple(
        ComparedNumber(name, of_a, of_b, Estimate(difference, lower, upper), p_value)
        for name, (of_a, of_b, difference, lower, upper, p_value) in zip(names, rows, strict=True)
    )


def corrected_p_values(samples: F64, values: F64) -> F64:
    """How likely one of C differences is as far from 0 as this one, where there is none at all.

    The step-down of Holm, but with the bootstrap's own distribution of the largest of the remaining
    differences, each measured in its standard error. So differences that move together are not
    corrected twice, and a thousand samples can show a difference among a hundred: Holm's rule
    would multiply a p-value, which is never below 2 / 1001 there, by a hundred.

    Args:
        samples: (S, C) each difference in each bootstrap sample; NaN where it is undefined.
        values: (C,) the differences of the data set itself; NaN where undefined.

    Returns:
        (C,) in (0, 1]; 1 for a difference of 0, NaN where `values` is.

    Source:
        Westfall and Young, "Resampling-Based Multiple Testing", 1993, algorithm 2.8 (step-down
        maxT); Romano and Wolf, "Exact and approximate stepdown methods for multiple hypothesis
        testing", Journal of the American Statistical Association 2005.
    """
    corrected = np.full(len(values), np.nan)
    defined = np.flatnonzero(~np.isnan(values))
    own, moved = np.abs(values[defined]), np.abs(samples[:, defined] - values[defined])
    spread = np.array([standard_error(column) for column in samples[:, defined].T])
    with np.errstate(invalid="ignore", divide="ignore"):
        # A difference that no sample moves is infinitely many standard errors from 0, or is 0.
        own, moved = np.nan_to_num(own / spread, nan=0.0), np.nan_to_num(moved / spread, nan=0.0)
    order = np.argsort(-own, kind="stable")
    largest = np.maximum.accumulate(moved[:, order][:, ::-1], axis=1)[:, ::-1]  # of those that come
    reached = np.count_nonzero(largest >= own[order], axis=0)
    corrected[defined[order]] = np.maximum.accumulate((1 + reached) / (1 + len(samples)))
    return corrected


def standard_error(samples: F64) -> float:
    """Of a number, from its bootstrap samples; NaN where none of them is defined."""
    defined = samples[~np.isnan(samples)]
    return float(defined.std()) if len(defined) else float("nan")


def stretch(n_images: I64) -> F64:
    """By how much the interval of a number of so few images is wider than that of ever so many.

    Args:
        n_images: (...) >= 0; fewer than six, of which no interval is told, are taken for six.
    """
    images, unit = np.maximum(n_images, _FEWEST), np.tile([-1.0, 1.0], 20)
    samples = np.broadcast_to(unit.reshape(-1, *[1] * images.ndim), (len(unit), *images.shape))
    zero = np.zeros(images.shape)
    (_, wide), (_, normal) = (
        bootstrap_interval(samples, zero, LEVEL, counts) for counts in (images, None)
    )
    return wide / normal


def least_p_value(n_images: I64) -> F64:
    """No test of so many images can be surer than this, whatever was measured on them.

    Two runs that are equally good are both as likely to be the better one on an image: on all of
    n images it is the same one in 2 of 2**n cases. Resampling a few images cannot see that.

    Args:
        n_images: (...) >= 0.
    """
    return np.minimum(1, 2.0 ** (1 - n_images.astype(np.float64)))
