"""What people got wrong about scores: bins of calibration, thresholds, the best threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


def refuse(*wrong: ArrayLike) -> None:
    """Raise ValueError if anything of it is so."""
    if any(np.any(one) for one in wrong):
        raise ValueError("out of range, or more is found than there is")


# --- Calibration ---

Binning = Callable[[F64, int], I64]


def bins_closed_below(scores: F64, n_bins: int) -> I64:
    """k / B <= score < (k + 1) / B; 1 is in the last one."""
    edges = np.arange(n_bins + 1) / n_bins
    return np.minimum(np.searchsorted(edges, scores, side="right") - 1, n_bins - 1)


def bins_closed_above(scores: F64, n_bins: int) -> I64:
    """k / B < score <= (k + 1) / B: a score of 0 is in none, and an edge in the bin below."""
    return np.searchsorted(np.arange(n_bins + 1) / n_bins, scores, side="left") - 1


def bins_and_one_more(scores: F64, n_bins: int) -> I64:
    """1 is in a bin of its own behind the last."""
    return np.searchsorted(np.arange(n_bins + 1) / n_bins, scores, side="right") - 1


class Reliability:
    """Bin by bin."""

    def __init__(self, binning: Binning = bins_closed_below) -> None:
        self.binning = binning

    def __call__(self, scores: F64, right: Mask, iou: F64, n_bins: int) -> SimpleNamespace:
        refuse(~((scores >= 0) & (scores <= 1)), np.isnan(iou[right]))
        place = self.binning(scores, n_bins)
        rows = [np.flatnonzero(place == k) for k in range(n_bins)]
        mean_score = np.array([self.mean(scores[row]) for row in rows])
        precision = np.array([self.mean(right[row]) for row in rows])
        mean_iou = np.array([self.mean(iou[row][right[row]]) for row in rows])
        counts = np.array([len(row) for row in rows])
        fit = np.where(precision > 0, precision * mean_iou, 0.0)
        return SimpleNamespace(
            edges=np.arange(n_bins + 1) / n_bins,
            counts=counts,
            mean_score=mean_score,
            precision=precision,
            mean_iou=mean_iou,
            expected_error=self.error(np.abs(mean_score - precision), counts),
            localization_aware_error=self.error(np.abs(mean_score - fit), counts),
        )

    def mean(self, values: NDArray[np.generic]) -> float:
        return float(np.mean(values.astype(np.float64))) if len(values) else float("nan")

    def error(self, gaps: F64, counts: I64) -> float:
        filled = counts > 0
        total = counts.sum()
        return float((gaps[filled] * counts[filled]).sum() / total) if total else float("nan")


class ReliabilityWithoutTheLastBin(Reliability):
    """A loop to len(bins) - 1."""

    def error(self, gaps: F64, counts: I64) -> float:
        total = counts.sum()
        kept = counts[:-1] > 0
        summed = (gaps[:-1][kept] * counts[:-1][kept]).sum()
        return float(summed / total) if total else float("nan")


class ReliabilityAsMeanOfBins(Reliability):
    """The mean of the bins' gaps for their sum weighted by counts."""

    def error(self, gaps: F64, counts: I64) -> float:
        return self.mean(gaps[counts > 0])


# --- Thresholds ---


def mask(scores: F64, labels: I64, default: float, per_class: Mapping[int, float]) -> Mask:
    refuse(np.isnan(scores), [not 0 <= t <= 1 for t in (default, *per_class.values())])
    return scores >= np.array([per_class.get(label, default) for label in labels.tolist()])


def mask_above(scores: F64, labels: I64, default: float, per_class: Mapping[int, float]) -> Mask:
    """`>` for `>=`."""
    refuse(np.isnan(scores), [not 0 <= t <= 1 for t in (default, *per_class.values())])
    return scores > np.array([per_class.get(label, default) for label in labels.tolist()])


