from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import cast

import numpy as np

from refdet.analysis_records import Analysis, ErrorKind
from refdet.files import json_text
from refdet.records import FalsePositiveKind, FalsePositiveRecord, MissedObject
from refdet.report.page.crops import Scene
from refdet.report.page.gallery import Gallery, make_gallery
from tests.report.page.examples import empty, hostile, small

LOCALIZATION, CONFUSION = FalsePositiveKind.LOCALIZATION, FalsePositiveKind.CONFUSION
WRONG = (
    FalsePositiveRecord("b", 1, 0, 0.75, 0.25, (1.0, 2.0, 31.0, 42.25), LOCALIZATION),
    FalsePositiveRecord("a", 0, 2, 0.9000001, 0.0, (5.0, 5.0, 9.0, 9.0), CONFUSION, 1),
    FalsePositiveRecord("b", 2, 0, 0.5, 0.125, (0.0, 0.0, 2.0, 2.0), LOCALIZATION),
)
MISSED = (
    MissedObject("c", 4, 1, (1.0, 1.0, 2.0, 2.0)),
    MissedObject("a", 0, 1, (1.0, 1.0, 3.0, 3.0)),
)


def analysis_of(
    wrong: tuple[FalsePositiveRecord, ...], missed: tuple[MissedObject, ...] = ()
) -> Analysis:
    analysis = small()
    evaluation = replace(analysis.evaluation, false_positives=wrong, missed=missed)
    return replace(analysis, evaluation=evaluation)


def columns_of(gallery: Gallery, run: int = 0) -> dict[str, list[str]]:
    runs = cast("list[dict[str, dict[str, str]]]", gallery.data["runs"])
    return {name: text.split(",") for name, text in runs[run]["columns"].items()}


def noise(name: str) -> Scene:
    dice = np.random.default_rng(sum(map(ord, name)))
    pixels = dice.integers(0, 256, (100, 100, 3)).astype(np.uint8)
    return Scene(pixels, np.array([[1.0, 1.0, 3.0, 3.06]]), np.array([1]))


def test_make_gallery_lists_false_positives_by_score_then_missed_objects_by_size() -> None:
    gallery = make_gallery([analysis_of(WRONG, MISSED)], None)
    assert gallery.data["images"] == ["a", "b", "c"]
    kinds = ["confusion", "localization", "both", "duplicate", "background", "missed"]
    assert gallery.data["kinds"] == kinds
    assert gallery.data["classes"] == ["WBC", "RBC", "Platelets"]
    assert columns_of(gallery) == {
        "image": ["0", "1", "1", "0", "2"],
        "label": ["2", "0", "0", "1", "1"],
        "kind": ["0", "1", "1", "5", "5"],
        "score": ["0.9", "0.75", "0.5", "", ""],
        "best_iou": ["0", "0.25", "0.125", "", ""],
        "confused_with": ["1", "", "", "", ""],
        "x": ["5", "1", "0", "1", "1"],
        "y": ["5", "2", "0", "1", "1"],
        "w": ["4", "30", "2", "2", "1"],
        "h": ["4", "40.2", "2", "2", "1"],
        "crop": ["", "", "", "", ""],
    }
    assert gallery.data["has_images"] is False
    assert (gallery.n_errors, gallery.n_listed, gallery.n_pictured) == (5, 5, 0)


def test_make_gallery_cuts_out_pictures_with_the_objects_in_them() -> None:
    gallery = make_gallery([analysis_of(WRONG, MISSED)], noise)
    # The box of 2 pixels is too small in the crop of its neighbour; those at (1, 1) share one.
    crops = cast("list[dict[str, object]]", gallery.data["crops"])
    shown = columns_of(gallery)["crop"]
    assert sorted(map(int, set(shown))) == list(range(len(crops)))
    assert crops[int(shown[0])]["region"] == (0, 0, 64, 64)
    assert crops[int(shown[0])]["objects"] == [[1, 1.0, 1.0, 3.0, 3.06]]
    assert shown[0] == shown[3]  # a confusion and a missed object in the same corner
    assert gallery.n_pictured == 5


