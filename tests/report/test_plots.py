"""The curves: which points they hold, and that a PNG comes out whatever is missing."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from refdet.records import Evaluation, PrecisionRecall
from refdet.report.colours import PALETTE, class_colour
from refdet.report.plots import (
    history_figure,
    precision_recall_figure,
    write_figure,
)
from tests.report.examples import NAN, TOTALS, evaluation

HISTORY: list[dict[str, object]] = [
    {"epoch": 1, "train_loss": 4.0, "learning_rates": [0.1, 0.2, 0.1]},
    {"epoch": 2, "train_loss": 3.0, "val_loss": 5.0, "ap50": 0.5, "ap": 0.25}
    | {"learning_rates": [0.2, 0.4, 0.2]},
    {"epoch": 3, "train_loss": None, "val_loss": float("nan"), "ap50": 0.5, "ap": None},
]


def lines(axes: Axes) -> dict[str, list[list[float]]]:
    """Every labelled line's points."""
    return {
        str(line.get_label()): np.column_stack(line.get_data()).tolist()
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_history_figure_draws_no_two_losses_alike() -> None:
    terms = ("classifier", "box_reg", "objectness", "rpn_box_reg")
    losses: dict[str, object] = {f"train_loss_{term}": 1.0 for term in terms}
    figure = history_figure([{"epoch": 1, "train_loss": 4.0, "val_loss": 5.0, **losses}])
    lines = figure.axes[0].get_lines()
    assert len(lines) == 6
    looks = {(str(line.get_color()), str(line.get_linestyle())) for line in lines}
    assert len(looks) == 6


def test_history_figure_draws_what_is_known_and_leaves_out_the_rest() -> None:
    losses, quality, rates = history_figure(HISTORY).axes
    assert lines(losses) == {"training": [[1, 4], [2, 3]], "validation": [[2, 5]]}
    assert lines(quality) == {
        "AP50, best 0.500 in epoch 2": [[2, 0.5], [3, 0.5]],
        "AP, best 0.250 in epoch 2": [[2, 0.25]],
    }
    assert lines(rates) == {
        "group 0, 2": [[1, 0.1], [2, 0.2]],
        "group 1": [[1, 0.2], [2, 0.4]],
    }


@pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1, "learning_rates": []}], HISTORY])
def test_history_figure_becomes_a_png(
    tmp_path: Path, history: Sequence[Mapping[str, object]]
) -> None:
    write_figure(tmp_path / "loss.png", history_figure(history))
    assert Image.open(tmp_path / "loss.png").format == "PNG"


def test_precision_recall_figure_has_a_line_per_class_with_objects() -> None:
    (axes,) = precision_recall_figure(evaluation()).axes
    drawn = lines(axes)
    assert list(drawn) == ["AP50 0.750  WBC", "AP50 0.250  RBC"]
    assert drawn["AP50 0.750  WBC"] == [[0, 0], [0, 0], [0.5, 0.5]]


def test_precision_recall_figure_marks_the_score_threshold() -> None:
    (axes,) = precision_recall_figure(evaluation()).axes
    marks = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert np.column_stack(marks[0].get_data()).tolist() == [[70 / 80, 70 / 72]]


def test_precision_recall_figure_without_any_curve_becomes_a_png(tmp_path: Path) -> None:
    totals = dataclasses.replace(TOTALS, mean_ap50=NAN)
    nothing = dataclasses.replace(evaluation(), curves={}, classes=(), totals=totals)
    assert precision_recall_figure(nothing).axes[0].get_title().endswith("mean AP50 -")
    write_figure(tmp_path / "pr.png", precision_recall_figure(nothing))
    assert Image.open(tmp_path / "pr.png").format == "PNG"


def many_classes(n_classes: int) -> Evaluation:
    """The first class finds half of its objects after an error; all others find nothing."""
    example = evaluation()
    nothing = PrecisionRecall(np.zeros(0), np.zeros(0), np.zeros(0))
    half = PrecisionRecall(np.array([1 / 2, 2 / 3]), np.array([0.25, 0.5]), np.array([0.9, 0.8]))
    classes = tuple(
        dataclasses.replace(
            example.classes[0], label=label, name=f"{label} " + "long " * 50, ap50=1 / (label + 1)
        )
        for label in range(n_classes)
    )
    curves = dict.fromkeys(range(1, n_classes), nothing) | {0: half}
    return dataclasses.replace(example, classes=classes, curves=curves, split="long " * 50)


def test_precision_recall_figure_of_many_classes_draws_their_mean() -> None:
    (axes,) = precision_recall_figure(many_classes(13)).axes
    mean = np.array(lines(axes)["their mean"])
    np.testing.assert_array_equal(mean[:, 0], np.linspace(0, 1, 101))
    # 51 of the 101 levels are up to a recall of 1/2, where precision is at its best.
    np.testing.assert_allclose(mean[:, 1], [2 / 3 / 13] * 51 + [0] * 50, rtol=1e-15)
    grey = [line for line in axes.get_lines() if line.get_color() == "0.5"]
    assert len(grey) == 13


def test_precision_recall_figure_of_many_classes_names_some_from_high_to_low_ap() -> None:
    (axes,) = precision_recall_figure(many_classes(85)).axes
    first, mean, *named = lines(axes)
    assert (first, mean) == ("each of 85 classes", "their mean")
    # Every fourteenth.
    assert [int(name.split()[2]) for name in named] == [0, 14, 28, 42, 56, 70, 84]
    assert named[1].startswith("AP50 0.067  14 long")
    assert len(precision_recall_figure(many_classes(12)).axes[0].get_lines()) == 24


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_classes", [3, 12, 13, 80, 365])
def test_precision_recall_figure_of_any_number_of_classes_leaves_room_for_the_axes(
    tmp_path: Path, n_classes: int
) -> None:
    figure = precision_recall_figure(many_classes(n_classes))
    write_figure(tmp_path / "pr.png", figure)
    (axes,) = figure.axes
    box = axes.get_position()
    assert box.width > 0.4
    assert box.height > 0.75
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().height < figure.bbox.height


def test_a_class_name_that_matplotlib_would_parse_is_shown_as_it_is(tmp_path: Path) -> None:
    hostile = dataclasses.replace(evaluation().classes[0], name="_$\\frac$")
    curves = dataclasses.replace(evaluation(), classes=(hostile,))
    figure = precision_recall_figure(curves)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["AP50 0.750  _\\$\\frac\\$"]
    write_figure(tmp_path / "pr.png", figure)


def test_write_figure_keeps_the_old_picture_when_drawing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        write_figure(path, Figure())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_class_colour_gives_the_first_classes_distinct_colours() -> None:
    assert len({class_colour(label) for label in range(len(PALETTE))}) == len(PALETTE)
    assert class_colour(len(PALETTE)) == class_colour(0)


def test_plots_load_without_pyplot() -> None:
    # In a fresh interpreter, since pycocotools loads pyplot in this one.
    code = "import sys, refdet.report.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
