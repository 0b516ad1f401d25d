"""`refdet vendor update`: what is put back, what is kept, and what stops it."""

from __future__ import annotations

import re
import subprocess

import pytest

from refdet.vendor.folder import write_together
from tests.vendor.host import FOLDER, Host

OLD, NEW = "denominator > 0", "denominator >= 0"
"""A local change, in `_divided` of iou.py."""
NEAR = ("quotient = np.zeros(", "quotient = 0.0 * np.ones(")
"""What a later refdet changes right above that."""
FAR = ("def _area(", "def _moved() -> None: ...\n\n\ndef _area(")
"""What a later refdet changes far above."""


@pytest.fixture(autouse=True)
def vendored(host: Host) -> None:
    host.add("iou", "nms")


def patched(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    assert host.run("record", f"{FOLDER}/iou.py", "--reason", "as before").code == 0


def text_of(host: Host, name: str = "iou.py") -> str:
    return (host.folder / name).read_text(encoding="utf-8")


def test_update_puts_back_what_was_changed_and_prints_it(host: Host) -> None:
    before = host.contents()
    host.edit("iou.py", OLD, NEW)
    (host.folder / "nms.py").unlink()
    (host.folder / "__init__.py").unlink()
    host.edit("LICENSE", "The refdet authors", "me")
    ran = host.run("update")
    assert ran.code == 0
    assert host.contents() == before
    assert (
        "+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in ran.said
    )
    assert "+Copyright (c) 2026 me" in ran.said
    assert [line.split(maxsplit=1) for line in ran.said.splitlines()[-4:]] == [
        ["iou.py", "put back"], ["nms.py", "written again"],
        ["LICENSE", "put back"], ["__init__.py", "written"],
    ]  # fmt: skip
    assert host.run("check").code == 0


def test_update_says_that_it_writes_a_licence_that_was_lost(host: Host) -> None:
    (host.folder / "LICENSE").unlink()
    ran = host.run("update")
    assert [line.split(maxsplit=1) for line in ran.said.splitlines()] == [
        [FOLDER], ["iou.py", "unmodified"], ["nms.py", "unmodified"], ["LICENSE", "written"],
    ]  # fmt: skip
    assert host.run("check").code == 0


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_what_update_undoes_can_be_had_again(host: Host, version: str) -> None:
    host.edit("iou.py", OLD, NEW)
    mine = text_of(host)
    host.install(version, *([NEAR, FAR] if version == "0.2.0" else []))
    said = host.run("update").said
    diff = said[said.index("--- iou.py now") : said.index(f"\n{FOLDER}\n") + 1]
    patch = diff.replace("--- iou.py now", "--- a/iou.py").replace(
        "+++ iou.py before", "+++ b/iou.py"
    )
    (host.folder / "undone").write_text(patch, encoding="utf-8")
    subprocess.run(["git", "apply", "undone"], cwd=host.folder, check=True)
    assert text_of(host) == mine


def test_update_touches_nothing_that_is_in_order(host: Host) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in host.folder.iterdir()}
    assert host.run("update").code == 0
    host.install("0.2.0")  # the same sources
    assert host.run("update").code == 0
    assert {path: path.stat().st_mtime_ns for path in host.folder.iterdir()} == stamps


def test_update_brings_a_later_text_and_says_so(host: Host) -> None:
    host.install("0.2.0", FAR)
    ran = host.run("update")
    assert ran.code == 0
    assert "def _moved() -> None: ...\n" in text_of(host)
    assert "# refdet 0.2.0: refdet/core/iou.py\n" in text_of(host)
    assert "iou.py                       refdet 0.1.0 -> 0.2.0" in ran.said
    assert host.run("check", "--strict").code == 0


def test_update_keeps_what_functions_were_asked_for(host: Host) -> None:
    host.add("--only", "box_area")
    host.install("0.2.0", ("def box_area(", "def _new() -> None: ...\n\n\ndef box_area("))
    assert host.run("update").code == 0
    assert "def _new() -> None: ...\n" in text_of(host, "boxes.py")
    assert "def clip_boxes(" not in text_of(host, "boxes.py")
    assert host.run("check", "--strict").code == 0


def test_update_keeps_a_recorded_patch_where_its_lines_have_moved(host: Host) -> None:
    patched(host)
    mine = text_of(host)
    host.install("0.2.0", FAR)
    ran = host.run("update")
    assert ran.code == 0
    assert "refdet 0.1.0 -> 0.2.0, patch kept (as before)" in ran.said
    body = mine.split('"""', 1)[1]
    assert text_of(host).split('"""', 1)[1] == body.replace(*FAR)
    assert host.run("check", "--strict").code == 0
    assert "patched: as before" in host.run("check").said


def test_a_patch_right_below_the_header_outlives_many_versions(host: Host) -> None:
    host.edit("iou.py", '"""How much', '"""How very much')
    assert host.run("record", f"{FOLDER}/iou.py", "--reason", "why").code == 0
    for version, name in (("0.2.0", "_moved"), ("0.3.0", "_again"), ("1.0", "_more")):
        host.install(version, ("def _area(", f"def {name}() -> None: ...\n\n\ndef _area("))
        assert host.run("update").code == 0
        assert f"# refdet {version}: " in text_of(host)
        assert '"""How very much' in text_of(host)
        assert "patched: why" in host.run("check", "--strict").said


def test_update_keeps_a_patch_and_undoes_what_is_beside_it(host: Host) -> None:
    patched(host)
    mine = host.edit("iou.py", "def _union(", "def _onion(")
    for version in ("0.1.0", "0.2.0"):
        host.install(version)
        ran = host.run("update")
        assert ran.code == 0
        assert "def _onion(" in ran.said
        assert text_of(host).split('"""', 1)[1] == mine.split('"""', 1)[1]
        assert "patched: as before" in host.run("check").said
        host.edit("iou.py", "def _union(", "def _onion(")


