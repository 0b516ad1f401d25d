"""The printed table."""

from __future__ import annotations

import dataclasses

from refdet.records import ClassMetrics, Evaluation
from refdet.report.text_table import WIDTH, format_class_table
from tests.report.examples import NAN, TOTALS, class_metrics, evaluation

# By hand: WBC's precision is 70 / 72 = 0.9722, its recall 70 / 80; together 70 / 73 and 70 / 89.
TABLE = """\
class      objects TP FP FN      P     R    F1     AP  AP75   AP50   VOC VOC07
WBC             80 70  2 10  0.972 0.875 0.921  0.500 0.500  0.750 0.750 0.750
RBC              9  0  0  9      - 0.000 0.000  0.250 0.250  0.250 0.250 0.250
Platelets        0  0  1  0  0.000     -     -      -     -      -     -     -
------------------------------------------------------------------------------
micro           89 70  3 19  0.959 0.787 0.864
macro                        0.486 0.438 0.461  0.375 0.375  0.500 0.500 0.500"""
NOTES = """\
Split test, 3 images. TP to F1: IoU >= 0.5, score >= 0.5. AP to VOC07: every detection, at most 100
of a class in an image. micro: all classes together; macro: mean of the classes in which it is
defined.
Objects that do not count: 5; detections that found one and are neither right nor wrong: 4.
Not judged: 6 detections, beyond the best 100 of their class in their image.
Without ground truth, left out of the means: Platelets.
AP50, VOC, VOC07: AP at IoU 0.5 by COCO's, VOC 2010's and VOC 2007's rules. Matching: COCO gives a
detection the best object that is still free; VOC the object it overlaps most, or nothing if that is
taken. Area: AP50 is the mean over 101 recall levels, VOC the whole area under the curve, VOC07 the
mean over 11 levels."""


def with_classes(classes: list[ClassMetrics]) -> Evaluation:
    return dataclasses.replace(evaluation(), classes=tuple(classes))


def test_format_class_table_aligns_its_columns_and_shows_the_undefined_as_a_dash() -> None:
    assert format_class_table(evaluation()) == f"{TABLE}\n{NOTES}"


def test_format_class_table_sets_the_three_rules_beside_each_other() -> None:
    one = dataclasses.replace(
        evaluation().classes[0], ap=0.1, ap75=0.2, ap50=0.3, ap50_voc=0.4, ap50_voc07=0.5
    )
    line = format_class_table(with_classes([one])).splitlines()[1]
    assert line.split()[-5:] == ["0.100", "0.200", "0.300", "0.400", "0.500"]


def test_format_class_table_lists_score_thresholds_that_differ() -> None:
    text = format_class_table(evaluation(platelets_score_threshold=0.25))
    lines = text.splitlines()
    assert [line.split()[-1] for line in lines[:4]] == ["score>=", "0.5", "0.5", "0.25"]
    assert lines[4] == "-" * len(lines[0])
    assert [line.split()[-1] for line in lines[5:7]] == ["0.864", "0.500"]
    assert "IoU >= 0.5, score as listed." in text


def test_format_class_table_skips_a_class_with_nothing_to_count() -> None:
    judged = evaluation()
    empty = dataclasses.replace(judged.classes[2], false_positives=0)
    text = format_class_table(with_classes([*judged.classes[:2], empty]))
    names = [line.split()[0] for line in text.splitlines()[:4]]
    assert names[:3] == ["class", "WBC", "RBC"]
    assert set(names[3]) == {"-"}
    assert "left out of the means: Platelets." in text


def test_format_class_table_says_nothing_of_what_is_not_there() -> None:
    complete = dataclasses.replace(
        evaluation(),
        classes_without_ground_truth=(),
        confusion=dataclasses.replace(
            evaluation().confusion, ignored_detections=0, ignored_objects=0, unjudged_detections=0
        ),
    )
    text = format_class_table(complete)
    assert "left out" not in text
    assert "not count" not in text
    assert "Not judged" not in text


def test_format_class_table_of_no_class_has_undefined_means() -> None:
    totals = dataclasses.replace(TOTALS, mean_ap=NAN, mean_ap50=NAN, macro_f1=NAN)
    nothing = dataclasses.replace(evaluation(), classes=(), totals=totals)
    macro = format_class_table(nothing).splitlines()[3].split()
    assert macro == ["macro", "0.486", "0.438", "-", "-", "0.375", "-", "0.500", "0.500"]


def test_format_class_table_fits_a_terminal_with_coco_s_numbers() -> None:
    large = dataclasses.replace(
        class_metrics(0, (1, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5)),
        name="baseball glove",
        n_ground_truth=11004,
        true_positives=8765,
        false_positives=123456,
        false_negatives=2239,
    )
    other = dataclasses.replace(large, score_threshold=0.25)
    widest = max(map(len, format_class_table(with_classes([large, other])).splitlines()))
    assert 90 < widest <= WIDTH


def test_format_class_table_repeats_its_header_below_many_classes() -> None:
    many = [dataclasses.replace(evaluation().classes[0], name=f"class {n}") for n in range(365)]
    lines = format_class_table(with_classes(many)).splitlines()
    assert lines.count(lines[0]) == 2
    assert lines[-len(NOTES.splitlines()) - 3] == lines[0]
    assert max(map(len, lines)) <= WIDTH


def test_format_class_table_gives_every_class_one_line_whatever_its_name() -> None:
    one = evaluation().classes[0]
    names = ("two\nlines", "tab\there", "\x1b[2Jgone", "細胞")
    lines = format_class_table(
        with_classes([dataclasses.replace(one, name=name) for name in names])
    ).splitlines()
    # The last name has two letters, each of them two columns wide.
    assert [line.partition("  80")[0].rstrip() for line in lines[1:5]] == [
        *(r"two\nlines", r"tab\there", r"\x1b[2Jgone", "細胞")
    ]
    assert [len(line) for line in lines[1:5]] == [len(lines[0])] * 3 + [len(lines[0]) - 2]
