"""Entry point of `refdet compare`: whether one of two runs is better, how sure that is, and why.

Pictures need Pillow and matplotlib's letters: they are imported when there are some to draw.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from refdet.analysis.comparing import compare, require_same_objects
from refdet.analysis_records import Comparison
from refdet.columns import DetectionColumns
from refdet.config_analysis import Compare
from refdet.data.columns_as_records import records_of
from refdet.evaluate import judged_columns
from refdet.reading import (
    GROUND_TRUTH_FILE,
    Truth,
    evaluation_settings,
    read_runs,
    read_truth,
    run_names,
)
from refdet.report.comparison import format_comparison, write_comparison
from refdet.terminal import say


def compare_runs(config: Compare) -> int:
    """`refdet compare`: judge two runs on the same images; returns the exit code."""
    if config.output is not None and config.output.exists() and not config.output.is_dir():
        raise ValueError(f"--output {config.output} is a file; a folder is written")
    truth = read_truth(config, config.runs)
    if config.gt is None and (config.runs[1] / GROUND_TRUTH_FILE).is_file():
        # The images of the second run may be some of the first's alone: the rest would be missed.
        other = read_truth(config, config.runs[1:], tell=False)
        require_same_objects(truth.objects, other.objects)
    settings = evaluation_settings(config, truth.objects.categories.names)
    detections = [read_runs(config, truth, [run]) for run in config.runs]
    a, b = (judged_columns(truth.objects, of_run, settings) for of_run in detections)
    first, second = run_names(config.runs)
    # None shows it on a terminal only.
    hidden = None if config.progress else True
    total = 2 * (config.samples + 1)
    with tqdm(total=total, desc="resampling", unit="sample", disable=hidden) as bar:
        comparison = compare(
            *(a, b, (first, second)),
            n_samples=config.samples,
            seed=config.seed,
            progress=bar.update,
        )
    if config.output is not None:
        config.output.mkdir(parents=True, exist_ok=True)
        write_comparison(config.output, comparison)
        _draw(config.output / "pictures", comparison, truth, config.max_pictures)
        say("")
    say(format_comparison(comparison))
    return 0


def _draw(folder: Path, comparison: Comparison, truth: Truth, limit: int) -> None:
    """Pictures of the most changed images that have files."""
    from refdet.data.pixels import display_pixels  # noqa: PLC0415 - loads Pillow
    from refdet.report.comparison_pictures import (  # noqa: PLC0415 - loads matplotlib
        write_comparison_pictures,
    )

    table = truth.objects.images
    ids = dict(zip(table.names, table.ids.tolist(), strict=True))
    changed = [ids[one.image] for one in comparison.images]
    files = truth.image_files
    chosen = {image_id: files[image_id] for image_id in changed if image_id in files}
    chosen = {image_id: chosen[image_id] for image_id in list(chosen)[:limit]}
    no_row = np.zeros(0, np.int64)
    nothing = DetectionColumns(no_row, no_row, np.zeros((0, 4)), np.zeros(0))
    images, _, problems = records_of(truth.objects, nothing, chosen, truth.read.pixel_range)
    written, not_drawn = write_comparison_pictures(folder, comparison, images, display_pixels)
    for problem in (*problems, *not_drawn):
        say(f"not drawn: {problem}")
    say(f"comparison: {folder.parent}   pictures: {folder} ({len(written)})")
    if changed and not files:
        say("no image files are known: name the data set with --gt, or their folder with --images")
