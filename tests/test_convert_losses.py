"""What `refdet convert` cannot keep is named; what would lose for nothing is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refdet.data.voc_extras import voc_extra_elements
from tests.data import voc_folder
from tests.data.every_format import (
    DETECTION_FORMATS,
    GROUND_TRUTH_FORMATS,
    SPLIT,
    detections_in,
    ground_truth_in,
)
from tests.test_convert import convert, lines, refused


def not_kept(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in lines(capsys) if line.startswith("not kept: ")]


@pytest.mark.parametrize("file_format", GROUND_TRUTH_FORMATS)
def test_convert_refuses_ground_truth_of_the_format_that_is_asked_for(
    tmp_path: Path, file_format: str
) -> None:
    gt, out = ground_truth_in(file_format, tmp_path / "gt"), tmp_path / "out"
    split = () if file_format == "coco" else ("--split", SPLIT)
    message = refused("--gt", gt, *split, "--to", file_format, "--output", out)
    assert message == (
        f"refdet: {gt} is {file_format} already: copy the files, which keeps all that they hold"
    )
    assert not out.exists()


@pytest.mark.parametrize("file_format", DETECTION_FORMATS)
def test_convert_puts_parts_of_detections_together_in_their_own_format(
    tmp_path: Path, file_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gt = ground_truth_in("coco", tmp_path / "gt")
    dt = detections_in(file_format, tmp_path / "dt")
    out = tmp_path / ("out" + dt.suffix)
    convert("--gt", gt, "--dt", dt, dt, "--to", file_format, "--output", out)
    assert lines(capsys)[-1] == f"5 detections in 3 images: {out}"


def test_convert_names_what_coco_holds_beyond_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = {"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}
    contents = {
        "info": {"year": 2017},
        "licenses": [],
        "images": [{"id": 3, "file_name": "a.png", "width": 9, "height": 9, "license": 4}],
        "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}],
        "annotations": [
            box | {"id": 5, "segmentation": [[1, 2, 3]], "keypoints": [1, 1, 2]},
            box | {"id": 6, "segmentation": [[1, 2, 3]], "keypoints": []},
        ],
    }
    (tmp_path / "gt.json").write_text(json.dumps(contents))
    convert("--gt", tmp_path / "gt.json", "--to", "yolo", "--output", tmp_path / "out")
    assert not_kept(capsys) == [
        "not kept: license (1) of 1 images",
        "not kept: supercategory (1) of 1 categories",
        "not kept: segmentation (2), keypoints (1) of 2 annotations",
        "not kept: ids of 2 annotations",
        "not kept: info of the file",
    ]


EMPTY_WORDS = "<pose>Unspecified</pose><truncated>0</truncated><occluded> </occluded>"
WORDS = "<pose>Left</pose><truncated>1</truncated><actions><jumping>1</jumping></actions>"
PARTS = "<part><name>head</name></part><part><name>foot</name></part>"


def annotation(tmp_path: Path, name: str, head: str, *inside: str) -> Path:
    objects = "".join(
        voc_folder.object_xml().replace("</object>", f"{words}</object>") for words in inside
    )
    body = f"<filename>a</filename>{voc_folder.size_xml()}{head}{objects}"
    (tmp_path / name).write_text(f"<annotation>{body}</annotation>")
    return tmp_path / name


def test_voc_extra_elements_counts_what_says_something(tmp_path: Path) -> None:
    unknown = "<segmented>0</segmented><source><database>Unknown</database></source>"
    known = "<segmented>1</segmented><source><database>BCCD</database></source>"
    one = annotation(tmp_path, "one.xml", unknown, WORDS, EMPTY_WORDS)
    two = annotation(tmp_path, "two.xml", known, PARTS + WORDS)
    # Two parts of one object are one object with parts.
    assert voc_extra_elements([one, two]) == (
        "segmented (1), source (1) of 2 annotations",
        "actions (2), pose (2), truncated (2), part (1) of 3 objects",
    )
    three = annotation(tmp_path, "three.xml", unknown, EMPTY_WORDS, "")
    assert voc_extra_elements([three]) == ()
    assert voc_extra_elements([]) == ()


def test_convert_names_what_voc_holds_beyond_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = voc_folder.clean_folder(tmp_path / "voc")
    annotation(root / "Annotations", "a.xml", "<folder>VOC</folder>", WORDS, EMPTY_WORDS)
    annotation(root / "Annotations", "b.xml", "", WORDS)  # of the other split
    convert("--gt", root, "--split", "train", "--to", "coco", "--output", tmp_path / "gt.json")
    assert not_kept(capsys) == [
        "not kept: folder (1) of 1 annotations",
        "not kept: actions (1), pose (1), truncated (1) of 2 objects",
    ]
