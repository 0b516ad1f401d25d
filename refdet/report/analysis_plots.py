"""Every plot of an analysis, as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from refdet.analysis_records import Analysis
from refdet.report.confusion_plot import confusion_figure
from refdet.report.errors_plot import errors_figure
from refdet.report.paper import DPI
from refdet.report.plots import write_figure
from refdet.report.precision_recall_plot import precision_recall_bands_figure
from refdet.report.reliability_plot import reliability_by_class_figure, reliability_figure
from refdet.report.sizes_plot import sizes_figure
from refdet.report.slices_plot import slices_figure


def write_plots(folder: Path, analysis: Analysis) -> list[Path]:
    """Write what one run's analysis says; returns the files.

    Args:
        folder: for `<plot>.png` and `<plot>.svg` of each plot, which replace those that are there.
        analysis: of the run; without slices there is no plot of them.
    """
    figures = {
        "precision_recall": precision_recall_bands_figure(analysis),
        "reliability": reliability_figure(analysis),
        "reliability_by_class": reliability_by_class_figure(analysis),
        "confusion": confusion_figure(analysis.evaluation),
        "ap_by_size": sizes_figure(analysis),
        "errors": errors_figure(analysis),
    }
    if analysis.slices:
        figures["slices"] = slices_figure(analysis)
    return _written(folder, figures)


def write_compared_plots(folder: Path, a: Analysis, b: Analysis) -> list[Path]:
    """Write what stands side by side of two runs; returns the files.

    Args:
        folder: for `<plot>.png` and `<plot>.svg` of each plot, which replace those that are there.
        a: the first run.
        b: the second, on the same images.
    """
    return _written(
        folder,
        {
            "precision_recall": precision_recall_bands_figure(a, b),
            "ap_by_size": sizes_figure(a, b),
            "errors": errors_figure(a, b),
        },
    )


def _written(folder: Path, figures: Mapping[str, Figure]) -> list[Path]:
    written = []
    for name, figure in figures.items():
        for suffix in (".png", ".svg"):
            path = folder / f"{name}{suffix}"
            write_figure(path, figure, DPI)
            written.append(path)
    return written