def counts(scores: F64, right: Mask) -> SimpleNamespace:
    every = counts_of_detections(scores, right)
    last = np.diff(every.thresholds, append=-np.inf) != 0
    return SimpleNamespace(**{name: column[last] for name, column in vars(every).items()})


def counts_of_detections(scores: F64, right: Mask) -> SimpleNamespace:
    """One row a detection, so that a threshold of several has several counts."""
    refuse(np.isnan(scores))
    order = np.argsort(-scores, kind="stable")
    return SimpleNamespace(
        thresholds=scores[order],
        true_positives=np.cumsum(right[order]),
        false_positives=np.cumsum(~right[order]),
    )


class BestF:
    """The highest of the best."""

    def __call__(self, thresholds: F64, tp: I64, fp: I64, n: I64, beta: float) -> F64:
        objects = np.asarray(n)
        refuse(beta <= 0, tp > objects[..., None], np.diff(thresholds) >= 0)
        if not len(thresholds):
            return np.full(objects.shape, np.nan)
        f_beta = self.f_beta(tp, fp, objects[..., None], beta)
        chosen = thresholds[self.best(f_beta)]
        return np.where(tp.max(axis=-1) > 0, chosen, np.nan)

    def f_beta(self, tp: I64, fp: I64, n: I64, beta: float) -> F64:
        f_beta: F64 = (1 + beta**2) * tp / np.maximum(beta**2 * n + tp + fp, 1)
        return f_beta

    def best(self, f_beta: F64) -> I64:
        return np.asarray(f_beta.argmax(axis=-1))


class BestFOfQuotients(BestF):
    """From precision and recall: 0 / 0 where nothing is found, and NaN is what argmax takes."""

    def f_beta(self, tp: I64, fp: I64, n: I64, beta: float) -> F64:
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = tp / (tp + fp), tp / n
            f_beta: F64 = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        return f_beta


class BestFFromBelow(BestF):
    """Thresholds ascend, so that argmax takes the lowest of equally good ones."""

    def best(self, f_beta: F64) -> I64:
        return np.asarray(f_beta.shape[-1] - 1 - f_beta[..., ::-1].argmax(axis=-1))


RIGHT = (
    Right("reliability_curve", Reliability()),
    Right("score_threshold_mask", mask),
    Right("threshold_counts", counts),
    Right("threshold_of_best_f_beta", BestF()),
)

ZOO = (
    Wrong(
        "reliability_curve",
        "bins-closed-above",
        Reliability(bins_closed_above),
        "gpleiss/temperature_scaling; UKGovernmentBEIS/inspect_evals#2141",
    ),
    Wrong(
        "reliability_curve",
        "one-bin-more",
        Reliability(bins_and_one_more),
        "Lightning-AI/torchmetrics#3510",
    ),
    Wrong(
        "reliability_curve",
        "without-the-last-bin",
        ReliabilityWithoutTheLastBin(),
        "hendrycks/natural-adv-examples#16, texttron/BrowseComp-Plus#18",
    ),
    Wrong(
        "reliability_curve",
        "mean-of-bins-for-the-sum",
        ReliabilityAsMeanOfBins(),
        "ethen8181/machine-learning#20",
    ),
    Wrong(
        "score_threshold_mask",
        "above-the-threshold",
        mask_above,
        "torchvision 0.29.2, models/detection/ssd.py: score > self.score_thresh",
    ),
    Wrong(
        "threshold_counts",
        "one-row-a-detection",
        counts_of_detections,
        "kemaloksuz/LRP-Error, pycocotools/cocoeval.py; vlfeat/vlfeat#51",
    ),
    Wrong(
        "threshold_of_best_f_beta",
        "argmax-of-nan",
        BestFOfQuotients(),
        "np.argmax(2 * precision * recall / (precision + recall)), in public repositories",
    ),
    Wrong(
        "threshold_of_best_f_beta",
        "lowest-of-equals",
        BestFFromBelow(),
        "np.argmax over scikit-learn's precision_recall_curve, in public repositories",
    ),
)
