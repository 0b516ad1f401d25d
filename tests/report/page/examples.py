"""Analyses of invented runs, which the tests of the page share: small, large, hostile, empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refdet.analysis_records import Analysis, Comparison
from tests.report.page.analysed import analysis_of, comparison_of, slices_of
from tests.report.page.invented import Case

SMALL = (
    Case("WBC", 80, 70, 2, 0.875),
    Case("RBC", 200, 150, 50, 0.625),
    Case("Platelets", 9, 3, 1),
)
OTHER = (
    Case("WBC", 80, 72, 8, 0.75),
    Case("RBC", 200, 160, 40, 0.75),
    Case("Platelets", 9, 0, 0, 0),
)
HOSTILE_NAMES = (
    "</script><img src=x onerror=alert(1)>",
    "\"quoted\" & 'single' <b>bold</b>",
    "\u05d7\u05ea\u05d5\u05dc \u202egnp.exe",
    "a very long name " * 12,
    "\N{GRINNING FACE}\N{PILE OF POO}",
    "{{ 7 * 7 }} {% raw %}",
    "line\nbreak\x00\u2028",
    " ",
)


def small() -> Analysis:
    """Three classes and four slices."""
    return analysis_of("first", SMALL, slices_of())


def other() -> Analysis:
    """The same images, judged otherwise; one class is never detected."""
    return analysis_of("second", OTHER, slices_of())


def large(n_classes: int = 80) -> Analysis:
    """As many classes, of all qualities; every tenth has no object."""
    dice = np.random.default_rng(5)
    cases = []
    for number in range(n_classes):
        n_objects = 0 if number % 10 == 9 else int(dice.integers(1, 400))
        found = int(n_objects * dice.uniform(0.2, 1))
        wrong = int(dice.integers(0, 60))
        cases.append(Case(f"class {number}", n_objects, found, wrong, float(dice.uniform(0.1, 1))))
    return analysis_of("large", cases)


def hostile() -> Analysis:
    """Names that would break out of a page that trusts them, of run, split, images and slices."""
    cases = [Case(name, 10 + number, 5 + number, 12) for number, name in enumerate(HOSTILE_NAMES)]
    slices = tuple(
        replace(one, column=HOSTILE_NAMES[1], value=f"{HOSTILE_NAMES[0]}{number}")
        for number, one in enumerate(slices_of())
    )
    analysis = analysis_of(HOSTILE_NAMES[0] + HOSTILE_NAMES[3], cases, slices)
    evaluation = analysis.evaluation
    renamed = [
        replace(one, image=HOSTILE_NAMES[number % len(HOSTILE_NAMES)] + one.image)
        for number, one in enumerate(evaluation.false_positives)
    ]
    evaluation = replace(evaluation, split=HOSTILE_NAMES[1], false_positives=tuple(renamed))
    return replace(analysis, evaluation=evaluation)


def empty() -> Analysis:
    """No image, no object, no class."""
    analysis = analysis_of("empty", ())
    return replace(analysis, evaluation=replace(analysis.evaluation, n_images=0))


def silent() -> Analysis:
    """Objects, and no detection."""
    return analysis_of("silent", [Case("WBC", 5, 0, 0, 0.0), Case("RBC", 0, 0, 0)])


def two() -> tuple[tuple[Analysis, Analysis], Comparison]:
    """Two runs and their comparison."""
    pair = (small(), other())
    return pair, comparison_of(*pair)