def test_a_conflict_stops_everything_and_names_file_hunk_and_way_out(host: Host) -> None:
    patched(host)
    host.edit("nms.py", "import numpy as np", "import numpy")
    host.run("add", "iou", "--to", "other")
    before = host.contents()
    host.install("0.2.0", NEAR)
    ran = host.run("update")
    assert ran.code == 1
    assert host.contents() == before
    assert "nothing was written" in ran.said
    assert f"the recorded patch of {FOLDER}/iou.py (as before) conflicts" in ran.said
    assert "@@ -" in ran.said
    assert (
        "-    np.divide(numerator, denominator, out=quotient, where=denominator > 0)\n" in ran.said
    )
    assert f"`refdet vendor record {FOLDER}/iou.py --drop` puts the file back" in ran.said


def test_the_way_out_of_a_conflict_is_one(host: Host) -> None:
    patched(host)
    host.install("0.2.0", NEAR)
    assert host.run("record", f"{FOLDER}/iou.py", "--drop").code == 0
    assert host.run("update").code == 0
    assert host.run("check", "--strict").code == 0
    host.edit("iou.py", OLD, NEW)
    assert host.run("record", f"{FOLDER}/iou.py", "--reason", "still").code == 0
    assert "patched: still" in host.run("check", "--strict").said


def test_a_patch_that_is_in_refdet_by_now_is_a_conflict(host: Host) -> None:
    patched(host)
    host.install("0.2.0", (OLD, NEW))
    assert "conflicts with refdet 0.2.0" in host.run("update").said


@pytest.mark.parametrize(
    ("damage", "message"),
    [(None, "its recorded patch iou.py.patch is missing"), ("no diff", "is no patch: line 1")],
)
def test_a_lost_patch_is_told_and_stops_update(
    host: Host, damage: str | None, message: str
) -> None:
    patched(host)
    path = host.folder / "iou.py.patch"
    path.unlink() if damage is None else path.write_text(damage)
    assert message in host.run("check").said
    host.install("0.2.0", FAR)
    before = host.contents()
    ran = host.run("update")
    assert (ran.code, host.contents()) == (1, before)
    assert message in ran.said
    assert "Take the patch back from version control" in ran.said


def test_update_does_not_go_back(host: Host) -> None:
    host.install("0.0.9", FAR)
    before = host.contents()
    ran = host.run("update")
    assert (ran.code, host.contents()) == (1, before)
    assert (
        f"{FOLDER}: iou.py is of refdet 0.1.0, and the older 0.0.9 is installed: install refdet"
        in ran.said
    )
    assert "nms.py is of refdet" in ran.said


def test_update_names_what_refdet_has_no_more_and_the_way_out(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> str:
        raise ValueError("no file 'iou' of refdet.core")

    host.install("2.0")
    before = host.contents()
    monkeypatch.setattr("refdet.vendor.sources.module_source", gone)
    ran = host.run("update")
    assert (ran.code, host.contents()) == (1, before)
    assert (
        f"{FOLDER}: iou.py is of refdet 0.1.0, and refdet 2.0 does not have it any more (no file "
        "'iou' of refdet.core): keep refdet 0.1.0, or `refdet vendor remove iou`"
    ) in ran.said
    assert host.run("remove", "iou").code == 0


def test_update_that_fails_half_way_leaves_all_as_it_was(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.install("0.2.0", FAR, ("def nms(", "def new_nms("))
    before = host.contents()

    def full(folder: object, texts: dict[str, str | None]) -> None:
        assert list(texts)[-1] == "refdet-vendor.toml"
        assert len(texts) == 3
        # The last is too much for the disk: a folder cannot be written as a file.
        write_together(host.folder, {**texts, "full": "x" * 10, "full/full": "x"})

    monkeypatch.setattr("refdet.vendor.plan.write_together", full)
    assert host.run("update").code == 1
    assert host.contents() == before


def test_a_manifest_with_another_hash_is_put_right(host: Host) -> None:
    before = host.contents()
    manifest = text_of(host, "refdet-vendor.toml")
    forged = re.sub(
        r'\nsha256 = "(.)', lambda of: of[0][:-1] + ("1" if of[1] == "0" else "0"), manifest
    )
    (host.folder / "refdet-vendor.toml").write_text(forged, encoding="utf-8")
    assert host.run("check").said.count("has another hash of it than refdet 0.1.0") == 2
    assert host.run("update").code == 0
    assert host.contents() == before


@pytest.mark.parametrize(
    "words",
    [
        ("add", "nms", "--to", FOLDER),
        ("update",),
        ("record", f"{FOLDER}/iou.py", "--reason", "why"),
        ("remove", "nms"),
    ],
)
def test_every_command_first_puts_back_what_a_killed_one_left(
    host: Host, words: tuple[str, ...]
) -> None:
    host.edit("iou.py", OLD, NEW)
    mine = (host.folder / "iou.py").read_bytes()
    (host.folder / "refdet-vendor.undo").mkdir()
    (host.folder / "refdet-vendor.undo" / "0").write_bytes(mine)
    (host.folder / "refdet-vendor.undo" / "index.json").write_text('{"iou.py": "0"}')
    (host.folder / "iou.py").write_text("half\n")
    ran = host.run(*words)
    assert ran.code == 0
    assert ran.said.startswith(f"{FOLDER}: a command was killed while it wrote here; put back")
    assert not (host.folder / "refdet-vendor.undo").exists()
    assert ((host.folder / "iou.py").read_bytes() == mine) == (words != ("update",))
