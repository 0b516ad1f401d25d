"""Runs are named by as little of their paths as tells them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from refdet.reading import run_names


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["/home/me/runs/seed0/test"], ["seed0/test"]),
        (["test.csv"], ["test.csv"]),
        (["/test"], ["/test"]),
        (["runs/seed0/test", "runs/seed1/test"], ["seed0/test", "seed1/test"]),
        (["/a/long/way/x.csv", "y.csv"], ["x.csv", "y.csv"]),
        (["a/b/c/test", "d/b/c/test"], ["a/b/c/test", "d/b/c/test"]),
        (["test", "other/test"], ["test", "other/test"]),
        (["runs/x", "runs/y", "old/x"], ["runs/x", "runs/y", "old/x"]),
        (["runs/x", "runs/x"], ["runs/x", "runs/x"]),  # nothing tells them apart
    ],
)
def test_run_names_are_the_last_parts_that_differ(runs: list[str], names: list[str]) -> None:
    assert run_names([Path(run) for run in runs]) == names


def test_run_names_of_the_folder_one_is_in_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seed0" / "test").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "seed0" / "test")
    assert run_names([Path()]) == ["seed0/test"]
    assert run_names([Path(), Path("..")]) == ["test", "seed0"]
