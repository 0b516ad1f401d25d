"""The golden vectors follow their schema, their flags are explained, and each of them is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fixtures.check import explained_flags, problems
from refdet.conformance.catalogue import CONTRACTS

GOOD_CASE = {
    "source": "By hand: 1 + 1 = 2",
    "tolerance": 0,
    "flags": ["known"],
    "inputs": {"a": {"dtype": "float64", "shape": [2], "data": [1, "NaN"]}},
    "expected": {"result": 2},
}


def check(case: object, golden: Path, folder: Path) -> list[str]:
    """The problems of a folder of vectors that holds `case` alone."""
    (folder / "golden" / "addition").mkdir(parents=True)
    shutil.copy(golden / "schema.json", folder / "golden")
    (folder / "golden" / "addition" / "case.json").write_text(json.dumps(case))
    (folder / "README.md").write_text("| `known` | explained |\n")
    return problems(folder / "golden", folder / "README.md")


def test_every_golden_vector_is_in_order() -> None:
    assert problems() == []


def test_every_folder_of_vectors_belongs_to_a_contract(golden: Path) -> None:
    folders = {file.name for file in golden.iterdir() if file.is_dir()}
    assert folders == {contract.name for contract in CONTRACTS}


def test_check_accepts_a_good_vector(golden: Path, tmp_path: Path) -> None:
    assert check(GOOD_CASE, golden, tmp_path) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"source": "refdet 0.1.0 iou_matrix"}, "own numbers are no evidence"),
        ({"source": "I think so, honestly"}, "does not match"),
        ({"tolerance": 0.1}, "greater than the maximum"),
        ({"flags": ["known", "unknown"]}, "flag 'unknown' is not explained"),
        ({"flags": []}, "no vector has the flag 'known'"),
        ({"expected": {"error": "KeyError"}}, "is not valid"),
        ({"expected": {}}, "is not valid"),
        ({"surprise": 1}, "Additional properties"),
        ({"inputs": {"a": {"dtype": "float64", "shape": [3], "data": [1, 2]}}}, "inputs.a: cannot"),
        ({"inputs": {"a": {"dtype": "uint8", "shape": [1], "data": [300]}}}, "out of bounds"),
        ({"inputs": {"a": {"dtype": "int64", "shape": [1, 2], "data": [1, 2]}}}, "[[1, 2]]} when"),
        ({"inputs": {"a": {"dtype": "float32", "shape": [1], "data": [0.1]}}}, "0.1000000014"),
    ],
)
def test_check_names_what_is_wrong(
    change: dict[str, object], problem: str, golden: Path, tmp_path: Path
) -> None:
    found = check(GOOD_CASE | change, golden, tmp_path)
    assert found
    assert problem in found[0]


def test_check_names_a_file_that_is_no_json(golden: Path, tmp_path: Path) -> None:
    check(GOOD_CASE, golden, tmp_path)
    (tmp_path / "golden" / "addition" / "broken.json").write_text("{")
    found = problems(tmp_path / "golden", tmp_path / "README.md")
    assert found[0].startswith("addition/broken.json: no JSON")


def test_explained_flags_reads_the_table_only(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("`no-flag`\n| flag | meaning |\n| `a-flag` | `no` |\n")
    assert explained_flags(readme) == {"a-flag"}
