"""Beside a break of a library's function stands what the register that ships tells of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from refdet.cli import main
from refdet.conformance import told
from refdet.conformance.suites import SUITES
from refdet.conformance.told import read_shipped, register_of_library
from tests.conformance.user_code import folder_of_a_stranger

BOX_IOU = "conformance run torchvision.ops:box_iou --as iou_matrix --examples 5 --no-progress"


def run(words: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    return stopped.value.code


@pytest.mark.parametrize("suite", SUITES)
def test_every_register_that_ships_says_whose_it_is(suite: str) -> None:
    libraries = {entry.of.split()[0] for entry in read_shipped(suite).deviations}
    assert libraries == {SUITES[suite]}


def test_a_module_has_its_librarys_register_without_the_suite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mean_average_precision", reason="comes with the extra peers")
    monkeypatch.setitem(sys.modules, "refdet.conformance.suites.mean_average_precision", None)
    found = register_of_library("mean_average_precision.utils")
    assert found == read_shipped("mean-average-precision")
    assert register_of_library("mypkg.metrics").deviations == ()


def test_a_distribution_may_spell_its_name_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "packages_distributions", lambda: {"x": ["Faster_COCO.eval"]})
    assert register_of_library("x.y") == read_shipped("faster-coco-eval")


def test_a_break_of_a_library_comes_with_its_thread(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(BOX_IOU) == 1
    printed = capsys.readouterr().out
    (version,) = {entry.of for entry in read_shipped("torchvision").deviations}
    told_of = (
        f"known of {version}: two boxes without area give 0 / 0, NaN, instead of 0 "
        "(pytorch/vision#3405)\nhttps://github.com/pytorch/vision/issues/3405\n"
    )
    of_vector = printed.split("BROKEN  iou_matrix/boxes-without-area: ")[1].split("\nBROKEN")[0]
    assert told_of in of_vector
    assert "broken, and in no register of known deviations" in printed


def test_what_a_user_says_of_it_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_a_stranger(tmp_path, monkeypatch)
    register = """
[[deviation]]
target = "torchvision.ops:box_iou"
contract = "iou_matrix"
checks = ["iou_matrix/boxes-without-area"]
why = "ours has none"

[[deviation]]
target = "torchvision.ops:box_iuo"
contract = "iou_matrix"
checks = ["is_symmetric"]
why = "misspelt"
"""
    Path("known.toml").write_text(register, encoding="utf-8")
    assert run(f"{BOX_IOU} --known known.toml") == 1
    printed = capsys.readouterr().out
    of_vector = printed.split("KNOWN  iou_matrix/boxes-without-area: ")[1].split("\nBROKEN")[0]
    assert "known: ours has none\n" in of_vector
    assert "known of" not in of_vector
    assert (
        "\nknown.toml lists torchvision.ops:box_iuo as iou_matrix, which was not run\n" in printed
    )
