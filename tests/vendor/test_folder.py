"""What is written into a folder is written together, inside of it, and not through links."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from refdet.vendor import folder as folder_module
from refdet.vendor.folder import (
    UNDO,
    digest,
    place,
    read_text,
    turn_back,
    was_cut_off,
    write_together,
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


OLD = {"a.py": b"old a\r\n", "sub/b.py": b"old b\n", "theirs.py": b"theirs\n"}
CHANGES = {"a.py": "new a\n", "sub/b.py": None, "more/c.py": "new c\n", "last.toml": "new\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in OLD.items():
        path = tmp_path / "vendored" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "vendored"


def test_digest_is_sha256_of_the_bytes() -> None:
    # FIPS 180-2, appendix B.1.
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("content", [b"a\r\nb\r\n", b"a\nb\n", b"a\nb\r\n"])
def test_read_text_takes_every_line_end_for_the_same(folder: Path, content: bytes) -> None:
    (folder / "a.py").write_bytes(content)
    assert read_text(folder, "a.py") == "a\nb\n"


@pytest.mark.parametrize(
    "content", [b"a\rb\n", b"\xef\xbb\xbfa\nb\n", b"a\nb", b"a\x85b\n", b"a\xff\n"]
)
def test_read_text_keeps_what_is_no_line_end(folder: Path, content: bytes) -> None:
    (folder / "a.py").write_bytes(content)
    text = read_text(folder, "a.py")
    assert text is not None
    assert text.encode("utf-8", "surrogateescape") == content
    assert digest(text) != digest("a\nb\n")


def test_read_text_of_no_file_is_none(folder: Path) -> None:
    assert read_text(folder, "none.py") is None
    assert read_text(folder, "none/none.py") is None
    assert read_text(folder.parent / "none", "none.py") is None


def test_read_text_of_a_folder_names_it(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"sub cannot be read as a file: Is a directory"):
        read_text(folder, "sub")


@pytest.mark.parametrize(
    "relative",
    ["", ".", "..", "../a.py", "sub/../../a.py", "/etc/passwd", "a//b", "sub/", "C:\\a.py", "a\\b",
     ".hidden", "a\x00b", "a\n"],
)  # fmt: skip
def test_place_is_inside_the_folder(folder: Path, relative: str) -> None:
    with pytest.raises(ValueError, match="is no path inside"):
        place(folder, relative)
    before = contents(folder.parent)
    with pytest.raises(ValueError, match="is no path inside"):
        write_together(folder, {"a.py": "new\n", relative: "new\n"})
    assert contents(folder.parent) == before


@pytest.mark.parametrize("linked", ["vendored", "vendored/sub", "vendored/sub/b.py"])
@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_read_or_written_through_a_link(
    folder: Path, linked: str, dangling: bool
) -> None:
    link = folder.parent / linked
    aside = folder.parent / "elsewhere"
    link.rename(aside)
    link.symlink_to(folder.parent / "nowhere" if dangling else aside)
    before = contents(aside) if aside.is_dir() else aside.read_bytes()
    for texts in ({"sub/b.py": "new\n"}, {"sub/b.py": None}):
        with pytest.raises(ValueError, match=rf"{link.name} is a symbolic link to"):
            write_together(folder, texts)
    with pytest.raises(ValueError, match="is a symbolic link"):
        read_text(folder, "sub/b.py")
    assert (contents(aside) if aside.is_dir() else aside.read_bytes()) == before


def test_a_link_above_the_folder_is_the_users_own(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder.parent)
    write_together(folder.parent / "link" / "vendored", {"a.py": "new\n"})
    assert read_text(folder, "a.py") == "new\n"


def test_write_together_writes_removes_and_leaves_the_rest(folder: Path) -> None:
    write_together(folder, CHANGES)
    want = {"a.py": b"new a\n", "more/c.py": b"new c\n", "last.toml": b"new\n",
            "theirs.py": b"theirs\n"}  # fmt: skip
    assert contents(folder) == want
    assert not (folder / "sub").exists()
    assert not turn_back(folder)


@pytest.mark.parametrize("failing", range(1, 12))
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_write_together_leaves_all_as_it_was_where_anything_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    calls = 0

    def fail_once(name: str) -> None:
        original = getattr(folder_module, name)

        def counted(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise error
            return original(*arguments)

        monkeypatch.setattr(folder_module, name, counted)

    for name in ("_copy", "write_text_atomic", "_remove_empty", "_forget"):
        fail_once(name)
    before = contents(folder)
    try:
        write_together(folder, CHANGES)
    except type(error):
        assert contents(folder) == before
        assert not (folder / UNDO).exists()
    else:
        assert calls < failing
        assert failing > 7
        assert contents(folder) != before


def test_write_together_leaves_no_folder_that_it_made_in_vain(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no path"):
        write_together(tmp_path / "new", {"..": "x"})
    with pytest.raises(OSError, match="a"):
        write_together(tmp_path / "new", {"a": "x", "a/b": "y"})
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_together(tmp_path / "deep" / "file" / "new", {"a.py": "x"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


KILLED = """
import os, sys
from pathlib import Path
from refdet.vendor import folder
steps = int(sys.argv[2])
for name in ("_copy", "_write", "_forget"):
    def counted(*arguments, original=getattr(folder, name)):
        global steps
        if steps == 0:
            os._exit(9)
        steps -= 1
        return original(*arguments)
    setattr(folder, name, counted)
folder.write_together(Path(sys.argv[1]), {changes})
"""


@pytest.mark.parametrize("steps", range(8))
def test_a_killed_process_leaves_what_is_turned_back(folder: Path, steps: int) -> None:
    before = contents(folder)
    program = KILLED.replace("{changes}", repr(CHANGES))
    command = [sys.executable, "-c", program, str(folder), str(steps)]
    done = subprocess.run(command, check=False)
    if steps == 7:  # two copies, four files, and the end
        assert done.returncode == 0
        assert not turn_back(folder)
        assert contents(folder)["a.py"] == b"new a\n"
        return
    assert done.returncode == 9
    began = steps >= 2
    assert was_cut_off(folder) == began
    assert turn_back(folder) == began
    assert contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["a.py", "sub", "theirs.py"]
    assert not turn_back(folder)


def test_turn_back_removes_what_was_being_written(folder: Path) -> None:
    (folder / UNDO).mkdir()
    (folder / UNDO / "index.json").write_text('{"sub/new.py": null}')
    (folder / "sub" / ".refdet-0123456789abcdef.py").write_text("half")
    before = contents(folder).keys() - {"sub/.refdet-0123456789abcdef.py", f"{UNDO}/index.json"}
    assert turn_back(folder)
    assert contents(folder).keys() == before


def test_turn_back_touches_nothing_outside(folder: Path) -> None:
    (folder / UNDO).mkdir()
    (folder / UNDO / "index.json").write_text('{"../outside.py": null}')
    (folder.parent / "outside.py").write_text("keep")
    with pytest.raises(ValueError, match="is no path inside"):
        turn_back(folder)
    assert (folder.parent / "outside.py").read_text() == "keep"
