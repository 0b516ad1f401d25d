"""Nobody's file is written over, nothing outside is touched, and nothing through a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vendor.host import FOLDER, Host


def refused(host: Host, *words: str) -> str:
    """What an error says; it changes nothing."""
    before = host.contents()
    ran = host.run(*words)
    assert ran.code == 1
    assert host.contents() == before
    return ran.said


@pytest.mark.parametrize("name", ["nms.py", "test_nms.py"])
def test_add_writes_over_no_file_of_somebody_else(host: Host, name: str) -> None:
    host.add("iou")
    (host.folder / name).write_text("mine = 1\n")
    said = refused(host, "add", "boxes", "nms", "--with-contracts", "--to", FOLDER)
    assert f"{FOLDER}/{name} is there, and the refdet-vendor.toml there does not list it" in said


def test_add_writes_over_no_licence_of_somebody_else(host: Host) -> None:
    host.folder.mkdir(parents=True)
    (host.folder / "LICENSE").write_text("theirs\n")
    said = refused(host, "add", "iou", "--to", FOLDER)
    assert f"{FOLDER}/LICENSE is there and not refdet's; name a folder of its own" in said
    assert f"such as {FOLDER}/refdet" in said


def test_add_writes_over_no_change(host: Host) -> None:
    host.add("iou")
    host.edit("iou.py", "denominator > 0", "denominator >= 0")
    said = refused(host, "add", "iou", "nms", "--to", FOLDER)
    assert f"{FOLDER}/iou.py is modified: nothing was written" in said
    assert "+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in said


def test_record_writes_over_no_patch_of_somebody_else(host: Host) -> None:
    host.add("iou")
    host.edit("iou.py", "denominator > 0", "denominator >= 0")
    (host.folder / "iou.py.patch").write_text("theirs\n")
    said = refused(host, "record", f"{FOLDER}/iou.py", "--reason", "why")
    assert f"{FOLDER}/iou.py.patch is there, and the refdet-vendor.toml there knows of none" in said
    (host.folder / "iou.py.patch").unlink()
    assert host.run("record", f"{FOLDER}/iou.py", "--reason", "why").code == 0
    assert host.run("record", f"{FOLDER}/iou.py", "--reason", "another").code == 0


def test_add_to_a_file_says_so(host: Host) -> None:
    (host.root / "file").touch()
    assert "file is a file; name a folder of its own" in refused(host, "add", "iou", "--to", "file")


def linked(host: Host, name: str, aside: Path) -> None:
    """Move what is at `name` aside, and let a link lead there."""
    path = host.folder / name if name else host.folder
    path.rename(aside)
    path.symlink_to(aside)


LINKED = ("", "LICENSE", "refdet-vendor.toml")
CORE, TORCH = ("iou.py",), ("torch_ops", "torch_ops/iou.py")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        *((("add", "iou", "nms", "--to", FOLDER), name) for name in (*LINKED, *CORE)),
        *((("add", "iou", "--as-torch", "--to", FOLDER), name) for name in (*LINKED, *TORCH)),
        *((("update", FOLDER), name) for name in (*LINKED, *CORE, *TORCH)),
        *((("check", FOLDER), name) for name in (*LINKED, *CORE, *TORCH)),
        *((("remove", "--all", "--folder", FOLDER), name) for name in (*LINKED, *CORE, *TORCH)),
        *((("remove", "--all", "--force", "--folder", FOLDER), name) for name in (*LINKED, *CORE)),
    ],
)
def test_nothing_is_written_or_trusted_through_a_link(
    host: Host, words: tuple[str, ...], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host.add("iou")
    host.add("iou", "--as-torch")
    aside = tmp_path_factory.mktemp("aside") / "moved"
    linked(host, name, aside)
    before = {path: path.read_bytes() for path in (aside, *aside.rglob("*")) if path.is_file()}
    assert "is a symbolic link" in refused(host, *words)
    assert {path: path.read_bytes() for path in before} == before
    assert (host.folder / name).is_symlink()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('path = "iou.py"', 'path = "../../../outside.py"'),
        ('path = "iou.py"', 'path = "/outside.py"'),
        ('module = "iou"', 'module = "../../../outside"'),
        ("format = 1", "format = 2"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ("add", "nms", "--to", FOLDER),
        ("check",),
        ("update",),
        ("record", f"{FOLDER}/iou.py", "--reason", "why"),
        ("remove", "--all", "--force"),
    ],
)
def test_a_tampered_manifest_stops_every_command(
    host: Host, words: tuple[str, ...], old: str, new: str
) -> None:
    host.add("iou")
    (host.root / "outside.py").write_text("keep\n")
    host.edit("refdet-vendor.toml", old, new)
    said = refused(host, *words)
    assert f"{FOLDER}/refdet-vendor.toml: " in said
    assert "Take the file back from version control" in said


@pytest.mark.parametrize("command", ["check", "update"])
def test_a_folder_without_a_manifest_is_named(host: Host, command: str) -> None:
    host.folder.mkdir(parents=True)
    said = refused(host, command, FOLDER)
    assert f"{FOLDER} has no refdet-vendor.toml: `refdet vendor add NAMES --to" in said
    assert f"no refdet-vendor.toml in {host.root} or below" in refused(host, command)


@pytest.mark.parametrize("name", ["iou.py", "refdet-vendor.toml"])
@pytest.mark.parametrize("words", [("check",), ("update",), ("remove", "--all", "--folder")])
def test_a_file_in_the_place_of_the_folder_is_named(
    host: Host, words: tuple[str, ...], name: str
) -> None:
    """pre-commit hands over files where nobody forbids it."""
    host.add("iou")
    said = refused(host, *words, f"{FOLDER}/{name}")
    assert f"{FOLDER}/{name} is a file; name its folder, {FOLDER}" in said