def test_make_gallery_without_errors_is_empty() -> None:
    gallery = make_gallery([empty()], noise)
    assert columns_of(gallery)["image"] == [""]
    assert gallery.n_errors == 0


def many(n_errors: int) -> Analysis:
    """Of five kinds in turn, mostly of class 0, the class of the lowest scores is the rarest."""
    kinds = tuple(FalsePositiveKind)
    return analysis_of(
        tuple(
            FalsePositiveRecord(
                f"image {row % 997}.png",
                row,
                2 if row % 50 == 0 else 0,
                (0.1 if row % 50 == 0 else 0.6) + (row % 1000) / 3000,
                0.3,
                (row % 90 + 0.5, row % 80 + 0.25, row % 90 + 9.0, row % 80 + 7.0),
                kinds[row // 50 % 5],
            )
            for row in range(n_errors)
        )
    )


def test_make_gallery_gives_every_kind_and_class_its_share_of_the_pictures() -> None:
    gallery = make_gallery([many(2000)], noise, picture_bytes=150_000)
    columns = columns_of(gallery)
    pictured = [row for row, crop in enumerate(columns["crop"]) if crop]
    assert 10 < gallery.n_pictured == len(pictured) < 2000
    first = {int(columns["crop"][row]): row for row in reversed(pictured)}
    groups = Counter((columns["kind"][row], columns["label"][row]) for row in first.values())
    assert len(groups) == 10


def test_make_gallery_keeps_its_lists_to_their_bytes_and_says_so() -> None:
    gallery = make_gallery([many(3000), many(3000)], None, row_bytes=60_000)
    assert gallery.n_errors == 6000
    assert 500 < gallery.n_listed < 6000
    assert 45_000 < len(json_text(gallery.data)) < 61_000
    for run in range(2):
        columns = columns_of(gallery, run)
        scores = [float(score) for score in columns["score"]]
        assert scores == sorted(scores, reverse=True)
        assert len(set(zip(columns["kind"], columns["label"], strict=True))) == 10


def test_make_gallery_counts_long_names_of_images() -> None:
    wrong = tuple(
        replace(WRONG[0], image=f"{'<' * 100}{row}", score=row / 1000) for row in range(1000)
    )
    gallery = make_gallery([analysis_of(wrong)], None, row_bytes=100_000)
    assert 100 < gallery.n_listed < 200  # 600 bytes of escapes each


def test_make_gallery_keeps_hostile_names_as_they_are() -> None:
    analysis = hostile()
    gallery = make_gallery([analysis], None)
    evaluation = analysis.evaluation
    names = {record.image for record in evaluation.false_positives}
    names |= {record.image for record in evaluation.missed}
    assert gallery.data["images"] == sorted(names)
    assert gallery.data["classes"] == [one.name for one in evaluation.classes]


def test_make_gallery_tells_what_cannot_be_opened() -> None:
    def load(name: str) -> Scene:
        if name == "b":
            raise OSError("b is gone")
        return noise(name)

    gallery = make_gallery([analysis_of(WRONG)], load)
    assert [str(problem) for problem in gallery.problems] == ["b: b is gone"]
    assert [bool(crop) for crop in columns_of(gallery)["crop"]] == [True, False, False]


def test_make_gallery_lists_100000_errors_of_each_of_two_runs() -> None:
    gallery = make_gallery([many(100_000)] * 2, noise, picture_bytes=1_000_000)
    assert gallery.n_listed == 200_000
    assert len(json_text(gallery.data)) < 11_000_000


def test_error_kinds_of_the_list_are_those_of_false_positives_and_missed() -> None:
    assert {kind.value for kind in ErrorKind} == {kind.value for kind in FalsePositiveKind} | {
        "missed"
    }
