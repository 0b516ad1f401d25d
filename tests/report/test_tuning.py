"""Tuned thresholds as text: what stands where, and names that would break a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refdet.analysis_records import REASONS, Estimate, TunedThreshold
from refdet.report.tuning import format_tuned

UNDEFINED = Estimate(np.nan, np.nan, np.nan)
CAT = TunedThreshold(
    label=0,
    name="cat",
    threshold=Estimate(0.7125, 0.5, 1.0),
    applied=0.7125,
    precision=Estimate(0.75, 0.7, 0.8),
    recall=Estimate(0.5, 0.4, 0.6),
    f_beta=Estimate(0.6, 0.5, 0.7),
    unseen_precision=Estimate(0.7, 0.625, 0.875),
    unseen_recall=Estimate(0.45, 0.3, 0.55),
    unseen_f_beta=Estimate(0.55, 0.4, 1.0),
    n_objects=12,
    warning="",
)
DOG = replace(
    CAT,
    name="dog\n\x1b[31m",
    threshold=UNDEFINED,
    applied=0.5,
    unseen_precision=UNDEFINED,
    warning="no objects: keeps 0.5",
)


def test_format_tuned_tells_the_threshold_its_worth_and_what_to_expect() -> None:
    lines = format_tuned([CAT, DOG], "highest F2", 87, 2).splitlines()
    table = [line.split() for line in lines]
    assert table[0] == ["class", "objects", "score>=", "chosen", "anew", "P", "R", "F2"]
    assert table[1] == ["cat", "12", "0.713", ".500-1.00", "0.750", "0.500", "0.600"]
    assert table[4][:1] + table[4][-2:] == ["elsewhere", "F2", "interval"]
    assert table[5] == ["cat", "0.700", ".625-.875", "0.450", ".300-.550", "0.550", ".400-1.00"]
    assert "Thresholds by highest F2 on these 87 images." in " ".join(lines)
    assert "by highest F2 on this image." in " ".join(
        format_tuned([CAT], "highest F2", 1, 2).split()
    )
    assert max(map(len, lines)) <= 100


def test_format_tuned_says_what_is_kept_and_breaks_no_line() -> None:
    lines = format_tuned([CAT, DOG], "precision >= 0.9", 87, 1).splitlines()
    assert lines[2].split()[2:] == ["keeps", "0.5", "-", "0.750", "0.500", "0.600"]
    assert lines[2].startswith(r"dog\n\x1b[31m ")
    assert lines[6].split()[1:3] == ["-", "-"]
    assert lines[-1] == r"dog\n\x1b[31m: no objects: keeps 0.5"
    assert "\x1b" not in "".join(lines)


def test_format_tuned_says_a_reason_once_for_all_classes_that_have_it() -> None:
    few, others = "too few objects", "other images"
    tuned = [
        replace(CAT, warning=REASONS.join([few, others])),
        replace(CAT, name="cow", warning=""),
        replace(CAT, name="hen", warning=few),
    ]
    lines = format_tuned(tuned, "highest F1", 87, 1).splitlines()
    assert lines[-2:] == [f"cat, hen: {few}", f"cat: {others}"]
