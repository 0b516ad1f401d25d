"""`refdet vendor check`: every state that a file can be in, and the exit code that a hook sees."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vendor.host import FOLDER, Host

OLD, NEW = "denominator > 0", "denominator >= 0"
UPSTREAM = ('"""How much two boxes overlap: ', '"""By how much two boxes overlap: ')


@pytest.fixture(autouse=True)
def vendored(host: Host) -> None:
    host.add("iou", "nms")


def line_of(said: str, name: str) -> str:
    (line,) = (line for line in said.splitlines() if line.startswith(f"  {name} "))
    return line.split(maxsplit=1)[1]


def test_check_of_what_nobody_touched(host: Host) -> None:
    ran = host.run("check")
    assert ran.code == 0
    assert ran.said.splitlines()[0] == FOLDER
    assert [line.split() for line in ran.said.splitlines()[1:]] == [
        ["iou.py", "unmodified"], ["nms.py", "unmodified"], ["LICENSE", "unmodified"],
    ]  # fmt: skip


def test_check_shows_what_was_modified(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    ran = host.run("check")
    assert ran.code == 1
    assert line_of(ran.said, "iou.py") == "modified"
    assert line_of(ran.said, "nms.py") == "unmodified"
    assert "--- iou.py of refdet 0.1.0\n+++ iou.py here\n@@ " in ran.said
    assert (
        "\n-    np.divide(numerator, denominator, out=quotient, where=denominator > 0)" in ran.said
    )
    assert (
        "\n+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in ran.said
    )
    assert f"not as refdet wrote them: {FOLDER}/iou.py\n" in ran.said


@pytest.mark.parametrize(
    "change",
    [b"\n", b" ", b"\r", b"\xff", b"# \xc3\xa9\n", b"\x00"],
)
@pytest.mark.parametrize("at", [0, 30, -2])
def test_check_sees_every_byte(host: Host, change: bytes, at: int) -> None:
    path = host.folder / "iou.py"
    content = path.read_bytes()
    path.write_bytes(content[:at] + change + content[at:])
    ran = host.run("check")
    assert (ran.code, line_of(ran.said, "iou.py")) == (1, "modified")
    assert f"not as refdet wrote them: {FOLDER}/iou.py" in ran.said  # the diff could be printed


def test_check_takes_a_checkout_on_windows_for_the_same(host: Host) -> None:
    for path in host.folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert host.run("check").code == 0
    host.edit("iou.py", OLD, NEW)
    assert host.run("check").said.count("\n-") == 2  # the file's name and its line


@pytest.mark.parametrize(("name", "state"), [("iou.py", "missing"), ("LICENSE", "licence missing")])
def test_check_names_what_is_missing(host: Host, name: str, state: str) -> None:
    (host.folder / name).unlink()
    ran = host.run("check")
    assert (ran.code, line_of(ran.said, name)) == (1, state)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_the_output_cannot_hold_is_spelt_out(host: Host, encoding: str) -> None:
    """A pipe on Windows, as a hook's and most CI's, is no UTF-8."""
    host.edit("iou.py", OLD, "denominator \u2265 0")
    host.folder.rename(host.root / "v\u2265")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for words in (("check",), ("update",), ("remove", "--all")):
        command = [sys.executable, "-m", "refdet", "vendor", *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, encoding=encoding, check=False
        )
        assert (done.returncode, done.stderr) == (int(words == ("check",)), "")
        assert ("where=denominator \\u2265 0" in done.stdout) == (words != ("remove", "--all"))
        assert "v\\u2265\n" in done.stdout
    assert not (host.root / "v\u2265").exists()


def test_check_shows_a_changed_licence(host: Host) -> None:
    host.edit("LICENSE", "The refdet authors", "me")
    ran = host.run("check")
    assert (ran.code, line_of(ran.said, "LICENSE")) == (1, "modified")
    assert "-Copyright (c) 2026 The refdet authors\n+Copyright (c) 2026 me" in ran.said


def test_check_says_why_an_untouched_licence_is_none(host: Host) -> None:
    host.edit("refdet-vendor.toml", 'licence_sha256 = "c', 'licence_sha256 = "d')
    ran = host.run("check")
    assert line_of(ran.said, "LICENSE") == "modified: refdet-vendor.toml has another hash of it"
    assert host.run("update").code == 0
    assert host.run("check").code == 0


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_check_names_a_file_whose_entry_was_lost(host: Host, line_end: bytes) -> None:
    nms = host.folder / "nms.py"
    nms.write_bytes(nms.read_bytes().replace(b"\n", line_end))
    text = (host.folder / "refdet-vendor.toml").read_text(encoding="utf-8")
    head, iou, _ = text.split("\n[[file]]\n")
    (host.folder / "refdet-vendor.toml").write_text(f"{head}\n[[file]]\n{iou}", encoding="utf-8")
    (host.folder / "helper.py").write_text("mine = 1\n")
    ran = host.run("check")
    assert ran.code == 1
    assert line_of(ran.said, "nms.py").startswith("not listed: it has refdet's header")
    assert "helper" not in ran.said


def test_check_names_a_twin_whose_entry_was_lost(host: Host) -> None:
    host.add("iou", "--as-torch")
    manifest = host.folder / "refdet-vendor.toml"
    kept = [
        part for part in manifest.read_text(encoding="utf-8").split("\n[[file]]\n")
        if "torch_ops" not in part
    ]  # fmt: skip
    manifest.write_text("\n[[file]]\n".join(kept), encoding="utf-8")
    ran = host.run("check")
    assert ran.code == 1
    assert line_of(ran.said, "torch_ops/iou.py").startswith("not listed: it has refdet's header")


def test_check_does_not_run_what_it_reads(host: Host) -> None:
    ran = (host.root / "ran").as_posix()
    for name in ("iou.py", "__init__.py"):
        (host.folder / name).write_text(f"open({ran!r}, 'w')\nraise SystemExit(0)\n")
    assert host.run("check").code == 1
    assert not Path(ran).exists()


WATCHED = """
import sys
seen = set()
sys.addaudithook(lambda event, _: seen.add(event))
from refdet.cli import main
try:
    main(["vendor", "check"])
