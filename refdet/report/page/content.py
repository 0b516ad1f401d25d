"""What the templates show, gathered: the sections of the page and what each of them says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refdet.analysis_records import Analysis, Comparison
from refdet.report.errors import tie_note
from refdet.report.page.classes import class_curves, class_table
from refdet.report.page.differences import changed_images, class_differences, overall_differences
from refdet.report.page.findings import findings
from refdet.report.page.groups import sizes_table, slices_table
from refdet.report.page.mistakes import class_kinds_table, confusions, kinds_table, lrp_table
from refdet.report.page.overview import headlines, shared_facts
from refdet.report.page.runs import Runs, runs_of
from refdet.report.page.trust import calibration_table, overall_reliability


def content_of(
    analyses: Sequence[Analysis], comparison: Comparison | None, extras: Sequence[str]
) -> dict[str, object]:
    """The names that the templates know.

    Args:
        analyses: of one run or two.
        comparison: of the two.
        extras: which of the sections `explorer` and `gallery` there are.
    """
    runs = runs_of(analyses)
    content: dict[str, object] = {
        "runs": runs,
        "comparison": comparison,
        "title": f"{' against '.join(run.name for run in runs)} \N{MIDDLE DOT} detection report",
        "sections": list(_sections(runs, extras)),
        "headlines": headlines(runs, comparison),
        "findings": [findings(run.analysis) for run in runs],
        "facts": shared_facts(runs),
        "class_table": class_table(runs, comparison),
        "curves": class_curves(runs),
        "confusions": confusions(runs),
        "kinds_table": kinds_table(runs),
        "tie_notes": [(run.tag, tie_note(run.analysis.errors)) for run in runs],
        "class_kinds": [class_kinds_table(run) for run in runs],
        "lrp_table": lrp_table(runs),
        "reliability_chart": overall_reliability(runs),
        "calibration_table": calibration_table(runs),
        "sizes_table": sizes_table(runs),
        "slices_table": slices_table(runs),
    }
    if comparison:
        content["overall_differences"] = overall_differences(comparison)
        content["class_differences"] = class_differences(comparison)
        content["changed_images"] = changed_images(comparison)
    return content


def _sections(runs: Runs, extras: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Key, which is also the name of its template, and heading of each section."""
    yield "summary", "Summary"
    if len(runs) > 1:
        yield "differences", "Differences"
    yield "per-class", "Classes"
    yield "curves", "Precision and recall"
    yield "confusion", "Confusion"
    yield "errors", "Kinds of error"
    yield "lrp", "LRP"
    yield "reliability", "Reliability"
    yield "sizes", "Sizes"
    if any(run.analysis.slices for run in runs):
        yield "slices", "Slices"
    if "explorer" in extras:
        yield "explorer", "Thresholds"
    if "gallery" in extras:
        yield "gallery", "Gallery"
