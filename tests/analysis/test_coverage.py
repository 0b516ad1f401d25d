"""What the bootstrap claims, held to a detector of which there are as many data sets as one likes.

Each test allows for the error of the simulation itself: three standard deviations of a binomial.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.simulated import Scenes, detected, scenes
from refdet.analysis.resampling import Numbers, Resampler
from refdet.columns import DetectionColumns
from refdet.core.bootstrap import bootstrap_interval, bootstrap_p_value, bootstrap_weights
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64

DATA_SETS, IMAGES, SAMPLES = 60, 100, 100
TOTALS = ("mean_ap50", "mean_ap50_voc", "micro_precision", "micro_recall", "macro_f1")
NUMBERS = (*TOTALS, "AR", "AP50 of the common class")


class Simulation(NamedTuple):
    """Data sets of a detector A, of its equal, and of a better one, on the same images.

    Attributes:
        truth: (N,) the mean of A's numbers over many such data sets.
        values: (D, N) A's numbers on each data set.
        samples: (D, S, N) the same in its bootstrap samples.
        equal: (D, S, N) the equal's in the same samples, and `better` the better one's.
    """

    truth: F64
    values: F64
    samples: F64
    equal: F64
    better: F64


def numbers_of(numbers: Numbers) -> F64:
    """(S, N)."""
    columns = [numbers.totals[name] for name in TOTALS]
    return np.stack([*columns, numbers.coco_stats[:, 8], numbers.classes["ap50"][:, 0]], axis=1)


def judged(scene: Scenes, found: DetectionColumns, weights: np.ndarray) -> F64:
    resampler = Resampler(judged_columns(scene.objects, found, EvaluationSettings()))
    return numbers_of(resampler.numbers(weights))


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    rng = np.random.default_rng(2026)
    itself = np.ones((1, IMAGES), np.int64)
    others = [scenes(IMAGES, rng) for _ in range(300)]
    truth = np.mean([judged(scene, detected(scene, rng), itself)[0] for scene in others], axis=0)
    values, samples = [], []
    for _ in range(DATA_SETS):
        scene = scenes(IMAGES, rng)
        weights = bootstrap_weights(IMAGES, SAMPLES, rng)
        weights = np.concatenate([itself, weights])
        runs = [judged(scene, detected(scene, rng, skill), weights) for skill in (0, 0, 0.12)]
        values.append(runs[0][0])
        samples.append([run[1:] for run in runs])
    of_runs = np.swapaxes(np.array(samples), 0, 1)
    return Simulation(truth, np.array(values), *of_runs)


def covered(simulation: Simulation, level: float) -> F64:
    """(N,) in which share of the data sets the interval holds the number that is usual."""
    ends = [
        bootstrap_interval(samples, value, level)
        for samples, value in zip(simulation.samples, simulation.values, strict=True)
    ]
    inside = [(low <= simulation.truth) & (simulation.truth <= high) for low, high in ends]
    shares: F64 = np.array(inside, np.float64).mean(axis=0)
    return shares


def error(share: float) -> float:
    return 3 * math.sqrt(share * (1 - share) / DATA_SETS)


def test_intervals_of_95_percent_cover_in_95_percent_of_the_data_sets(
    simulation: Simulation,
) -> None:
    shares = dict(zip(NUMBERS, covered(simulation, 0.95).tolist(), strict=True))
    assert {name: share for name, share in shares.items() if share < 0.95 - error(0.95)} == {}


def test_the_simulation_tells_intervals_of_80_percent_from_those_of_95(
    simulation: Simulation,
) -> None:
    shares = covered(simulation, 0.8)
    assert np.median(shares) < 0.95 - error(0.95)
    assert shares.min() > 0.8 - error(0.8)


def significant(simulation: Simulation, other: F64) -> F64:
    """(N,) in which share of the data sets the other detector differs from A at 5 %."""
    pairs = zip(simulation.samples, other, strict=True)
    p_values = np.array([bootstrap_p_value(b - a) for a, b in pairs])
    shares: F64 = (p_values < 0.05).astype(np.float64).mean(axis=0)
    return shares


def test_p_values_of_equals_are_below_5_percent_no_more_often_than_that(
    simulation: Simulation,
) -> None:
    shares = dict(zip(NUMBERS, significant(simulation, simulation.equal).tolist(), strict=True))
    assert {name: share for name, share in shares.items() if share > 0.05 + error(0.05)} == {}


def test_p_values_of_a_better_detector_are_mostly_below_5_percent(simulation: Simulation) -> None:
    shares = dict(zip(NUMBERS, significant(simulation, simulation.better).tolist(), strict=True))
    assert min(shares["AP50 of the common class"], shares["micro_recall"]) > 0.7


def test_a_detector_against_itself_is_never_significant(simulation: Simulation) -> None:
    assert significant(simulation, simulation.samples).max() == 0
