"""The plots of an analysis draw the records' own numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from refdet.analysis_records import ErrorKind
from refdet.report.class_panels import MOST_PANELS
from refdet.report.colours import plot_colour
from refdet.report.errors_plot import errors_figure
from refdet.report.precision_recall_plot import precision_recall_bands_figure
from refdet.report.reliability_plot import reliability_by_class_figure, reliability_figure
from refdet.report.sizes_plot import sizes_figure
from refdet.report.slices_plot import slices_figure
from tests.report.page.analysed import analysis_of
from tests.report.page.examples import large, other, small
from tests.report.page.invented import HALF_WIDTH, LEVELS, Case


def points(axes: Axes) -> list[list[list[float]]]:
    """Of each line its points."""
    return [np.column_stack(line.get_data()).tolist() for line in axes.get_lines()]


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def written(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


# --- Precision over recall ---


def test_precision_recall_draws_the_envelope_of_each_class_in_its_band() -> None:
    analysis = small()
    (axes,) = precision_recall_bands_figure(analysis).axes
    lines, classes = points(axes), analysis.evaluation.classes
    for label, metrics in enumerate(classes):
        band = analysis.intervals.bands[label]
        assert lines[2 * label] == np.column_stack([LEVELS, band.precision]).tolist()
        assert lines[2 * label + 1] == [[metrics.recall, metrics.precision]]
        (path,) = axes.collections[label].get_paths()
        corners = {tuple(corner) for corner in np.asarray(path.vertices).tolist()}
        edges = [*zip(LEVELS, band.low, strict=True), *zip(LEVELS, band.high, strict=True)]
        assert corners == {(float(x), float(y)) for x, y in edges}


def test_precision_recall_names_classes_with_their_ap_and_its_interval() -> None:
    assert legend_of(precision_recall_bands_figure(small())) == [
        "AP50 0.875 [0.812, 0.938]  WBC",
        "AP50 0.625 [0.562, 0.688]  RBC",
        "AP50 0.500 [0.438, 0.562]  Platelets",
    ]


def test_precision_recall_has_the_ap_at_its_own_iou_threshold() -> None:
    def at(iou_threshold: float) -> str:
        evaluation = dataclasses.replace(small().evaluation, iou_threshold=iou_threshold)
        figure = precision_recall_bands_figure(dataclasses.replace(small(), evaluation=evaluation))
        return legend_of(figure)[0]

    assert at(0.75) == "AP75 0.547 [0.484, 0.609]  WBC"  # 5/8 of AP50
    precision = small().intervals.bands[0].precision
    assert at(0.6) == f"AP60 {precision.mean():.3f}  WBC"


def test_precision_recall_of_two_runs_has_a_panel_for_each_class() -> None:
    figure = precision_recall_bands_figure(small(), other())
    assert [axes.get_title() for axes in figure.axes] == ["WBC", "RBC", "Platelets"]
    bands = small().intervals.bands, other().intervals.bands
    for label, axes in enumerate(figure.axes):
        lines = axes.get_lines()[::2]
        for run, line in enumerate(lines):
            assert to_rgb(
                str(line.get_color()) if isinstance(line.get_color(), str) else line.get_color()
            ) == plot_colour(run)
            np.testing.assert_array_equal(line.get_ydata(), bands[run][label].precision)
    # From below, so that the first run stands above.
    assert written(figure.axes[0]) == ["0.75 [0.69, 0.81]", "0.88 [0.81, 0.94]"]
    assert legend_of(figure) == ["first", "second"]


def test_precision_recall_has_no_panel_for_a_class_without_objects() -> None:
    figure = precision_recall_bands_figure(large())
    names = [axes.get_title() for axes in figure.axes]
    assert names == [f"class {label}" for label in range(80) if label % 10 != 9]


def test_of_too_many_classes_some_are_drawn_from_the_highest_ap_to_the_lowest() -> None:
    many = analysis_of("many", [Case(f"{n}", 10, 5, 0, 1 - n / 400) for n in range(161)])
    figure = precision_recall_bands_figure(many)
    names = [axes.get_title() for axes in figure.axes]
    assert len(names) == MOST_PANELS
    assert (names[:3], names[-1]) == (["0", "2", "4"], "160")
    heading = next(text.get_text() for text in figure.texts if "images" in text.get_text())
    assert "80 of 161 classes, from the highest AP50 to the lowest" in heading


# --- Reliability ---


def dots(axes: Axes) -> list[list[list[float]]]:
    return [np.asarray(one.get_offsets()).tolist() for one in axes.collections]


def test_reliability_draws_precision_over_score_and_the_counts_below() -> None:
    reliability = small().calibration.overall
    figure = reliability_figure(small())
    axes, strip = figure.axes
    filled = reliability.counts > 0
    with_iou, precision = (np.array(one)[filled].tolist() for one in dots(axes))
    scores, right = reliability.mean_score[filled], reliability.precision[filled]
    assert precision == np.column_stack([scores, right]).tolist()
    assert with_iou == np.column_stack([scores, 0.875 * right]).tolist()
    (steps,) = (one for one in strip.patches if isinstance(one, StepPatch))
    heights, edges, _ = steps.get_data()
    assert heights.tolist() == [0.5] * 5 + reliability.counts[5:].tolist()
    assert edges.tolist() == reliability.edges.tolist()
    assert legend_of(figure) == [
        "precision: ECE 0.062",
        "precision x mean IoU of the true positives: LaECE 0.125",
    ]


def test_reliability_without_a_true_positive_has_dots_at_0() -> None:
    reliability = small().calibration.overall
    nothing = dataclasses.replace(
        reliability, precision=0 * reliability.precision, mean_iou=reliability.mean_iou * np.nan
    )
    calibration = dataclasses.replace(small().calibration, overall=nothing)
    figure = reliability_figure(dataclasses.replace(small(), calibration=calibration))
    assert [one[9][1] for one in dots(figure.axes[0])] == [0, 0]


def test_reliability_by_class_has_a_panel_for_each_class_with_detections() -> None:
    figure = reliability_by_class_figure(other())
    panels, strips = figure.axes[::2], figure.axes[1::2]
    assert [axes.get_title() for axes in panels] == ["WBC", "RBC"]
    for label, (panel, strip) in enumerate(zip(panels, strips, strict=True)):
        reliability = other().calibration.classes[label]
        assert written(panel) == ["ECE 0.062"]
        assert [one[1] for one in dots(panel)[1][5:]] == reliability.precision[5:].tolist()
        (steps,) = (one for one in strip.patches if isinstance(one, StepPatch))
        assert steps.get_data()[0][5:].tolist() == reliability.counts[5:].tolist()
    assert len({strip.get_ylim() for strip in strips}) == 1
    most = max(one.counts.max() for one in other().calibration.classes)
    assert strips[0].get_ylim()[1] >= most


# --- Sizes ---


@pytest.mark.parametrize(("panel", "numbers"), [(0, (0, 3, 4, 5)), (1, (8, 9, 10, 11))])
def test_sizes_draws_cocos_numbers_in_their_intervals(panel: int, numbers: Sequence[int]) -> None:
    runs = (small(), other())
    figure = sizes_figure(*runs)
    assert "IoU" not in figure.get_suptitle()  # the mean over ten thresholds has none of its own
    axes = figure.axes[panel]
    drawn = iter(points(axes))
    for run in runs:
        for place, number in enumerate(numbers):
            estimate = run.intervals.coco_stats[number]
            ends = [y for _, y in next(drawn)]
            assert ends == pytest.approx([estimate.low, estimate.high], nan_ok=True)
            ((x, value),) = next(drawn)
            assert round(x) == place
            assert value == pytest.approx(estimate.value, nan_ok=True)
    shown = [label.get_text().split("\n") for label in axes.get_xticklabels()]
    assert [one[0] for one in shown] == ["all", "small", "medium", "large"]
    first = small().intervals.coco_stats[numbers[0]].value
    assert shown[0][1] == f"{first:.3f}"


# --- Errors ---


def widths(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]


def test_errors_draws_what_each_kind_costs() -> None:
    left, _ = errors_figure(small()).axes
    gains = [0.5 ** (3 + number) for number in range(6)]
    assert widths(left) == [*gains, 0.1875, 0.25]
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names == [*ErrorKind, "all false positives", "all not found"]
    assert written(left)[:2] == ["0.125", "0.062"]


def test_errors_stacks_the_counts_of_each_class() -> None:
    _, right = errors_figure(small()).axes
    counts = np.array([one.counts for one in small().errors.kinds])
    bars = [bar for bar in right.patches if isinstance(bar, Rectangle)]
    assert np.reshape(widths(right), counts.shape).tolist() == counts.tolist()
    starts = np.reshape([bar.get_x() for bar in bars], counts.shape)
    assert starts.tolist() == (np.cumsum(counts, axis=0) - counts).tolist()


def test_errors_of_many_classes_shows_those_with_the_most_and_counts_the_others() -> None:
    _, right = errors_figure(large()).axes
    counts = np.array([one.counts for one in large().errors.kinds]).sum(axis=0)
    ranked = np.sort(counts)[::-1]
    assert np.reshape(widths(right), (6, 12)).sum(axis=0).tolist() == ranked[:12].tolist()
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names[0] == f"class {counts.argmax()}"
    assert right.get_xlabel() == f"errors; 68 other classes have {ranked[12:].sum():,}"


def test_errors_of_two_runs_stand_side_by_side() -> None:
    left, right = errors_figure(small(), other()).axes
    kinds = [[int(one.counts.sum()) for one in run.errors.kinds] for run in (small(), other())]
    assert widths(right) == [*kinds[0], *kinds[1]]
    assert len(widths(left)) == 16


# --- Slices ---


def test_slices_draws_each_in_its_interval_and_marks_those_that_differ() -> None:
    figure = slices_figure(small())
    (axes,) = figure.axes
    overall, *drawn = axes.get_lines()
    assert np.asarray(overall.get_xdata())[0] == small().evaluation.totals.mean_ap50
    values = [one.mean_ap50.value for one in small().slices]
    assert [float(np.asarray(line.get_xdata())[0]) for line in drawn] == pytest.approx(
        values, nan_ok=True
    )
    assert [line.get_marker() for line in drawn] == ["s", "o", "o", "o"]
    ends = [np.asarray(one.get_paths()[0].vertices)[:, 0].tolist() for one in axes.collections]
    assert ends[0] == [values[0] - HALF_WIDTH, values[0] + HALF_WIDTH]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["site north (20)", "site south (30)", "site east (22)", "site west (0)"]
    top, bottom = axes.get_ylim()[::-1]
    assert top < bottom  # the first, which is the worst, stands above


def test_slices_says_how_many_are_not_drawn() -> None:
    analysis = dataclasses.replace(small(), slices=small().slices * 8)
    figure = slices_figure(analysis)
    assert len(figure.axes[0].get_yticklabels()) == 25
    assert figure.get_suptitle().endswith("in brackets: images; 7 slices are not drawn")
