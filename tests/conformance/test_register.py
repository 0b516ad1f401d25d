"""The register of known deviations: what it finds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from refdet.conformance.register import Deviation, DeviationKind, not_run, read_register
from refdet.conformance.target import Target
from refdet.core.iou import iou_matrix

GOOD = """
[[deviation]]
target = "mypkg:iou"
contract = "iou_matrix"
checks = ["is_symmetric", "iou_matrix/bool"]
why = "it is not"
thread = "owner/repository#1"
"""
TARGET = Target("mypkg:iou", "iou_matrix", iou_matrix)


def written(folder: Path, text: str) -> Path:
    file = folder / "known.toml"
    file.write_text(text)
    return file


def test_find_gives_the_entry_of_a_check_of_its_target(tmp_path: Path) -> None:
    register = read_register(written(tmp_path, GOOD))
    entry = Deviation(
        "mypkg:iou",
        "iou_matrix",
        ("is_symmetric", "iou_matrix/bool"),
        "it is not",
        "owner/repository#1",
    )
    assert register.deviations == (entry,)
    assert register.find(TARGET, "iou_matrix/bool") == entry
    assert register.find(TARGET, "survives_translation") is None
    assert register.find(Target("other:iou", "iou_matrix", iou_matrix), "is_symmetric") is None
    assert register.find(Target("mypkg:iou", "giou_matrix", iou_matrix), "is_symmetric") is None


def test_not_run_names_each_function_and_contract_once(tmp_path: Path) -> None:
    other = GOOD.replace("mypkg:iou", "mypkg:oiu").replace("is_symmetric", "survives_translation")
    file = written(tmp_path, f"{other}{GOOD}{other}")
    line = f"{file} lists mypkg:oiu as iou_matrix, which was not run"
    assert not_run(file, [TARGET]) == [line]
    as_another = Target("mypkg:iou", "giou_matrix", iou_matrix)
    assert not_run(file, [as_another]) == [line, line.replace("oiu", "iou")]
    assert not_run(file, [TARGET, Target("mypkg:oiu", "iou_matrix", iou_matrix)]) == []


def test_the_kind_is_numbers_unless_it_is_given(tmp_path: Path) -> None:
    for extra, kind in (("", DeviationKind.NUMBERS), ('kind = "values"', DeviationKind.VALUES)):
        (entry,) = read_register(written(tmp_path, GOOD + extra)).deviations
        assert entry.kind is kind


def test_a_register_may_be_empty(tmp_path: Path) -> None:
    assert read_register(written(tmp_path, "")).deviations == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"it is not"', '""', "deviation 1: why must be a text, got ''"),
        ('why = "it is not"', "", "deviation 1: why must be a text, got None"),
        ("thread", "tread", "deviation 1: no field 'tread'; there are target, contract"),
        ('"iou_matrix"', '"iou_matrx"', "deviation 1: no contract 'iou_matrx'; did you"),
        ('"is_symmetric"', '"is_symetric"', "deviation 1: iou_matrix has no check 'is_symetric'"),
        ('["is_symmetric", "iou_matrix/bool"]', '"x"', "checks must be a list of names, got 'x'"),
        ('["is_symmetric", "iou_matrix/bool"]', "[]", r"checks must be a list of names, got \[\]"),
        (
            'why = "it',
            'kind = "odd"\nwhy = "it',
            "kind must be one of numbers, rounding, fails, values, go",
        ),
        ("[[deviation]]", "[[deviations]]", r"only \[\[deviation\]\] tables are expected"),
        ("[[deviation]]", "[deviation]", r"only \[\[deviation\]\] tables are expected"),
        ("why =", "why", "known.toml: "),
    ],
)
def test_read_register_names_what_is_wrong(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        read_register(written(tmp_path, GOOD.replace(old, new)))


def test_read_register_names_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"known\.toml: 'utf-8' codec"):
        read_register(tmp_path / "known.toml")


def test_read_register_wants_tables(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deviation 1: must be a table, got 'iou'"):
        read_register(written(tmp_path, 'deviation = ["iou"]'))
