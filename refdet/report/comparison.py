"""Two runs compared, as text, Markdown, JSON and CSV."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from refdet.analysis_records import ChangeKind, ComparedNumber, Comparison
from refdet.files import write_json_atomic, write_text_atomic
from refdet.report.aligned import LONGEST, aligned
from refdet.report.cells import one_line, share
from refdet.report.csv_text import csv_text
from refdet.report.markdown import escape
from refdet.report.text_table import WIDTH

MOST_IMAGES = 10
"""Of the most changed images, so many are shown; the files list them all."""

_NUMBERS = ("A", "B", "B - A", "low", "high", "p")
_CHANGES = ("found", "lost", "new FP", "gone FP")
CHANGE_COLUMNS = ("image", "change", "class", "score", "x1", "y1", "x2", "y2")


def format_comparison(comparison: Comparison) -> str:
    """Every number of both runs, the classes, the most changed images, and the verdict last.

    Args:
        comparison: of two runs. What is undefined is shown as `-`.

    Returns:
        Lines joined by newlines, without a last one.
    """
    parts: list[str] = []
    for header, rows in _tables(comparison):
        # Whoever writes no files finds the images by these names.
        longest = WIDTH if header[0] == "image" else LONGEST
        parts += [aligned(header, rows, longest=longest), ""]
    notes = [*_legend(comparison), *_notes(comparison)]
    lines = [line for note in notes for line in _wrapped(note)]
    return "\n".join([*parts, *lines, "", *_wrapped(comparison.verdict)])


def comparison_markdown(comparison: Comparison) -> str:
    """The same as a page in GitHub's Markdown, the verdict first; with a last newline."""
    lines = ["# Two runs compared", "", f"**{escape(comparison.verdict)}**"]
    lines += [line for note in _legend(comparison) for line in ("", escape(note))]
    for header, rows in _tables(comparison):
        ruler = [":--", *["--:"] * (len(header) - 1)]
        table = (header, ruler, *([escape(row[0]), *row[1:]] for row in rows))
        lines += ["", *(f"| {' | '.join(row)} |" for row in table)]
    lines += [line for note in _notes(comparison) for line in ("", escape(note))]
    return "\n".join(lines) + "\n"


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write comparison.json, .csv and .md, and changes.csv, each replaced at once.

    changes.csv lists every object found or lost, and every false positive that came or went.

    Args:
        folder: made if it does not exist.
        comparison: of two runs.
    """
    write_json_atomic(folder / "comparison.json", asdict(comparison))
    write_text_atomic(folder / "comparison.md", comparison_markdown(comparison))
    rows = [
        (of, one.name, one.a, one.b, *asdict(one.difference).values(), one.p_value)
        for of, numbers in (("overall", comparison.overall), ("class AP", comparison.classes))
        for one in numbers
    ]
    header = ("of", "name", "a", "b", "difference", "low", "high", "p_value")
    write_text_atomic(folder / "comparison.csv", csv_text([header, *rows]))
    changes = [
        (one.image, one.kind.value, comparison.classes[one.label].name, one.score, *one.box_xyxy)
        for one in comparison.changes
    ]
    write_text_atomic(folder / "changes.csv", csv_text([CHANGE_COLUMNS, *changes]))


def _tables(comparison: Comparison) -> list[tuple[list[str], list[list[str]]]]:
    """Header and rows of each table."""
    tables = [
        (["all classes", *_NUMBERS], [_row(one) for one in comparison.overall]),
        (["AP of class", *_NUMBERS], [_row(one) for one in comparison.classes]),
    ]
    if comparison.images:
        rows = [
            [
                one.image,
                *(str(one.found), str(one.lost)),
                *(str(one.added_false_positives), str(one.removed_false_positives)),
            ]
            for one in comparison.images[:MOST_IMAGES]
        ]
        counts = Counter(change.kind for change in comparison.changes)
        total = [f"all {len(comparison.images)} images that differ"]
        rows.append(total + [str(counts[kind]) for kind in ChangeKind])
        tables.append((["image", *_CHANGES], rows))
    return tables


def _row(one: ComparedNumber) -> list[str]:
    difference = one.difference
    signed = (difference.value, difference.low, difference.high)
    return [one.name, share(one.a), share(one.b), *(_signed(v) for v in signed), share(one.p_value)]


def _signed(value: float) -> str:
    """Three digits with a sign, but for what is 0 or undefined."""
    text = share(value)
    if text.strip("-0.") == "":
        return text.removeprefix("-") or "-"
    return text if value < 0 else f"+{text}"


def _legend(comparison: Comparison) -> list[str]:
    first, second = (one_line(name) for name in comparison.names)
    return [f"A: {first}", f"B: {second}"]


def _notes(comparison: Comparison) -> list[str]:
    share_of = f"{comparison.level:.0%}".replace("%", " %")
    notes = [
        f"low, high: {share_of} interval of B - A, from {comparison.n_samples} samples of the "
        f"{comparison.n_images} images, the same for both. p: how likely so large a difference is "
        "where there is none; of classes, corrected for how many they are. The rows of all classes "
        "are not corrected: of 20 of them, one is below 0.05 by chance.",
        "A dash: undefined, or it cannot be told how sure the difference is: less than 6 images "
        "have an object for it, or it is the same in all samples, or more than 5 % of the samples "
        "lack a class that the mean is one of.",
    ]
    if comparison.images:
        notes.append(
            "found, lost: objects that B found and A did not, and the reverse. new FP, gone FP: "
            "false positives that B has and A has not, and the reverse. At the score thresholds."
        )
    return notes


def _wrapped(text: str) -> Sequence[str]:
    return textwrap.wrap(one_line(text), WIDTH)
