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
    """What the number would be in `level` of all data sets of this size, as far as one can tell.

    The normal interval: the value, and to either side as many standard deviations of the samples
    as the normal distribution needs. It does not ask where the samples lie: those of an average
    precision lie above the value, since its envelope takes what is best by chance, and intervals
    of their quantiles miss the number (docs/confidence.md). For the same reason an average
    precision over few objects is too high; how much too high, no interval tells.

    Args:
        samples: (S, ...), any real dtype: the number in each bootstrap sample; NaN where it is
            undefined, which is left out.
        value: (...), any real dtype: the number of the data set itself, in the middle.
        level: in (0, 1).

    Returns:
        (...) float64 lower and upper ends, which may lie outside the number's range. NaN where the
        value is, and where fewer than 2 / (1 - level) samples are defined, 40 of 0.95. Where all
        samples are equal both ends are the value: what never happened is not in any sample.

    Raises:
        TypeError: an array that is not of a real dtype.
        ValueError: shapes that do not fit, a level outside (0, 1).

    Source:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.3.
    """
    checked, own = _checked_samples(samples, "samples"), _checked_real(value, "value")
    if own.shape != checked.shape[1:]:
        raise ValueError(f"value has shape {own.shape} and samples {checked.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level = {level} is not in (0, 1)")
    is_defined = ~np.isnan(checked)
    defined = np.count_nonzero(is_defined, axis=0)
    off = np.where(is_defined, checked, 0)
    off -= off.sum(axis=0) / np.maximum(defined, 1)
    squares = np.where(is_defined, off**2, 0).sum(axis=0)
    reach = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(squares / np.maximum(defined - 1, 1))
    # 2 / (1 - 0.9) is a little more than 20 in float64.
    reach = np.where((defined >= 2) & (defined >= 2 / (1 - level) - 1e-6), reach, np.nan)
    return own - reach, own + reach


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
