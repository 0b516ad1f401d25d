"""`refdet vendor remove`: what refdet wrote goes, and nothing else does."""

from __future__ import annotations

import pytest

from tests.vendor.host import FOLDER, Host

OLD, NEW = "denominator > 0", "denominator >= 0"


@pytest.fixture(autouse=True)
def vendored(host: Host) -> None:
    host.add("iou", "nms", "--with-contracts")
    host.add("iou", "--as-torch")


def left(host: Host) -> list[str]:
    return sorted(path.removeprefix(f"{FOLDER}/") for path in host.contents())


def test_remove_takes_a_file_and_its_tests(host: Host) -> None:
    assert host.run("remove", "nms").code == 0
    assert left(host) == [
        "LICENSE", "__init__.py", "iou.py", "refdet-vendor.toml", "test_iou.py",
        "torch_ops/__init__.py", "torch_ops/iou.py",
    ]  # fmt: skip
    assert host.run("check").code == 0


def test_remove_takes_the_twins_alone(host: Host) -> None:
    assert host.run("remove", "iou.py", "--as-torch").code == 0
    assert "iou.py" in left(host)
    assert not (host.folder / "torch_ops").exists()
    assert host.run("check").code == 0


@pytest.mark.parametrize("changed", [False, True])
def test_remove_all_leaves_nothing(host: Host, changed: bool) -> None:
    if changed:
        host.edit("iou.py", OLD, NEW)
        host.run("record", f"{FOLDER}/iou.py", "--reason", "why")
    assert host.run("remove", "--all", *(["--force"] if changed else [])).code == 0
    assert not host.folder.exists()
    assert host.folder.parent.is_dir()


def test_remove_all_from_inside_leaves_the_folder_that_one_is_in(host: Host) -> None:
    host.monkeypatch.chdir(host.folder)
    ran = host.run("remove", "--all")
    assert (ran.code, host.contents()) == (0, {})
    assert host.folder.is_dir()


def test_remove_leaves_what_others_put_there(host: Host) -> None:
    (host.folder / "helper.py").write_text("mine = 1\n")
    (host.folder / "__init__.py").write_text("from . import helper\n")
    (host.folder / "torch_ops" / "notes").mkdir()
    ran = host.run("remove", "--all")
    assert ran.code == 0
    assert left(host) == ["__init__.py", "helper.py"]
    assert (host.folder / "torch_ops" / "notes").is_dir()
    assert f"{FOLDER} is left, with __init__.py, helper.py, torch_ops" in ran.said


def test_remove_loses_no_change(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    before = host.contents()
    for words in (["iou"], ["--all"]):
        ran = host.run("remove", *words)
        assert (ran.code, host.contents()) == (1, before)
        assert "iou.py is modified\n--- iou.py of refdet 0.1.0" in ran.said
        assert "--force removes all" in ran.said
    assert host.run("remove", "nms").code == 0
    ran = host.run("remove", "iou", "--force")
    assert ran.code == 0
    assert (
        "+    np.divide(numerator, denominator, out=quotient, where=denominator >= 0)" in ran.said
    )


def test_remove_loses_no_recorded_patch(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", f"{FOLDER}/iou.py", "--reason", "why")
    before = host.contents()
    ran = host.run("remove", "iou")
    assert (ran.code, host.contents()) == (1, before)
    assert "iou.py is patched (why)\n--- a/iou.py" in ran.said
    assert host.run("remove", "iou", "--force").code == 0
    assert not (host.folder / "iou.py.patch").exists()


def test_remove_by_force_prints_both_a_recorded_patch_and_what_differs_besides(host: Host) -> None:
    host.edit("iou.py", OLD, NEW)
    host.run("record", f"{FOLDER}/iou.py", "--reason", "why")
    host.edit("iou.py", "def _union(", "def _onion(")
    for words in ((), ("--force",)):
        said = host.run("remove", "iou", *words).said
        assert "+def _onion(" in said
        assert f"where={NEW})" in "".join(line for line in said.splitlines() if line[:1] == "+")


@pytest.mark.parametrize("reason", [None, "why"])
def test_remove_by_force_prints_what_differs_from_a_text_that_nobody_has(
    host: Host, monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    def gone(*_: object) -> str:
        raise ValueError("no file 'iou' of refdet.core")

    host.edit("iou.py", OLD, NEW)
    if reason:
        host.run("record", f"{FOLDER}/iou.py", "--reason", reason)
        host.edit("iou.py", "def _union(", "def _onion(")
    mine = (host.folder / "iou.py").read_text(encoding="utf-8")
    host.install("2.0")
    monkeypatch.setattr("refdet.vendor.sources.module_source", gone)
    monkeypatch.setattr("refdet.vendor.checking.installed_source", gone)
    said = host.run("remove", "iou", "--force").said
    assert "".join(f"+{line}\n" for line in mine.splitlines()) in said
    assert not (host.folder / "iou.py").exists()


def test_remove_loses_no_changed_licence(host: Host) -> None:
    host.edit("LICENSE", "MIT", "My")
    before = host.contents()
    assert host.run("remove", "--all").code == 1
    assert host.contents() == before
    assert host.run("remove", "nms").code == 0


def test_what_is_missing_is_removed_all_the_same(host: Host) -> None:
    (host.folder / "nms.py").unlink()
    assert host.run("remove", "nms").code == 0
    assert host.run("check").code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["boxes"], 1, "has no 'boxes' of refdet.core; it has iou, nms"),
        (["nms", "--as-torch"], 1, "has no 'nms' of refdet.torch_ops; it has iou"),
        (["../../pkg"], 1, "has no '../../pkg' of refdet.core"),
        ([], 2, "name what to remove"),
        (["iou", "--all"], 2, "name what to remove"),
        (["--all", "--as-torch"], 2, "--all removes the torch twins, too"),
    ],
)
def test_remove_wants_what_is_there(host: Host, words: list[str], code: int, message: str) -> None:
    before = host.contents()
    ran = host.run("remove", *words)
    assert (ran.code, host.contents()) == (code, before)
    assert message in ran.said


def test_remove_asks_which_folder(host: Host) -> None:
    host.run("add", "boxes", "--to", "other")
    ran = host.run("remove", "--all")
    assert ran.code == 1
    assert f"name one of other, {FOLDER} with --folder" in ran.said
    assert host.run("remove", "--all", "--folder", "other").code == 0
    assert not (host.root / "other").exists()
