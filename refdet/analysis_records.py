"""What the analysis of a judged data set results in: how sure its numbers are, and what is wrong.

`refdet.analysis` makes these, `refdet.report` shows them. What is undefined is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from refdet.records import F64, I64, Evaluation


@dataclass(frozen=True)
class Estimate:
    """A number with the interval that resampling the images gives it.

    Attributes:
        value: on the data set itself.
        low: lower end of the interval; NaN where too few samples define the number.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class CurveBand:
    """A class's precision-recall envelope with an interval at each recall level.

    Attributes:
        recall: (L,) ascending in [0, 1].
        precision: (L,) the best at that recall or beyond; 0 where it is not reached.
        low: (L,) the quantile of the samples' curves, or the curve itself if that is lower; falls.
        high: (L,) likewise of the upper end.
    """

    recall: F64
    precision: F64
    low: F64
    high: F64


@dataclass(frozen=True, eq=False)
class EvaluationIntervals:
    """An interval for every number of an `Evaluation`.

    Attributes:
        level: what share of such intervals covers the true number, 0.95.
        n_samples: bootstrap samples of the images.
        seed: of their random numbers.
        coco_stats: COCO's twelve numbers.
        totals: by the names of the fractions among the fields of `Totals`.
        classes: in label order, by the names of the fractions among the fields of `ClassMetrics`.
        bands: by label, at the evaluation's IoU threshold, for classes that have ground truth.
    """

    level: float
    n_samples: int
    seed: int
    coco_stats: tuple[Estimate, ...]
    totals: Mapping[str, Estimate]
    classes: tuple[Mapping[str, Estimate], ...]
    bands: Mapping[int, CurveBand]


class ErrorKind(StrEnum):
    """TIDE's six kinds of error, by the names that the list of false positives has for them."""

    CONFUSION = "confusion"
    LOCALIZATION = "localization"
    BOTH = "both"
    DUPLICATE = "duplicate"
    BACKGROUND = "background"
    MISSED = "missed"


@dataclass(frozen=True, eq=False)
class ErrorsOfKind:
    """How often a detector errs in one way, and what AP it would have without.

    Attributes:
        kind: which way.
        counts: (C,) int64 errors of each class: of the detection's class or, for missed objects,
            of the object's.
        ap_gain: by how much the mean AP rises when all errors of this kind are fixed.
        class_ap_gains: (C,) likewise of each class's AP; NaN for a class without objects.
    """

    kind: ErrorKind
    counts: I64
    ap_gain: float
    class_ap_gains: F64


@dataclass(frozen=True)
class Lrp:
    """The localisation-recall-precision error of a class at one score threshold; lower is better.

    Attributes:
        score_threshold: detections from this score on count.
        error: LRP in [0, 1]; 1 where nothing is found.
        localization: mean of 1 - IoU over the true positives.
        false_positive: 1 - precision.
        false_negative: 1 - recall.
    """

    score_threshold: float
    error: float
    localization: float
    false_positive: float
    false_negative: float


@dataclass(frozen=True, eq=False)
class ErrorAnalysis:
    """What a detector does wrong, at one IoU threshold, over detections of any score.

    Attributes:
        iou_threshold: at or above it a detection covers an object.
        background_threshold: a detection lies on background where its IoU is at most this with
            objects of other classes, and below it with those of its own.
        ap: mean AP, each class's as TIDE computes it, of the classes that have objects.
        class_aps: (C,) likewise; NaN for a class without objects.
        kinds: all six, in the order of `ErrorKind`.
        false_positive_gain: by how much the mean AP rises without any false positive.
        false_negative_gain: likewise without any missed object.
        tie_cost: by how much the mean AP falls if of equal scores those that are wrong come first.
            By up to as much, gains may be too low.
        lrp: each class at its score threshold, in label order.
        optimal_lrp: each class at the score threshold where the error is lowest.
        mean_lrp: mean of `lrp` over the classes that have objects.
        mean_optimal_lrp: likewise of `optimal_lrp`.
    """

    iou_threshold: float
    background_threshold: float
    ap: float
    class_aps: F64
    kinds: tuple[ErrorsOfKind, ...]
    false_positive_gain: float
    false_negative_gain: float
    tie_cost: float
    lrp: tuple[Lrp, ...]
    optimal_lrp: tuple[Lrp, ...]
    mean_lrp: float
    mean_optimal_lrp: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """Whether a score means what it says, over bins of equal width.

    Attributes:
        edges: (B + 1,) of the bins in [0, 1], ascending.
        counts: (B,) int64 detections in each.
        mean_score: (B,) NaN in an empty bin.
        precision: (B,) share of true positives; NaN in an empty bin.
        mean_iou: (B,) of the true positives with their objects; NaN without any.
        expected_error: mean over the detections of |mean_score - precision| of their bin.
        localization_aware_error: likewise of |mean_score - precision * mean_iou|.
    """

    edges: F64
    counts: I64
    mean_score: F64
    precision: F64
    mean_iou: F64
    expected_error: float
    localization_aware_error: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """Reliability of all detections and of those of each class.

    Attributes:
        overall: all classes together.
        classes: in label order.
        mean_localization_aware_error: mean over the classes that have detections: LaECE.
    """

    overall: Reliability
    classes: tuple[Reliability, ...]
    mean_localization_aware_error: float


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """What a class comes to at every score threshold.

    Attributes:
        scores: (M,) the distinct scores of its detections, descending.
        true_positives: (M,) int64 among the detections with at least that score.
        false_positives: (M,) int64 likewise.
        n_objects: objects that count.
    """

    scores: F64
    true_positives: I64
    false_positives: I64
    n_objects: int


