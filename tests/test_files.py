"""Atomic writing and strict JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from refdet.files import (
    atomic_folder,
    atomic_path,
    json_text,
    write_json_atomic,
    write_text_atomic,
)


def test_write_text_atomic_writes_exactly_the_text(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    write_text_atomic(path, "µ\r\nb\n")
    assert path.read_bytes() == "µ\r\nb\n".encode()


def test_atomic_path_replaces_an_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    (tmp_path / "other.txt").write_text("other")
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.txt", "other.txt"]


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_atomic_path_keeps_the_old_file_when_writing_fails(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise failure

    with pytest.raises(failure):
        fail_halfway()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_atomic_path_syncs_the_bytes_before_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    seen: list[bool] = []
    real = os.fsync

    def recording(descriptor: int) -> None:
        seen.append(path.exists())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    write_text_atomic(path, "text")
    assert seen == [False]


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_text_atomic(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_json_text_turns_what_is_not_finite_into_null_at_every_depth() -> None:
    value = {"a": [float("nan"), (1.5, float("-inf"))], "b": {"c": float("inf")}, "d": True}
    assert json_text(value) == '{"a": [null, [1.5, null]], "b": {"c": null}, "d": true}'


def test_json_text_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(TypeError, match="set"):
        json_text({"a": {1}})


def test_write_json_atomic_is_read_by_a_strict_parser(tmp_path: Path) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    write_json_atomic(tmp_path / "a.json", {"loss": float("nan"), "epoch": 1})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=refuse) == {"loss": None, "epoch": 1}


def test_atomic_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "in" / "out") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "in" / "out").exists()
    assert (tmp_path / "in" / "out" / "a").read_text() == "1"
    assert [entry.name for entry in (tmp_path / "in").iterdir()] == ["out"]


def half_written(path: Path, *, overwrite: bool) -> None:
    with atomic_folder(path, overwrite=overwrite) as folder:
        (folder / "a").write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("overwrite", [True, False])
def test_atomic_folder_leaves_nothing_of_what_was_interrupted(
    tmp_path: Path, overwrite: bool
) -> None:
    with pytest.raises(KeyboardInterrupt):
        half_written(tmp_path / "out", overwrite=overwrite)
    assert list(tmp_path.iterdir()) == []


def write_folder(path: Path, *names: str, overwrite: bool = False) -> None:
    with atomic_folder(path, overwrite=overwrite) as folder:
        for name in names:
            (folder / name).write_text("new")


def test_atomic_folder_replaces_only_when_asked_and_only_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("old")
    with pytest.raises(FileExistsError, match=f"{out} exists already; --overwrite replaces it"):
        write_folder(out, "a")
    with pytest.raises(KeyboardInterrupt):
        half_written(out, overwrite=True)
    with pytest.raises(FileExistsError, match=f"{out / 'a'} would be lost"):
        write_folder(out, "b", overwrite=True)
    assert (out / "a").read_text() == "old"
    write_folder(out, "a", "b", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert {entry.name: entry.read_text() for entry in out.iterdir()} == {"a": "new", "b": "new"}


def test_atomic_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file; a folder does not replace it"):
        write_folder(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out").read_text() == "mine"
