"""`refdet vendor record`: a change on purpose is kept with its reason, or dropped again."""

from __future__ import annotations

import subprocess

import pytest

from tests.vendor.host import FOLDER, Host

OLD, NEW = "denominator > 0", "denominator >= 0"
FILE = f"{FOLDER}/iou.py"


@pytest.fixture(autouse=True)
def vendored(host: Host) -> None:
    host.add("iou")
    host.add("iou", "--as-torch")


def test_record_keeps_the_change_and_says_why(host: Host) -> None:
    before = host.edit("iou.py", OLD, NEW)
    ran = host.run("record", FILE, "--reason", 'as in "v1"')
    assert ran.code == 0
    assert "patch recorded" in ran.said
    ran = host.run("check")
    assert ran.code == 0
    assert 'patched: as in "v1"' in ran.said
    assert OLD in before
    assert NEW in (host.folder / "iou.py").read_text(encoding="utf-8")


def test_the_recorded_patch_is_one_for_other_tools_too(host: Host) -> None:
    before = host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    undo = ["git", "apply", "--reverse", "iou.py.patch"]
    subprocess.run(undo, cwd=host.folder, check=True)
    assert (host.folder / "iou.py").read_text(encoding="utf-8") == before


def test_record_accepts_that_change_and_no_other(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    host.edit("iou.py", "def _union(", "def _onion(")
    ran = host.run("check")
    assert ran.code == 1
    assert "modified: it differs by something else than the recorded patch (why)" in ran.said
    assert "--- iou.py of refdet 0.1.0 with its patch\n" in ran.said
    assert "+def _onion(" in ran.said
    assert NEW not in ran.said


@pytest.mark.parametrize("version", ["0.2.0", "0.0.9"])
def test_what_differs_besides_the_patch_is_shown_against_another_refdet(
    host: Host, version: str
) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    host.edit("iou.py", "def _union(", "def _onion(")
    host.install(version, ("def _area(", "def _moved() -> None: ...\n\n\ndef _area("))
    said = host.run("check").said
    assert f"--- iou.py of refdet {version} with its patch\n" in said
    assert "-def _moved() -> None: ...\n" in said
    assert "+def _onion(" in said
    assert NEW not in said


def test_a_patch_that_somebody_undid_is_told(host: Host) -> None:
    before = host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    (host.folder / "iou.py").write_text(before, encoding="utf-8")
    assert host.run("check").code == 1
    assert host.run("update").code == 0
    assert NEW in (host.folder / "iou.py").read_text(encoding="utf-8")


def test_record_again_takes_the_further_change_in(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "first")
    host.edit("iou.py", "def _union(", "def _onion(")
    assert host.run("record", FILE, "--reason", "second").code == 0
    assert "patched: second" in host.run("check").said
    host.run("record", FILE, "--drop")
    assert host.run("check").code == 0


def test_a_reason_can_be_reworded_whatever_is_installed(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "first")
    patch = (host.folder / "iou.py.patch").read_bytes()
    host.install("0.2.0", ("def ", "def new_"))
    assert host.run("record", FILE, "--reason", "second").code == 0
    assert "patched: second" in host.run("check").said
    assert (host.folder / "iou.py.patch").read_bytes() == patch


def test_record_takes_a_twin_from_wherever_it_is_called(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.edit("torch_ops/iou.py", "import torch\n", "import torch  # mine\n")
    monkeypatch.chdir(host.folder / "torch_ops")
    assert host.run("record", "iou.py", "--reason", "why").code == 0
    assert (host.folder / "torch_ops" / "iou.py.patch").is_file()
    monkeypatch.chdir(host.root)
    assert "torch_ops/iou.py             patched: why" in host.run("check").said


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "0.2.0"])
def test_drop_puts_the_file_back_whatever_is_installed(host: Host, version: str) -> None:
    before = host.contents()
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    host.install(version, ("def ", "def new_"))
    ran = host.run("record", FILE, "--drop")
    assert (ran.code, host.contents()) == (0, before)
    assert "patch dropped" in ran.said


def test_drop_loses_no_further_change(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    host.edit("iou.py", "def _union(", "def _onion(")
    before = host.contents()
    ran = host.run("record", FILE, "--drop")
    assert (ran.code, host.contents()) == (1, before)
    assert "differs by something else than the recorded patch (why); undo that first" in ran.said
    assert "+def _onion(" in ran.said


def test_drop_of_what_somebody_undid_forgets_the_patch(host: Host) -> None:
    before = host.contents()
    text = host.edit("iou.py", OLD, NEW)
    host.run("record", FILE, "--reason", "why")
    (host.folder / "iou.py").write_text(text, encoding="utf-8", newline="")
    assert host.run("record", FILE, "--drop").code == 0
    assert host.contents() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([FILE, "--reason", "why"], f"{FILE} is as refdet wrote it: there is nothing to record"),
        ([FILE, "--reason", " "], "--reason says why the file differs; it was empty"),
        ([FILE, "--drop"], f"{FILE} has no recorded patch"),
        ([f"{FOLDER}/LICENSE", "--reason", "why"], "does not list LICENSE; it lists iou.py"),
        ([f"{FOLDER}/nms.py", "--reason", "why"], "does not list nms.py; it lists iou.py"),
        (["src/iou.py", "--reason", "why"], "src has no refdet-vendor.toml: name a file that"),
    ],
)
def test_record_says_what_cannot_be_recorded(host: Host, words: list[str], message: str) -> None:
    before = host.contents()
    ran = host.run("record", *words)
    assert (ran.code, host.contents()) == (1, before)
    assert message in ran.said


@pytest.mark.parametrize("words", [[], ["--reason", "why", "--drop"]])
def test_record_wants_a_reason_or_to_drop(host: Host, words: list[str]) -> None:
    ran = host.run("record", FILE, *words)
    assert ran.code == 2
    assert "give one of --reason" in ran.said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "iou.py is missing: `refdet vendor update` writes it again"),
        (b"# \xff\n", "iou.py is not UTF-8"),
        (b"# mine\n", "iou.py: the first 5 lines are refdet's header and stay as they are"),
    ],
)
def test_record_names_the_file_that_it_cannot_keep(
    host: Host, content: bytes | None, message: str
) -> None:
    path = host.folder / "iou.py"
    path.unlink() if content is None else path.write_bytes(content)
    before = host.contents()
    ran = host.run("record", FILE, "--reason", "why")
    assert (ran.code, host.contents()) == (1, before)
    assert message in ran.said


def test_record_needs_the_text_that_was_changed(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.install("0.2.0", ("def _area(", "def _surface("))
    ran = host.run("record", FILE, "--reason", "why")
    assert ran.code == 1
    assert (
        "is of refdet 0.1.0, and the installed refdet 0.2.0 has another text: install" in ran.said
    )


def test_record_does_not_write_through_a_link(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    outside = host.root / "outside"
    outside.write_text("keep\n")
    (host.folder / "iou.py.patch").symlink_to(outside)
    assert "is a symbolic link" in host.run("record", FILE, "--reason", "why").said
    assert outside.read_text() == "keep\n"
