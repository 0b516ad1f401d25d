"""Values without an option's name: on the command line, in a file of options, and in both."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from refdet.cli import parse_options
from refdet.config_analysis import Compare
from refdet.config_file import part_arguments, to_toml

A, B = Path("first/test"), Path("second")


def parsed(*words: str) -> Compare:
    return parse_options(Compare, list(words), "refdet compare")


@pytest.mark.parametrize(
    "words",
    [
        "first/test second --classes X Y --seed 3",
        "--seed 3 first/test second --classes X Y",
        "--seed=3 first/test second --no-progress --progress --classes X Y",
        "--no-progress first/test second --progress --seed 3 --classes X Y",
    ],
)
def test_runs_stand_before_between_and_behind_options(words: str) -> None:
    assert parsed(*words.split()) == Compare(runs=(A, B), classes=("X", "Y"), seed=3)


@pytest.mark.parametrize("words", ["", "first", "first second third"])
def test_a_number_of_runs_that_is_not_two_is_refused(words: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed(*words.split())
    assert stopped.value.code == 2


def test_the_help_shows_what_has_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed("--help")
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "--runs" not in shown
    assert "RUNS" in shown.upper()


def test_runs_come_back_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    config = Compare(runs=(A, B), classes=("X",), seed=3, output=Path("o"))
    file.write_text(to_toml(config), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["runs"] == ["first/test", "second"]
    assert parsed("--config", str(file)) == config


@pytest.mark.parametrize(
    "words",
    [
        "other third --config FILE --seed 4",
        "--config FILE other third --seed 4",
        "--seed 4 --config FILE other third",
        "--seed 4 other third --config=FILE",
    ],
)
def test_runs_on_the_command_line_win_over_the_file(words: str, tmp_path: Path) -> None:
    # The list of classes in the file would take them for its own if they came behind it.
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(Compare(runs=(A, B), classes=("X",), seed=3)), encoding="utf-8")
    got = parsed(*words.replace("FILE", str(file)).split())
    assert got == Compare(runs=(Path("other"), Path("third")), classes=("X",), seed=4)


def test_options_beside_a_file_leave_its_runs(tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(Compare(runs=(A, B))), encoding="utf-8")
    got = parsed("--config", str(file), "--classes", "X", "Y", "--no-progress", "--seed", "4")
    assert got == Compare(runs=(A, B), classes=("X", "Y"), progress=False, seed=4)


def test_part_arguments_gives_each_option_its_words() -> None:
    words = "a --seed 1 b --classes x y --no-progress c --gt d e --output=o f --classes"
    without_name, named = part_arguments(words.split(), Compare)
    assert without_name == ["a", "b", "c", "e", "f"]
    assert " ".join(named) == "--seed 1 --classes x y --no-progress --gt d --output=o --classes"
