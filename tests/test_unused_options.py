"""Options that no format involved looks at are refused by name, whichever command has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.every_format import SPLIT, detections_in, ground_truth_in
from tests.test_convert import convert
from tests.test_convert import refused as convert_refused
from tests.test_judge_files import evaluate, options_of, refused

NPY_CSV_ALONE = "the ground truth is {}; npy-csv alone has that"


@pytest.mark.parametrize("gt_format", ["coco", "voc", "yolo"])
@pytest.mark.parametrize(
    "option",
    [
        "--image-folder pictures",
        "--label-folder boxes",
        "--pixel-range unit",
        "--box-coordinates normalized",
        "--first-class 3",
    ],
)
def test_what_npy_csv_alone_has_is_refused_elsewhere(
    tmp_path: Path, gt_format: str, option: str
) -> None:
    gt, dt = ground_truth_in(gt_format, tmp_path / "gt"), detections_in("csv", tmp_path / "dt")
    both = ("--gt", gt, "--dt", dt, *options_of(gt_format), *option.split())
    want = f"refdet: {option}: {NPY_CSV_ALONE.format(gt_format)}"
    assert refused(*both) == want
    assert convert_refused(*both, "--to", "coco", "--output", tmp_path / "out.json") == want


@pytest.mark.parametrize(
    ("option", "what"),
    [
        (("--split", SPLIT), "there are no splits in coco and csv"),
        (("--no-one-based",), "coordinates of coco and csv never start at 1"),
    ],
)
def test_what_voc_alone_has_is_refused_where_nothing_is_voc(
    tmp_path: Path, option: tuple[str, ...], what: str
) -> None:
    gt, csv = ground_truth_in("coco", tmp_path / "gt"), detections_in("csv", tmp_path / "csv")
    want = f"refdet: {' '.join(option)}: {what}"
    assert refused("--gt", gt, "--dt", csv, *option) == want
    evaluate("--gt", gt, "--dt", detections_in("voc", tmp_path / "voc"), *option)


def test_convert_takes_a_split_only_where_something_is_called_by_it(tmp_path: Path) -> None:
    gt, dt = ground_truth_in("coco", tmp_path / "gt"), detections_in("csv", tmp_path / "dt")
    arguments = ("--gt", gt, "--split", "test", "--output", tmp_path / "out", "--to")
    for target in ("csv", "coco", "yolo"):
        message = convert_refused(*arguments, target, "--dt", dt)
        assert message == "refdet: --split test: there are no splits in coco and csv"
    convert(*arguments, "voc", "--dt", dt)
    assert (tmp_path / "out" / "comp3_det_test_cat.txt").is_file()


@pytest.mark.parametrize(("target", "written"), [("yolo", "labels/test/a.txt"),
                                                 ("npy-csv", "test/labels/a.csv")])  # fmt: skip
def test_convert_calls_a_split_of_ground_truth_as_asked(
    tmp_path: Path, target: str, written: str
) -> None:
    gt = ground_truth_in("coco", tmp_path / "gt")
    convert("--gt", gt, "--images", gt.parent / "pictures", "--split", "test", "--to", target,
            "--output", tmp_path / "out")  # fmt: skip
    assert (tmp_path / "out" / written).is_file()