REASONS = "; "
"""Between the reasons of a warning. Two classes with the same reason have it in the same words."""


@dataclass(frozen=True)
class TunedThreshold:
    """The score threshold of a class, chosen on the very data that it is then judged on.

    Attributes:
        label: of the class.
        name: of the class.
        threshold: NaN where none does what is asked for. Between the ends of its interval lie 95 %
            of the thresholds chosen anew in bootstrap samples of the images.
        applied: the threshold that the numbers below are of: `threshold` or, where that is NaN,
            the one that the class keeps.
        precision: on the data itself, which flatters: the threshold was chosen to look good there.
        recall: likewise.
        f_beta: likewise.
        unseen_precision: of the thresholds chosen in each sample, on the images that are not in
            the sample. Between the ends of its interval lie 95 % of the samples, each of about
            37 % of the images, which is on the wide side for all; NaN where no threshold was
            chosen.
        unseen_recall: likewise.
        unseen_f_beta: likewise.
        n_objects: objects that count.
        warning: what is doubtful about the threshold, joined by `REASONS`; empty if nothing is.
    """

    label: int
    name: str
    threshold: Estimate
    applied: float
    precision: Estimate
    recall: Estimate
    f_beta: Estimate
    unseen_precision: Estimate
    unseen_recall: Estimate
    unseen_f_beta: Estimate
    n_objects: int
    warning: str


@dataclass(frozen=True)
class Slice:
    """The images that share a value of a column, judged by themselves.

    Attributes:
        column: of the table of images.
        value: what they share, as text; of numbers and dates the range.
        n_images: how many they are.
        n_objects: objects that count in them.
        mean_ap: COCO's first number on them alone.
        mean_ap50: COCO's second number.
        difference: `mean_ap50` less that of all other images, over the classes that have objects
            in both.
        p_value: how likely so large a difference is where images are in slices by chance, from
            shuffling them; NaN where undefined.
        adjusted_p_value: the same, corrected for how many slices were looked at.
    """

    column: str
    value: str
    n_images: int
    n_objects: int
    mean_ap: Estimate
    mean_ap50: Estimate
    difference: Estimate
    p_value: float
    adjusted_p_value: float


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that is said about one run.

    Attributes:
        name: of the run.
        evaluation: its numbers.
        intervals: how sure they are.
        errors: what is wrong.
        calibration: what its scores are worth.
        thresholds: a curve for each class, in label order.
        slices: worst first; empty without a table of images.
    """

    name: str
    evaluation: Evaluation
    intervals: EvaluationIntervals
    errors: ErrorAnalysis
    calibration: Calibration
    thresholds: tuple[ThresholdCurve, ...]
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class ComparedNumber:
    """One number of two runs on the same images.

    Attributes:
        name: what it is, such as `AP50`.
        a: of the first run.
        b: of the second.
        difference: b - a, with the interval of the paired bootstrap.
        p_value: how likely so large a difference is where there is none; NaN where undefined.
    """

    name: str
    a: float
    b: float
    difference: Estimate
    p_value: float


@dataclass(frozen=True)
class ChangedImage:
    """An image that the two runs judge differently, at their score thresholds.

    Attributes:
        image: its name.
        found: objects that only the second run found.
        lost: objects that only the first run found.
        added_false_positives: those that only the second run has.
        removed_false_positives: those that only the first run has.
    """

    image: str
    found: int
    lost: int
    added_false_positives: int
    removed_false_positives: int = 0


class ChangeKind(StrEnum):
    """What is different between two runs at one place of an image."""

    FOUND = "found"
    """An object that only the second run found."""
    LOST = "lost"
    """An object that only the first run found."""
    ADDED_FALSE_POSITIVE = "added false positive"
    """A false positive that only the second run has."""
    REMOVED_FALSE_POSITIVE = "removed false positive"
    """A false positive that only the first run has."""


@dataclass(frozen=True)
class Change:
    """An object, or a false positive, that two runs differ in at their score thresholds.

    Attributes:
        image: the image's name.
        kind: what is different.
        label: of the object, or of the false positive.
        box_xyxy: of the object, or of the false positive, in pixels.
        score: of the one detection that makes the difference.
    """

    image: str
    kind: ChangeKind
    label: int
    box_xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs on the same images.

    Attributes:
        names: of the runs, a and b.
        level: of the intervals.
        n_samples: bootstrap samples, the same of both runs.
        overall: differences of the totals; the first is mean AP.
        classes: AP of each class, in label order, by class name; `p_value` is corrected for how
            many classes there are.
        images: those that explain the difference, the most changed first.
        verdict: a few plain sentences, the first says which run is better.
        n_images: on how many images both were judged.
        changes: in the order of `images`, then by kind, then by score descending.
    """

    names: tuple[str, str]
    level: float
    n_samples: int
    overall: tuple[ComparedNumber, ...]
    classes: tuple[ComparedNumber, ...]
    images: tuple[ChangedImage, ...]
    verdict: str
    n_images: int = 0
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class LabelCandidate:
    """A place where several runs see an object that nobody has annotated.

    Attributes:
        image: the image's name.
        label: the class that the runs agree on.
        box_xyxy: mean of their boxes, in pixels.
        score: mean of their scores, 0 for a run that does not see it: the rank.
        n_runs: how many runs see it.
        best_iou: highest overlap with any annotated object: IoU, and with a crowd the share of the
            box that lies in it.
        run_scores: the score of each run; 0 for one that does not see it.
    """

    image: str
    label: int
    box_xyxy: tuple[float, float, float, float]
    score: float
    n_runs: int
    best_iou: float
    run_scores: tuple[float, ...]
