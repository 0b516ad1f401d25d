"""How sure a number of a data set is: resample the images, and see how far the number moves.

Images are the unit, since the objects and detections of an image are not independent of each
other. A bootstrap sample draws as many images as there are, with replacement; how often each was
drawn is its *weight*. The number is computed from the weighted images, sample by sample.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
RealArray = NDArray[np.floating | np.integer]

ROUNDING = 1e-9
"""Fractions that are nearer to each other are equal, and differ by the order of their sums."""


def bootstrap_weights(n_images: int, n_samples: int, rng: np.random.Generator) -> I64:
    """How often each image comes in each bootstrap sample.

    Args:
        n_images: I >= 0.
        n_samples: S >= 0.
        rng: where the randomness comes from; the same state gives the same weights.

    Returns:
        (S, I) int64 >= 0; each row is multinomial and sums to I.

    Raises:
        TypeError: a number that is not an integer.
        ValueError: a number that is negative.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
    """
    _check_count(n_images, "n_images")
    _check_count(n_samples, "n_samples")
    if not n_images:
        return np.zeros((n_samples, 0), np.int64)
    drawn = rng.integers(0, n_images, (n_samples, n_images))
    drawn += n_images * np.arange(n_samples)[:, None]  # the images of each sample apart
    counts = np.bincount(drawn.ravel(), minlength=n_samples * n_images)
    return counts.reshape(n_samples, n_images)


def bootstrap_interval(
    samples: RealArray, value: RealArray | float, level: float = 0.95
) -> tuple[F64, F64]:
    """An interval that covers the true number in about `level` of all data sets.

    The bias-corrected percentile interval: quantiles of the samples, shifted by how far the
    value itself is from their median. A sample that equals the value, up to 1e-9, counts half.

    Args:
        samples: (S, ...), any real dtype: the number in each bootstrap sample; NaN where it is
            undefined, which is left out.
        value: (...), any real dtype: the number of the data set itself.
        level: in (0, 1).

    Returns:
        (...) float64 lower and upper ends: NaN where the value is, and where fewer than
        2 / (1 - level) samples are defined: then no sample lies beyond an end. Both ends lie
        within the samples.

    Raises:
        TypeError: an array that is not of a real dtype.
        ValueError: shapes that do not fit, a level outside (0, 1).

    Source:
        Efron, "Nonparametric standard errors and confidence intervals", Canadian Journal of
        Statistics 1981, section 7; quantiles between samples are linear (Hyndman and Fan's
        type 7, NumPy's default).
    """
    checked, own = _checked_samples(samples, "samples"), _checked_real(value, "value")
    if own.shape != checked.shape[1:]:
        raise ValueError(f"value has shape {own.shape} and samples {checked.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level = {level} is not in (0, 1)")
    ordered = np.sort(checked, axis=0)  # NaN last
    defined = np.count_nonzero(~np.isnan(ordered), axis=0)
    sides = (np.count_nonzero(ordered < own + by, axis=0) for by in (-ROUNDING, ROUNDING))
    below = np.sum(list(sides), axis=0)
    enough = (defined >= 2 / (1 - level) * (1 - 1e-9)) & ~np.isnan(own)
    shift = _normal_quantile(below / np.maximum(2 * defined, 1))
    reach = NormalDist().inv_cdf((1 + level) / 2)
    ends = [
        np.where(enough, _quantile(ordered, defined, _normal_share(2 * shift + side)), np.nan)
        for side in (-reach, reach)
    ]
    return ends[0], ends[1]


def bootstrap_p_value(difference_samples: RealArray) -> F64:
    """How likely a difference that is at least as far from 0 is, if there is none; two-sided.

    Twice the share of the samples on the other side of 0. A sample of 0, up to 1e-9, is on both
    sides, and one is added to each side, since the data set itself is a sample: p is never 0.

    Args:
        difference_samples: (S, ...), any real dtype: the difference in each bootstrap sample; NaN
            where it is undefined, which is left out.

    Returns:
        (...) float64 in (0, 1]; NaN where no sample is defined.

    Raises:
        TypeError: not of a real dtype.
        ValueError: no axis of samples.

    Source:
        Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 4.2 (the
        one that is added) and 5.2 (a test is an interval that is just wide enough to reach 0).
    """
    checked = _checked_samples(difference_samples, "difference_samples")
    defined = np.count_nonzero(~np.isnan(checked), axis=0)
    rarer = np.minimum(
        np.count_nonzero(checked < ROUNDING, axis=0), np.count_nonzero(checked > -ROUNDING, axis=0)
    )
    return np.where(defined > 0, np.minimum(1, 2 * (rarer + 1) / (defined + 1)), np.nan)


def _quantile(ordered: F64, defined: I64, share: F64) -> F64:
    """The value below which `share` of the first `defined` entries of each column lie."""
    if not len(ordered):
        return np.full(ordered.shape[1:], np.nan)
    place = share * np.maximum(defined - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(defined - 1, 0))
    below, above = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high))
    between: F64 = below + (place - low) * (above - below)
    return between


def _normal_quantile(share: F64) -> F64:
    """Of the standard normal distribution, element by element; 0 and 1 are infinite."""
    inner = NormalDist().inv_cdf
    ends = {0.0: -np.inf, 1.0: np.inf}
    quantiles = [ends[one] if one in ends else inner(one) for one in share.ravel().tolist()]
    return np.array(quantiles).reshape(share.shape)


def _normal_share(quantile: F64) -> F64:
    """The inverse of `_normal_quantile`."""
    shares = [NormalDist().cdf(one) for one in quantile.ravel().tolist()]
    return np.array(shares).reshape(quantile.shape)


def _check_count(count: int, name: str) -> None:
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {count!r}")
    if count < 0:
        raise ValueError(f"{name} = {count} is negative")


def _checked_samples(samples: RealArray, name: str) -> F64:
    checked = _checked_real(samples, name)
    if checked.ndim < 1:
        raise ValueError(f"{name} must have shape (S, ...), got {checked.shape}")
    return checked


def _checked_real(values: RealArray | float, name: str) -> F64:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    return array.astype(np.float64, copy=False)
