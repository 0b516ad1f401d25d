"""Do slices differ by more than they would if images were in them by chance?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from refdet.analysis.average_precisions import AveragePrecisions, Progress, mean
from refdet.core.coco_eval import CocoState
from refdet.records import F64, Mask

AP50 = 0.5
MOST_JUDGED = 2_000_000_000
"""Detections that are judged in all shuffles together: about half a minute of processor time."""
FEWEST_SHUFFLES = 200
"""However large the data set; p-values of 0.05 are then known to 0.015."""
ROUNDING = 1e-9
"""Differences that are nearer to each other are equal, and differ by the order of their sums."""


def n_shuffles(n_detections: int, n_parts: int, n_samples: int) -> int:
    """How often images are shuffled: as often as is asked for, less often where it takes long.

    Args:
        n_detections: of the data set.
        n_parts: how many sets of images are judged in each shuffle, slices and their rests.
        n_samples: what is asked for.
    """
    affordable = MOST_JUDGED // max(1, n_detections * n_parts)
    return min(n_samples, max(FEWEST_SHUFFLES, affordable))


def shuffled_differences(
    state: CocoState,
    members: Sequence[Mask],
    n_permutations: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> F64:
    """AP50 of each slice less that of its rest, as it is and with the images shuffled.

    A shuffle deals the images out to the slices anew; to those of all columns by the same
    permutation, so that slices which overlap still do.

    Args:
        state: the data set, matched.
        members: of each of N slices, which images of the state (I,) are in it.
        n_permutations: P.
        rng: where the randomness comes from.
        progress: is told how many samples more are judged, 1 + P for each different part.

    Returns:
        (1 + P, N) over the classes that have objects in both parts, NaN if none has; the first
        row is of the slices as they are.
    """
    images = np.arange(len(state.image_ids))
    shuffles = np.tile(images, (1 + n_permutations, 1))
    shuffles[1:] = rng.permuted(shuffles[1:], axis=1)
    aps, of_part = AveragePrecisions(state, [AP50]), dict[bytes, F64]()

    def class_ap50(part: Mask) -> F64:
        # The rest of one slice is another where a column has two.
        if (key := part.tobytes()) not in of_part:
            of_part[key] = aps.of(part.astype(np.int64)[shuffles], progress)[:, 0]
        return of_part[key]

    def differences() -> Iterator[F64]:
        for one in members:
            yield mean(class_ap50(one) - class_ap50(~one))

    return np.stack([*differences()], axis=1)


def shuffled_p_values(differences: F64) -> tuple[F64, F64]:
    """How likely a slice is as far from its rest as it is, where images are in slices by chance.

    The null hypothesis: what a column says of an image tells nothing about the image, its objects
    and detections. Then images are exchangeable between the slices, and the slices as they are are
    one of the 1 + P equally likely ways to deal the images out: p-values below 5 % come in at most
    5 % of data sets, for however few images and whatever the number is, since nothing is assumed
    of its distribution. What a small p-value speaks against is this hypothesis as a whole: images
    of a slice that vary more than others do are no chance either.

    How far a slice is: its difference less the mean of that column of `differences`, in standard
    deviations of the column. AP of few images is too high, and small slices, which have more
    classes with few objects, are above their rest by chance; so 0 is not what to expect. Where a
    difference has the other sign than its distance from the mean, it counts as none: a slice above
    its rest is never found to be worse, nor one below it better.

    Corrected p-values are step-down: the largest of all distances of a shuffle is what the
    farthest slice has to exceed, that of the others is for the second, and so on. Among several
    columns, at least one that tells nothing is found in at most 5 % of data sets, whatever the
    others tell.

    Args:
        differences: (1 + P, N), the first row of the slices as they are and defined; NaN elsewhere
            counts as no difference.

    Returns:
        (N,) p-values and (N,) corrected ones, which are not below them, in [1 / (1 + P), 1].

    Source:
        Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005, chapters 1 and 3
        (exchangeability, p-values of random permutations); Westfall and Young, "Resampling-Based
        Multiple Testing", 1993, algorithm 2.8 (step-down maxT).
    """
    far = _distances(differences)
    own = far[0] - ROUNDING
    order = np.argsort(-own, kind="stable")
    largest = np.maximum.accumulate(far[:, order][:, ::-1], axis=1)[:, ::-1]  # of those that come
    corrected = np.empty(len(own))
    corrected[order] = np.maximum.accumulate((largest >= own[order]).mean(axis=0))
    p_values: F64 = (far >= own).mean(axis=0)
    return p_values, corrected


def _distances(differences: F64) -> F64:
    """(1 + P, N) from the mean of their column, in its standard deviations."""
    off = differences - np.nanmean(differences, axis=0)
    spread = np.sqrt(np.nanmean(off**2, axis=0))
    # Of slices as they are and shuffled ones alike: the first row is one of them.
    counts = (np.abs(differences) > ROUNDING) & (spread > ROUNDING) & (differences * off > 0)
    far = np.zeros(off.shape)
    np.divide(np.abs(off), spread, out=far, where=counts)
    return far
