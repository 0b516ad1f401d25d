"""What stands beside every time: which commit was measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.evaluation import machine


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_commit_is_what_is_checked_out_and_whether_what_is_measured_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "REPOSITORY", tmp_path)
    files = [tmp_path / name for name in ("refdet/a.py", "benchmarks/speed/b.py", "README.md")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "All")
    told = machine.commit()
    assert git(tmp_path, "rev-parse", "HEAD").startswith(told)
    assert len(told) >= 10
    for file, changed in zip(files, (True, True, False), strict=True):
        file.write_text("2\n")
        assert machine.commit() == (f"{told} with changes" if changed else told)
        file.write_text("1\n")


def test_commit_is_unknown_outside_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() == "unknown"
    monkeypatch.setenv("PATH", "")
    assert machine.commit() == "unknown"
