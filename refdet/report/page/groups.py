"""What the page says about parts of the data set: sizes of objects, and slices of the images."""

from __future__ import annotations

from refdet.analysis_records import Estimate, Slice
from refdet.report.cells import one_line
from refdet.report.page.runs import Runs, columns_for
from refdet.report.page.strips import axis_strip, interval_strip
from refdet.report.page.tables import (
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    difference_cell,
    domain,
    estimate_cell,
    p_cell,
    strip_cell,
)

_SIZES = (
    ("small", "below 32² pixels"),
    ("medium", "from 32² to 96² pixels"),
    ("large", "more than 96² pixels"),
)
_FIRST_AP, _FIRST_AR = 3, 9
"""Where the sizes begin among COCO's twelve numbers."""
_UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


def sizes_table(runs: Runs) -> Table:
    """A row for each of COCO's sizes of objects."""
    columns = (
        Column("size"),
        *columns_for(runs, "AP", "average precision over objects of that size alone"),
        Column("0 to 1", numeric=False, axis=axis_strip(0, 1)),
        *columns_for(runs, "AR", "recall over objects of that size, mean over the IoU thresholds"),
        Column("area", numeric=False),
    )
    rows = []
    for place, (name, area) in enumerate(_SIZES):
        stats = [(run.letter, run.analysis.intervals.coco_stats[_FIRST_AP + place]) for run in runs]
        recalls = [run.analysis.intervals.coco_stats[_FIRST_AR + place] for run in runs]
        cells = (
            *(estimate_cell(one) for _, one in stats),
            strip_cell(interval_strip(stats)),
            *(estimate_cell(one) for one in recalls),
            Cell(area),
        )
        rows.append(Row(name, cells))
    return Table("size-numbers", "AP by size of the objects", columns, tuple(rows), sortable=False)


def slices_table(runs: Runs) -> Table:
    """A row for each slice, the first run's worst first."""
    by_key = [{(one.column, one.value): one for one in run.analysis.slices} for run in runs]
    keys = list(dict.fromkeys(key for slices in by_key for key in slices))
    differences = [one.difference for slices in by_key for one in slices.values()]
    low, high = domain(end for one in differences for end in (one.value, one.low, one.high))
    columns = (
        Column("slice"),
        Column("images", "how many share the value"),
        Column("objects", "annotated objects in them that count"),
        *columns_for(runs, "AP50", "average precision at IoU 0.5 on these images alone"),
        *columns_for(runs, "difference", "AP50 less that of all other images"),
        Column("difference, drawn", numeric=False, axis=axis_strip(low, high)),
        *columns_for(
            runs,
            "adjusted p",
            "how likely so large a difference is where there is none, corrected for how many "
            "slices were looked at",
        ),
    )
    rows = [
        Row(f"{one_line(key[0])} = {one_line(key[1])}", _cells(runs, key, by_key, (low, high)))
        for key in keys
    ]
    return Table("slice-numbers", "Slices, worst first", columns, tuple(rows))


def _cells(
    runs: Runs,
    key: tuple[str, str],
    by_key: list[dict[tuple[str, str], Slice]],
    ends: tuple[float, float],
) -> tuple[Cell, ...]:
    each = [slices.get(key) for slices in by_key]
    first = next(one for one in each if one)
    differences = [one.difference if one else _UNDEFINED for one in each]
    strips = [(run.letter, one) for run, one in zip(runs, differences, strict=True)]
    return (
        count_cell(first.n_images),
        count_cell(first.n_objects),
        *(estimate_cell(one.mean_ap50 if one else _UNDEFINED) for one in each),
        *(difference_cell(one) for one in differences),
        strip_cell(interval_strip(strips, *ends)),
        *(p_cell(one.adjusted_p_value if one else float("nan")) for one in each),
    )
