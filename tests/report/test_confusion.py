"""The confusion matrix as CSV and as a picture."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from refdet.records import ConfusionMatrix, Evaluation
from refdet.report.confusion import names_with_background, write_confusion_csv
from refdet.report.confusion_plot import confusion_figure
from refdet.report.plots import write_figure
from tests.report.examples import CONFUSION, NAMES, evaluation


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_write_confusion_csv_has_names_as_header_and_background_last(tmp_path: Path) -> None:
    write_confusion_csv(tmp_path / "confusion.csv", CONFUSION)
    assert rows_of(tmp_path / "confusion.csv") == [
        ["detected as", *NAMES, "background"],
        ["WBC", "70", "0", "0", "2"],
        ["RBC", "0", "0", "0", "0"],
        ["Platelets", "1", "0", "0", "0"],
        ["background", "9", "9", "0", "0"],
    ]


def test_write_confusion_csv_keeps_any_name(tmp_path: Path) -> None:
    names = ('a "b", c', "two\r\nlines", "background")
    confusion = dataclasses.replace(CONFUSION, class_names=names)
    write_confusion_csv(tmp_path / "c.csv", confusion)
    rows = rows_of(tmp_path / "c.csv")
    assert rows[0][1:] == [row[0] for row in rows[1:]] == [*names, "(background)"]


def test_names_with_background_finds_one_that_no_class_has() -> None:
    taken = ["(background)", "background"]
    assert names_with_background(taken) == [*taken, "((background))"]


def of_classes(n_classes: int, scale: int = 40) -> Evaluation:
    """As many classes, mostly right, with some confusion; columns sum to other numbers."""
    dice = np.random.default_rng(3)
    counts = dice.poisson(0.3, (n_classes + 1, n_classes + 1))
    counts[np.diag_indices(n_classes)] += dice.integers(0, scale, n_classes)
    counts[-1, -1] = 0
    names = tuple(f"class {number}" for number in range(n_classes))
    confusion = ConfusionMatrix(names, counts.astype(np.int64), 0, 0, 0)
    return dataclasses.replace(evaluation(), confusion=confusion)


def cells_of(figure: Figure) -> dict[tuple[int, int], str]:
    places = ((*text.get_position(), text.get_text()) for text in figure.axes[0].texts)
    return {(int(row), int(column)): text for column, row, text in places}


def test_confusion_figure_shows_the_counts_of_few_classes() -> None:
    assert cells_of(confusion_figure(evaluation())) == {
        (0, 0): "70",
        (0, 3): "2",
        (2, 0): "1",
        (3, 0): "9",
        (3, 1): "9",
    }
    assert cells_of(confusion_figure(of_classes(80))) == {}


def test_confusion_figure_is_coloured_by_the_share_of_the_column() -> None:
    (image,) = confusion_figure(evaluation()).axes[0].images
    shares = np.asarray(image.get_array())
    # By hand: 70 + 1 + 9 WBC, 9 RBC, no Platelets, 2 of nothing.
    np.testing.assert_array_equal(
        shares, [[70 / 80, 0, 0, 1], [0, 0, 0, 0], [1 / 80, 0, 0, 0], [9 / 80, 1, 0, 0]]
    )
    assert image.get_clim() == (0, 1)


def test_confusion_figure_says_what_it_is_of_and_what_is_not_counted() -> None:
    axes = confusion_figure(evaluation()).axes[0]
    assert axes.get_title(loc="left") == (
        "test, 3 images\nIoU >= 0.5, score >= 0.5\nnot counted: 5 objects, 4 detections of them\n"
        "not judged: 6 detections, beyond the limit"
    )
    assert "not counted" not in confusion_figure(of_classes(3)).axes[0].get_title(loc="left")


@pytest.mark.parametrize(("n_classes", "n_ticks"), [(0, 1), (3, 4), (80, 81), (365, 92)])
def test_confusion_figure_names_as_many_as_can_be_read(n_classes: int, n_ticks: int) -> None:
    axes = confusion_figure(of_classes(n_classes)).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == names
    assert len(names) == n_ticks
    assert names[-1] == "background"
    assert axes.get_yticks()[-1] == n_classes


@pytest.mark.filterwarnings("ignore:Glyph")  # the font has no Chinese; the names are in the CSV
@pytest.mark.parametrize("names", [("$x", "a\nb", "c" * 200), ("", "細胞", r"\frac$")])
def test_confusion_figure_of_any_names_becomes_a_png(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    judged = dataclasses.replace(
        evaluation(), confusion=dataclasses.replace(CONFUSION, class_names=names), split="$"
    )
    write_figure(tmp_path / "c.png", confusion_figure(judged))
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
