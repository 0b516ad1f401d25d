from __future__ import annotations

from pathlib import Path

from PIL import Image

from refdet.report.class_counts import class_counts_figure, plot_class_counts

COUNTS = {"train": {"WBC": 214, "RBC": 2382}, "test": {"RBC": 805, "WBC": 71}}


def test_class_counts_figure_has_a_bar_with_its_value_for_every_class_and_split() -> None:
    axes = class_counts_figure(COUNTS).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["WBC", "RBC"]
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[214, 2382], [71, 805]]
    assert [text.get_text() for text in axes.texts] == ["214", "2,382", "71", "805"]
    # Each bar stands in its class's place, the first split on the left.
    middles = [[bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in axes.containers]
    assert [round(middle) for middle in middles[0]] == [0, 1]
    assert all(left < right for left, right in zip(*middles, strict=True))


def test_class_counts_figure_names_splits_with_their_totals() -> None:
    (legend,) = class_counts_figure(COUNTS).legends
    assert [text.get_text() for text in legend.get_texts()] == ["train (2,596)", "test (876)"]


def test_class_counts_figure_shows_a_class_that_a_split_lacks_as_0() -> None:
    axes = class_counts_figure({"train": {"a": 1}, "val": {"b": 2}}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "0", "0", "2"]


def test_plot_class_counts_writes_a_png(tmp_path: Path) -> None:
    for name, counts in (("some", COUNTS), ("none", {})):
        plot_class_counts(counts, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.format == "PNG"