except SystemExit as end:
    assert end.code == 0
assert not [event for event in seen if event.startswith(("socket.", "subprocess.", "os.rename"))]
print(*{"numpy", "torch", "pandas", "matplotlib", "hypothesis", "orjson"} & set(sys.modules))
"""


def test_check_loads_little_and_asks_nobody(host: Host) -> None:
    """A hook runs before every commit: no network, and neither NumPy nor what others need."""
    host.add("boxes", "--only", "iou_matrix", "--with-contracts")
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "")


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_outdated_is_said_and_fails_only_if_asked_to(
    host: Host, strict: tuple[str, ...], code: int
) -> None:
    host.install("0.2.0", UPSTREAM)
    ran = host.run("check", *strict)
    assert ran.code == code
    assert line_of(ran.said, "iou.py") == (
        "unmodified; outdated: it is of refdet 0.1.0, and refdet 0.2.0 has another text"
    )
    assert line_of(ran.said, "nms.py") == "unmodified"
    assert "not as refdet wrote them" not in ran.said
    sentence = f"outdated: {FOLDER}/iou.py\n`refdet vendor update` brings them to refdet 0.2.0\n"
    assert ran.said.endswith(sentence) == bool(strict)


@pytest.mark.parametrize("version", ["0.0.9", "0.1.0rc1", "0.1.0.dev3", "0.1"])
def test_a_refdet_that_is_not_newer_makes_nothing_outdated(host: Host, version: str) -> None:
    host.install(version, *([] if version == "0.1" else [UPSTREAM]))
    ran = host.run("check", "--strict")
    assert ran.code == 0
    assert "outdated" not in ran.said


def test_a_refdet_that_lost_the_file_makes_it_outdated(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> str:
        raise ValueError("no file 'iou'")

    host.install("2.0")
    monkeypatch.setattr("refdet.vendor.sources.module_source", gone)
    ran = host.run("check")
    assert ran.code == 0
    assert "outdated: refdet 2.0 does not have it any more (no file 'iou')" in ran.said


@pytest.mark.parametrize("version", ["0.0.9", "0.2.0"])
def test_check_needs_not_the_refdet_that_wrote_the_files(host: Host, version: str) -> None:
    host.install(version, UPSTREAM)
    host.edit("iou.py", OLD, NEW)
    ran = host.run("check")
    assert ran.code == 1
    assert line_of(ran.said, "iou.py").startswith("modified")
    assert f"--- iou.py of refdet {version}\n+++ iou.py here" in ran.said
    assert (
        "+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in ran.said
    )


def test_check_trusts_the_installed_refdet_more_than_the_manifest(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    forged = hashlib.sha256((host.folder / "iou.py").read_bytes()).hexdigest()
    manifest = (host.folder / "refdet-vendor.toml").read_text(encoding="utf-8")
    honest = manifest.split('path = "iou.py"')[1].split('\nsha256 = "')[1][:64]
    host.edit("refdet-vendor.toml", honest, forged)
    ran = host.run("check")
    assert ran.code == 1
    assert "modified: refdet-vendor.toml has another hash of it than refdet 0.1.0" in ran.said
    assert (
        "+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in ran.said
    )


def test_check_finds_every_folder_below(host: Host) -> None:
    host.run("add", "boxes", "--to", "other/refdet")
    host.edit("iou.py", OLD, NEW)
    ran = host.run("check")
    assert ran.code == 1
    assert [line for line in ran.said.splitlines() if line in {"other/refdet", FOLDER}] == [
        "other/refdet",
        FOLDER,
    ]
    assert host.run("check", "other/refdet").code == 0


def test_check_does_not_write_tests_anew_where_hashes_tell(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.add("iou", "--with-contracts")

    def slow(*_: object) -> str:
        raise AssertionError("this takes longer than all the rest")

    monkeypatch.setattr("refdet.vendor.sources.contracts_source", slow)
    assert host.run("check").code == 0


def test_check_shows_a_modified_test(host: Host) -> None:
    host.add("iou", "--with-contracts")
    host.edit("test_iou.py", "import pytest\n", "import pytest as pt\n")
    ran = host.run("check")
    assert (ran.code, line_of(ran.said, "test_iou.py")) == (1, "modified")
    assert "-import pytest\n+import pytest as pt\n" in ran.said
    host.install("0.2.0", ("import pytest\n", "import pytest  # later\n"))
    host.run("update")
    assert "import pytest  # later" in (host.folder / "test_iou.py").read_text(encoding="utf-8")


def test_check_says_that_a_write_was_cut_off(host: Host) -> None:
    (host.folder / "refdet-vendor.undo").mkdir()
    assert host.run("check").code == 0
    (host.folder / "refdet-vendor.undo" / "index.json").write_text("{}")
    ran = host.run("check")
    assert ran.code == 1
    assert f"a command was killed while it wrote to {FOLDER}: `refdet vendor update" in ran.said
    assert "put back what was there" in host.run("update").said
    assert host.run("check").code == 0


def test_check_finds_where_the_first_write_was_cut_off(host: Host) -> None:
    """There is no manifest yet: it is written last."""
    (host.root / "new" / "refdet-vendor.undo").mkdir(parents=True)
    (host.root / "new" / "iou.py").touch()
    assert host.run("check").code == 0  # nothing was changed before there is an index
    (host.root / "new" / "refdet-vendor.undo" / "index.json").write_text('{"iou.py": null}')
    ran = host.run("check")
    assert ran.code == 1
    assert "a command was killed while it wrote to new: `refdet vendor update new`" in ran.said
    ran = host.run("update")
    assert "new: a command was killed while it wrote here; put back what was there" in ran.said
    assert "`refdet vendor add NAMES --to new` begins one" in ran.said
    assert list((host.root / "new").iterdir()) == []
    assert host.run("check").code == 0
