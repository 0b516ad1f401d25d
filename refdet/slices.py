"""Entry point of `refdet slices`: in which part of the data set the detector is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from refdet.analysis.grouping import (
    IMAGE_SIZE,
    OBJECT_COUNT,
    Grouping,
    grouping_of,
    image_sizes,
    object_counts,
)
from refdet.analysis.slicing import n_evaluations, slice_shuffles, slices_of
from refdet.config_analysis import Report, Slices
from refdet.data.image_table import ImageCells, read_image_table
from refdet.evaluate import judged_columns
from refdet.reading import Truth, evaluation_settings, read_runs, read_truth
from refdet.report.slices import format_slices, write_slices
from refdet.terminal import say


def slice_run(config: Slices) -> int:
    """`refdet slices`: judge parts of a data set; returns the exit code."""
    if config.output is not None and config.output.exists() and not config.output.is_dir():
        raise ValueError(f"--output {config.output} is a file; a folder is written")
    truth = read_truth(config, [config.run])
    groupings = read_groupings(config, truth)
    settings = evaluation_settings(config, truth.objects.categories.names)
    judged = judged_columns(truth.objects, read_runs(config, truth, [config.run]), settings)
    total = n_evaluations(judged, groupings, config.samples)
    # None shows it on a terminal only.
    hidden = None if config.progress else True
    with tqdm(total=total, desc="resampling", unit="sample", disable=hidden) as bar:
        slices = slices_of(
            judged, groupings, n_samples=config.samples, seed=config.seed, progress=bar.update
        )
    say(format_slices(slices))
    if (shuffles := slice_shuffles(judged, groupings, config.samples)) < config.samples:
        say(f"p-values are of {shuffles:,} shuffles, not {config.samples:,}: more would take long")
    if config.output is not None:
        write_slices(config.output, slices)
        say(f"slices: {config.output}")
    return 0


def read_groupings(config: Slices | Report, truth: Truth) -> list[Grouping]:
    """The slices of the columns that --by names; without any, of all that can be sliced by.

    Raises:
        ValueError: names the file and the line, or the column that --by names in vain.
    """
    makers = dict(_makers(config.image_table, truth, ignore_unknown=config.ignore_unknown))
    for column in config.by:
        if column not in makers:
            raise ValueError(f"--by {column}: there is {', '.join(makers)}")
    if config.by:
        return [makers[column]() for column in dict.fromkeys(config.by)]
    groupings = []
    for make in makers.values():
        try:
            groupings.append(make())
        except ValueError as error:
            say(f"no slices: {error}")
    return groupings


def _makers(
    file: Path | None, truth: Truth, *, ignore_unknown: bool
) -> Iterator[tuple[str, Callable[[], Grouping]]]:
    """What makes the slices of each column, those of the table first."""
    own = {IMAGE_SIZE: image_sizes, OBJECT_COUNT: object_counts}
    if file is not None:
        # Its own names have the suffixes, which a table may have or not.
        images = truth.read.objects.images
        table = read_image_table(file, images, ignore_unknown=ignore_unknown)
        _tell(table, file)
        for column, cells in table.cells.items():
            if column in own:
                raise ValueError(f"{file}: column {column!r} has the name of a built-in one")
            yield column, partial(grouping_of, column, cells)
    for column, make in own.items():
        yield column, partial(make, truth.objects)


def _tell(table: ImageCells, file: Path) -> None:
    if table.n_unknown:
        say(f"left out: {table.n_unknown} rows of {file}, of images that are not in the data set")
    if table.n_absent:
        say(f"{table.n_absent} images have no row in {file}: their cells are taken as empty")
