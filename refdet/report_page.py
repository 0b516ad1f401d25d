"""Entry point of `refdet report`: one HTML page about a run, or about two side by side.

Plots need matplotlib, which takes a second to load: it is imported when there are some to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from tqdm import tqdm

from refdet.analysis.analysing import analyse
from refdet.analysis.average_precisions import Progress
from refdet.analysis.comparing import compare, require_same_objects
from refdet.analysis.grouping import Grouping
from refdet.analysis.slicing import n_evaluations, slices_of
from refdet.analysis_records import Analysis, Comparison
from refdet.columns import DetectionColumns
from refdet.config_analysis import Report
from refdet.data.columns_as_records import records_of
from refdet.data.pixels import display_pixels
from refdet.evaluate import JudgedDataSet, judged_columns
from refdet.reading import (
    GROUND_TRUTH_FILE,
    Truth,
    evaluation_settings,
    read_runs,
    read_truth,
    run_names,
)
from refdet.report.page import PageExtras, write_page
from refdet.report.page.crops import LoadScene, Scene
from refdet.report.page.explorer import explorer_data
from refdet.report.page.gallery import Gallery, make_gallery
from refdet.slices import read_groupings
from refdet.terminal import say

_MOST_TOLD = 10
"""Images of a large data set of which it is said why they have no picture."""


class _Resampling(TypedDict):
    """What is the same wherever images are resampled."""

    n_samples: int
    seed: int
    progress: Progress


def report(config: Report) -> int:
    """`refdet report`: judge and analyse runs, and write the page; returns the exit code."""
    if config.output.is_dir():
        raise ValueError(
            f"--output {config.output} is a folder; name a file: {config.output / 'report.html'}"
        )
    if config.plots is not None and config.plots.exists() and not config.plots.is_dir():
        raise ValueError(f"--plots {config.plots} is a file; a folder is written")
    truth = read_truth(config, config.runs)
    if config.gt is None and len(config.runs) == 2 and _has_truth(config.runs[1]):
        # The images of the second run may be some of the first's alone: the rest would be missed.
        other = read_truth(config, config.runs[1:], tell=False)
        require_same_objects(truth.objects, other.objects)
    sliced = config.image_table is not None or config.by
    groupings = read_groupings(config, truth) if sliced else []
    settings = evaluation_settings(config, truth.objects.categories.names)
    judged = [
        judged_columns(truth.objects, read_runs(config, truth, [run]), settings)
        for run in config.runs
    ]
    analyses, comparison = _analysed(config, judged, truth.name, groupings)
    gallery = make_gallery(analyses, _loader(truth, analyses), progress=config.progress)
    write_page(
        config.output, analyses, comparison, PageExtras(explorer_data(analyses), gallery.data)
    )
    _tell(config.output, gallery)
    if config.plots is not None:
        _plot(config.plots, analyses)
    return 0


def _has_truth(run: Path) -> bool:
    return (run / GROUND_TRUTH_FILE).is_file()


def _analysed(
    config: Report, judged: Sequence[JudgedDataSet], split: str, groupings: Sequence[Grouping]
) -> tuple[list[Analysis], Comparison | None]:
    """Each run, and the difference of two."""
    names = run_names(config.runs)
    samples = config.samples + 1
    total = sum(samples + n_evaluations(one, groupings, config.samples) for one in judged)
    total += 2 * samples if len(judged) == 2 else 0
    # None shows it on a terminal only.
    hidden = None if config.progress else True
    with tqdm(total=total, desc="resampling", unit="sample", disable=hidden) as bar:
        how = _Resampling(n_samples=config.samples, seed=config.seed, progress=bar.update)
        analyses = [
            analyse(one, name=name, split=split, slices=slices_of(one, groupings, **how), **how)
            for one, name in zip(judged, names, strict=True)
        ]
        if len(judged) == 1:
            return analyses, None
        return analyses, compare(judged[0], judged[1], (names[0], names[1]), **how)


def _loader(truth: Truth, analyses: Sequence[Analysis]) -> LoadScene | None:
    """Opens images by name; None if no image with an error has a file."""
    wanted: set[str] = set()
    for analysis in analyses:
        wanted |= {record.image for record in analysis.evaluation.false_positives}
        wanted |= {record.image for record in analysis.evaluation.missed}
    table, all_files = truth.objects.images, truth.image_files
    files = {
        image_id: all_files[image_id]
        for image_id, name in zip(table.ids.tolist(), table.names, strict=True)
        if name in wanted and image_id in all_files
    }
    if not files:
        return None
    no_row = np.zeros(0, np.int64)
    nothing = DetectionColumns(no_row, no_row, np.zeros((0, 4)), np.zeros(0))
    images, _, problems = records_of(truth.objects, nothing, files, truth.read.pixel_range)
    for problem in problems[:_MOST_TOLD]:
        say(f"in pictures: {problem}")
    of_name = {image.ground_truth.image: image for image in images}

    def load(name: str) -> Scene:
        if name not in of_name:
            raise ValueError("there is no image file")
        image = of_name[name]
        return Scene(
            display_pixels(image), image.ground_truth.boxes_xyxy, image.ground_truth.labels
        )

    return load


def _tell(output: Path, gallery: Gallery) -> None:
    for problem in gallery.problems[:_MOST_TOLD]:
        say(f"no picture: {problem}")
    if len(gallery.problems) > _MOST_TOLD:
        say(f"no picture: {len(gallery.problems) - _MOST_TOLD} more images")
    if gallery.n_listed < gallery.n_errors:
        say(f"the gallery has room for {gallery.n_listed} of {gallery.n_errors} errors")
    if gallery.n_errors and not gallery.data["has_images"]:
        say("no image files are known: name the data set with --gt, or their folder with --images")
    size = output.stat().st_size / 1e6
    say(
        f"page: {output} ({size:.1f} MB, {gallery.n_errors} errors, {gallery.n_pictured} of them "
        "with a picture)"
    )


def _plot(folder: Path, analyses: Sequence[Analysis]) -> None:
    """The plots of a run, or those of each in a folder of its own and of both together."""
    from refdet.report.analysis_plots import (  # noqa: PLC0415 - loads matplotlib
        write_compared_plots,
        write_plots,
    )

    if len(analyses) == 1:
        files = write_plots(folder, analyses[0])
    else:
        files = [
            *write_compared_plots(folder, analyses[0], analyses[1]),
            *write_plots(folder / "a", analyses[0]),
            *write_plots(folder / "b", analyses[1]),
        ]
    say(f"plots: {folder} ({len(files)} files)")
