"""Every plot of an analysis: written whatever there is to draw, the same bytes each time."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from refdet.analysis_records import Analysis, Estimate
from refdet.report.analysis_plots import write_compared_plots, write_plots
from refdet.report.errors_plot import errors_figure
from refdet.report.plots import write_figure
from refdet.report.precision_recall_plot import precision_recall_bands_figure
from refdet.report.reliability_plot import reliability_by_class_figure, reliability_figure
from refdet.report.sizes_plot import sizes_figure
from refdet.report.slices_plot import slices_figure
from tests.report.page.analysed import analysis_of
from tests.report.page.examples import empty, hostile, large, other, small
from tests.report.page.invented import NAN, Case

PLOTS = ["precision_recall", "reliability", "reliability_by_class", "confusion", "ap_by_size"]
FIGURES = (
    *(precision_recall_bands_figure, reliability_figure, reliability_by_class_figure),
    *(sizes_figure, errors_figure, slices_figure),
)
NOTHING = Estimate(NAN, NAN, NAN)


def undefined() -> Analysis:
    """Two classes without an object, of which one is detected, and intervals of nothing."""
    analysis = analysis_of("undefined", (Case("a", 0, 0, 5), Case("b", 0, 0, 0)))
    intervals = dataclasses.replace(
        analysis.intervals,
        coco_stats=(NOTHING,) * 12,
        totals=dict.fromkeys(analysis.intervals.totals, NOTHING),
        bands={},
    )
    return dataclasses.replace(analysis, intervals=intervals, slices=small().slices)


def formulas() -> Analysis:
    """Names that matplotlib would parse, or leave out of a legend."""
    names = ("$x", r"\frac$", "_$\\frac$", "a\nb")
    analysis = analysis_of("$a_", [Case(name, 10, 5, 5) for name in names], small().slices)
    return dataclasses.replace(
        analysis, evaluation=dataclasses.replace(analysis.evaluation, split="$\n$")
    )


@pytest.mark.filterwarnings("ignore:Glyph|Matplotlib currently")  # the names stand in the CSV
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("example", [small, hostile, empty])
def test_write_plots_writes_each_as_png_and_svg(
    tmp_path: Path, example: Callable[[], Analysis]
) -> None:
    analysis = example()
    written = write_plots(tmp_path / "plots", analysis)
    names = [*PLOTS, "errors", *(["slices"] if analysis.slices else [])]
    assert [path.name for path in written] == [
        f"{n}.{end}" for n in names for end in ("png", "svg")
    ]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(written)
    for png, svg in zip(written[::2], written[1::2], strict=True):
        with Image.open(png) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300
        assert ET.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_write_compared_plots_writes_what_two_runs_share(tmp_path: Path) -> None:
    written = write_compared_plots(tmp_path, small(), other())
    names = {path.stem for path in written}
    assert names == {"precision_recall", "ap_by_size", "errors"}
    assert all(path.is_file() for path in written)


def test_an_svg_is_the_same_each_time_and_needs_no_font(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_figure(tmp_path / f"{name}.svg", errors_figure(small()))
        write_figure(tmp_path / f"{name}.png", errors_figure(small()))
    text = (tmp_path / "a.svg").read_text()
    assert (tmp_path / "b.svg").read_text() == text
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert "<text" not in text
    assert re.search(r"<dc:date>|20\d\d-\d\d", text) is None


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> dict[str, Bbox]:
    """Where every text is that is drawn, by its words and its place."""
    drawn: list[Text] = []
    draw = Text.draw

    def remember(self: Text, renderer: RendererBase) -> None:
        drawn.append(self)
        draw(self, renderer)

    monkeypatch.setattr(Text, "draw", remember)
    figure.draw_without_rendering()
    seen = [one for one in drawn if one.get_visible() and one.get_text().strip()]
    return {
        f"{one.get_text()} at {place}": one.get_window_extent() for place, one in enumerate(seen)
    }


@pytest.mark.parametrize("figure_of", FIGURES)
@pytest.mark.parametrize("example", [small, formulas, undefined])
def test_no_text_lies_over_another_or_outside(
    figure_of: Callable[[Analysis], Figure],
    example: Callable[[], Analysis],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figure = figure_of(example())
    boxes = drawn_texts(figure, monkeypatch)
    x0, y0, x1, y1 = figure.bbox.padded(1).extents
    outside = [
        text
        for text, box in boxes.items()
        if box.x0 < x0 or box.y0 < y0 or box.x1 > x1 or box.y1 > y1
    ]
    assert outside == []
    pairs = itertools.combinations(boxes.items(), 2)
    assert [(a, b) for (a, one), (b, two) in pairs if one.padded(-1).overlaps(two)] == []


@pytest.mark.parametrize("figure_of", FIGURES)
def test_a_figure_is_a_column_or_a_page_wide(figure_of: Callable[[Analysis], Figure]) -> None:
    for analysis in (small(), large(31)):
        assert 2.4 < figure_of(analysis).get_figwidth() <= 7.01


def test_plots_load_without_pyplot() -> None:
    code = "import sys, refdet.report.analysis_plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
