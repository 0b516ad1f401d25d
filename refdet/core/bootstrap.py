"""How sure a number of a data set is: resample the images, and see how far the number moves.

Images are the unit, since the objects and detections of an image are not independent of each
other. A bootstrap sample draws as many images as there are, with replacement; how often each was
drawn is its *weight*. The number is computed from the weighted images, sample by sample.
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]

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
    samples: RealArray,
    value: RealArray | float,
    level: float = 0.95,
    n_images: IntArray | int | None = None,
) -> tuple[F64, F64]:
    """What the number would be in `level` of all data sets of this size, as far as one can tell.

    The value, and to either side as many standard errors as Student's distribution of n - 1
    degrees of freedom needs, where the number stands on n images; without `n_images`, as many as
    the normal distribution needs. The standard error is the samples' standard deviation times
    sqrt(n / (n - 1)): resampling n images takes their spread for that of all images, which is
    larger. It does not matter where the samples lie: those of an average precision lie above the
    value, since its envelope takes what is best by chance, and intervals of their quantiles miss
    the number (docs/confidence.md). For the same reason an average precision over few objects is
    too high; how much too high, no interval tells.

    Args:
        samples: (S, ...), any real dtype: the number in each bootstrap sample; NaN where it is
            undefined, which is left out.
        value: (...), any real dtype: the number of the data set itself, in the middle.
        level: in (0, 1).
        n_images: >= 0, of a shape that broadcasts to (...): on how many images each number stands.

    Returns:
        (...) float64 lower and upper ends, which may lie outside the number's range. NaN where

        - the value is;
        - fewer than 2 / (1 - level) samples are defined, 40 of 0.95;
        - 2**(1 - n) >= 1 - level, n < 6 of 0.95: so often all of n images are on the same side of
          the true number by chance, and no rule can be surer than that;
        - all samples are equal, up to 1e-9: what never happened is in no sample, and how rare it
          is they do not tell.

    Raises:
        TypeError: an array that is not of a real dtype, images that are not integers.
        ValueError: shapes that do not fit, a level outside (0, 1), a negative number of images.

    Source:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.3 (normal) and
        12.4 (Student); Hesterberg, "What teachers should know about the bootstrap", The American
        Statistician 2015 (n / (n - 1)).
    """
    checked = _checked_samples(samples, "samples")
    own, images = _checked_own(value, n_images, checked, "samples")
    if not 0 < level < 1:
        raise ValueError(f"level = {level} is not in (0, 1)")
    defined, error = _standard_errors(checked, images)
    # 2 / (1 - 0.9) is a little more than 20 in float64.
    told = (defined >= 2 / (1 - level) - 1e-6) & (2 ** (1 - images) < 1 - level)
    reach = np.full(own.shape, np.nan)
    for n in np.unique(images[told]).tolist():
        here = told & (images == n)
        reach[here] = _student_quantile(level, n - 1) * error[here]
    return own - reach, own + reach


def bootstrap_p_value(
    difference_samples: RealArray,
    value: RealArray | float,
    n_images: IntArray | int | None = None,
) -> F64:
    """How likely a difference that is at least as far from 0 is, if there is none; two-sided.

    It follows from the rule of `bootstrap_interval`: below 1 - level where the interval of that
    level excludes 0, and nowhere else. So it is never below 2 / (S + 1) of S defined samples, nor
    below 2**(1 - n) of n images, and never 0.

    Args:
        difference_samples: (S, ...), any real dtype: the difference in each bootstrap sample; NaN
            where it is undefined, which is left out.
        value: (...), any real dtype: the difference of the data set itself.
        n_images: as in `bootstrap_interval`.

    Returns:
        (...) float64 in (0, 1]. 1 where value and samples are 0, up to 1e-9; where the samples are
        equal otherwise, or none is defined, or the value is NaN, it is NaN.

    Raises:
        TypeError: an array that is not of a real dtype, images that are not integers.
        ValueError: shapes that do not fit, a negative number of images.

    Source:
        Student's test of the difference by its bootstrap standard error; tests and intervals are
        two views of one rule: Davison and Hinkley, "Bootstrap Methods and their Application",
        1997, section 5.2, and 4.2 for the one that is added to the samples.
    """
    checked = _checked_samples(difference_samples, "difference_samples")
    own, images = _checked_own(value, n_images, checked, "difference_samples")
    defined, error = _standard_errors(checked, images)
    p_values = np.full(own.shape, np.nan)
    for place in map(tuple, np.argwhere(~np.isnan(own + error)).tolist()):
        far = float(abs(own[place]) / error[place])
        p_values[place] = _student_tails(far, float(images[place]) - 1)
    least = np.maximum(2 / (defined + 1), 2 ** (1 - images))
    p_values = np.minimum(1, np.maximum(p_values, least))  # NaN stays NaN
    largest = np.fmax.reduce(np.abs(checked), axis=0, initial=0)
    nothing = (defined > 0) & (largest <= ROUNDING) & (np.abs(own) <= ROUNDING)
    return np.where(nothing, 1, p_values)


def _standard_errors(samples: F64, images: F64) -> tuple[I64, F64]:
    """How many samples are defined, and the standard error; NaN if no two of them differ."""
    is_defined = ~np.isnan(samples)
    defined = np.count_nonzero(is_defined, axis=0)
    off = np.where(is_defined, samples, 0)
    off -= off.sum(axis=0) / np.maximum(defined, 1)
    squares = np.where(is_defined, off**2, 0).sum(axis=0)
    width = np.where(is_defined, samples, -np.inf).max(axis=0, initial=-np.inf)
    width = width - np.where(is_defined, samples, np.inf).min(axis=0, initial=np.inf)
    variance = squares / np.maximum(defined - 1, 1) * (1 + 1 / np.maximum(images - 1, 1))
    return defined, np.where(width > ROUNDING, np.sqrt(variance), np.nan)


def _student_tails(far: float, freedom: float) -> float:
    """How likely Student's t is at least so `far` >= 0 from 0: Abramowitz and Stegun, 26.7.3-4."""
    if math.isinf(freedom):
        return math.erfc(far / math.sqrt(2))
    freedom = max(1, freedom)
    angle = math.atan(far / math.sqrt(freedom))
    sine, cosine, is_odd = math.sin(angle), math.cos(angle), freedom % 2
    even = 2.0 * np.arange(1, freedom // 2)
    growth = even / (even + 1) if is_odd else (even - 1) / even
    series = 1 + float(np.cumprod(growth * cosine**2).sum())
    if not is_odd:
        return 1 - sine * series
    return 1 - 2 / math.pi * (angle + sine * cosine * series * (freedom > 1))


def _student_quantile(level: float, freedom: float) -> float:
    """How far from 0 Student's t is with probability 1 - level.

    By Newton's rule: the probability to be nearer to 0 is concave, so that from the normal
    quantile, which is too small, each step goes towards the quantile and none beyond.
    """
    far = NormalDist().inv_cdf((1 + level) / 2)
    if math.isinf(freedom):
        return far
    log_peak = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    peak = 2 * math.exp(log_peak) / math.sqrt(freedom * math.pi)
    for _ in range(100):
        density = peak * (1 + far**2 / freedom) ** (-(freedom + 1) / 2)
        step = (_student_tails(far, freedom) - (1 - level)) / density
        far += step
        if step <= 1e-14 * far:
            break
    return far


def _check_count(count: int, name: str) -> None:
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {count!r}")
    if count < 0:
        raise ValueError(f"{name} = {count} is negative")


def _checked_own(
    value: RealArray | float, n_images: IntArray | int | None, samples: F64, name: str
) -> tuple[F64, F64]:
    """The value, and on how many images it stands: infinitely many if nobody has said."""
    own = _checked_real(value, "value")
    if own.shape != samples.shape[1:]:
        raise ValueError(f"value has shape {own.shape} and {name} {samples.shape}")
    if n_images is None:
        return own, np.full(own.shape, np.inf)
    images = np.asarray(n_images)
    if images.dtype.kind not in "iu":
        raise TypeError(f"n_images must be integers, got {images.dtype}")
    if images.min(initial=0) < 0:
        raise ValueError(f"n_images = {images.min()} is negative")
    try:
        return own, np.broadcast_to(images, own.shape).astype(np.float64)
    except ValueError:
        raise ValueError(f"n_images has shape {images.shape} and value {own.shape}") from None


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
