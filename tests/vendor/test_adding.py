"""`refdet vendor add`: what it copies, what it adds to, and what it leaves alone."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib

import pytest

from refdet.vendor.extracting import Room, modules, public_names
from refdet.vendor.licence import LICENCE
from tests.conftest import REPOSITORY
from tests.vendor.host import FOLDER, Host

INIT = f"{FOLDER}/__init__.py"


def listed(host: Host) -> dict[str, dict[str, object]]:
    text = (host.folder / "refdet-vendor.toml").read_text(encoding="utf-8")
    return {file["path"]: file for file in tomllib.loads(text)["file"]}


def functions_in(host: Host, name: str) -> list[str]:
    text = (host.folder / name).read_text(encoding="utf-8")
    return re.findall(r"^def ([a-z]\w*)", text, re.MULTILINE)


def test_add_copies_the_file_below_a_header_that_says_what_it_is(host: Host) -> None:
    host.add("iou")
    *header, rest = (host.folder / "iou.py").read_text(encoding="utf-8").split("\n", 5)
    assert rest == (REPOSITORY / "refdet/core/iou.py").read_text(encoding="utf-8")
    assert header == [
        "# SPDX-FileCopyrightText: 2026 The refdet authors",
        "# SPDX-License-Identifier: MIT",
        "# refdet 0.1.0: refdet/core/iou.py",
        f"# sha256 {hashlib.sha256(rest.encode()).hexdigest()}",
        "# Of the text below this header. Do not edit; run `refdet vendor check`.",
    ]


def test_add_writes_licence_package_and_manifest_and_nothing_else(host: Host) -> None:
    host.add("iou", "nms")
    names = ["LICENSE", "__init__.py", "iou.py", "nms.py", "refdet-vendor.toml"]
    assert sorted(host.contents()) == [f"{FOLDER}/{name}" for name in names]
    assert (host.folder / "LICENSE").read_text(encoding="utf-8") == LICENCE


def test_manifest_has_the_hashes_of_the_files(host: Host) -> None:
    host.add("iou", "--only", "batched_nms")
    files = listed(host)
    assert sorted(files) == ["iou.py", "nms.py"]
    assert "functions" not in files["iou.py"]
    assert files["nms.py"]["functions"] == ["batched_nms"]
    for path, file in files.items():
        content = (host.folder / path).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert (file["refdet"], file["module"]) == ("0.1.0", path.removesuffix(".py"))


def test_copies_run_without_refdet(host: Host) -> None:
    host.add("--only", "iou_matrix")
    program = (
        f"import sys; sys.path.insert(0, {str(host.root / 'src')!r})\n"
        "from pkg._vendor.refdet.iou import iou_matrix\n"
        "print(iou_matrix([[0, 0, 2, 2]], [[1, 0, 3, 2]])[0, 0] == 1 / 3)\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'refdet']"
    )
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_only_copies_the_function_and_a_later_add_adds_to_it(host: Host) -> None:
    host.add("--only", "iou_paired")
    assert functions_in(host, "iou.py") == ["iou_paired"]
    host.add("--only", "batched_nms", "iou_matrix")
    assert functions_in(host, "iou.py") == ["iou_matrix", "iou_paired"]
    assert listed(host)["iou.py"]["functions"] == ["iou_matrix", "iou_paired"]
    assert "batched_nms" in functions_in(host, "nms.py")
    assert host.run("check").code == 0


def test_functions_are_listed_once_in_the_order_of_their_file(host: Host) -> None:
    host.add("--only", "iou_paired", "iou_matrix", "iou_paired")
    assert listed(host)["iou.py"]["functions"] == ["iou_matrix", "iou_paired"]


def test_only_beside_its_file_takes_a_part_of_that_file(host: Host) -> None:
    host.add("iou", "average_precision", "--only", "iou_matrix")
    assert functions_in(host, "iou.py") == ["iou_matrix"]
    assert "functions" not in listed(host)["average_precision.py"]


@pytest.mark.parametrize("first", [["iou"], ["--only", "iou_matrix"]])
def test_the_whole_file_and_a_part_of_it_are_the_whole(host: Host, first: list[str]) -> None:
    host.add(*first)
    host.add("--only", "iou_paired") if first == ["iou"] else host.add("iou")
    assert functions_in(host, "iou.py") == list(public_names("iou", Room.CORE))


def test_header_lists_many_functions_on_short_lines(host: Host) -> None:
    host.add("--only", *public_names("iou", Room.CORE))
    text = (host.folder / "iou.py").read_text(encoding="utf-8")
    header = text[: text.index('"""')].splitlines()
    assert len(header) == 6
    assert all(len(line) < 80 for line in header)
    assert re.findall(r"iou_\w+", header[2] + header[3]).count("iou_paired") == 1
    assert host.run("check").code == 0


def test_torch_twins_lie_beside_those_of_core(host: Host) -> None:
    host.add("iou")
    host.add("iou", "--as-torch")
    twin = host.folder / "torch_ops"
    assert sorted(path.name for path in twin.iterdir()) == ["__init__.py", "iou.py"]
    original = (REPOSITORY / "refdet/torch_ops/iou.py").read_text(encoding="utf-8")
    assert (twin / "iou.py").read_text(encoding="utf-8").endswith(original)
    assert sorted(listed(host)) == ["iou.py", "torch_ops/iou.py"]


def test_contracts_come_along_and_follow_what_is_added(host: Host) -> None:
    host.add("--only", "iou_matrix", "--with-contracts")
    first = (host.folder / "test_iou.py").read_text(encoding="utf-8")
    host.add("--only", "iou_paired")
    second = (host.folder / "test_iou.py").read_text(encoding="utf-8")
    assert listed(host)["test_iou.py"]["functions"] == ["iou_matrix", "iou_paired"]
    assert "paired_iou_equals_counting_unit_cells" in second
    assert "paired_iou_equals_counting_unit_cells" not in first
    assert "tests of refdet/core/iou.py" in first


def test_contracts_that_come_later_cover_all_that_is_there(host: Host) -> None:
    host.add("--only", "iou_paired")
    host.add("--only", "iou_matrix", "--with-contracts")
    assert listed(host)["test_iou.py"]["functions"] == ["iou_matrix", "iou_paired"]


def test_a_file_without_contracts_comes_without_them(host: Host) -> None:
    ran = host.run("add", "losses", "--as-torch", "--with-contracts", "--to", FOLDER)
    has_tests = (host.folder / "torch_ops/test_losses.py").exists()
    assert (ran.code, has_tests) == (0, False)
    assert "torch_ops/test_losses.py     not copied: there are none" in ran.said
    assert host.run("check").code == 0


def test_adding_again_changes_nothing(host: Host) -> None:
    host.add("iou", "--only", "batched_nms")
    before = host.contents()
    host.add("iou", "--only", "batched_nms")
    assert host.contents() == before


def test_windows_line_ends_do_not_stand_in_the_way(host: Host) -> None:
    host.add("iou")
    for path in host.folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    host.add("nms")
    assert host.run("check").code == 0


def test_what_the_package_says_of_itself_is_kept(host: Host) -> None:
    host.folder.mkdir(parents=True)
    (host.folder / "__init__.py").write_text("mine = 1\n")
    host.add("iou")
    assert (host.folder / "__init__.py").read_text() == "mine = 1\n"
    assert host.run("check").code == 0


def test_add_puts_the_licence_back_and_prints_what_was_changed(host: Host) -> None:
    host.add("iou")
    host.edit("LICENSE", "The refdet authors", "me")
    assert "+Copyright (c) 2026 me" in host.run("add", "nms", "--to", FOLDER).said
    assert host.run("check").code == 0


def test_a_manifest_that_was_lost_is_written_again(host: Host) -> None:
    host.add("iou", "nms")
    before = host.contents()
    (host.folder / "refdet-vendor.toml").unlink()
    assert "listed again" in host.run("add", "iou", "nms", "--to", FOLDER).said
    assert host.contents() == before


def test_add_says_where_a_package_is_none(host: Host) -> None:
    (host.root / "src/pkg").mkdir(parents=True)
    (host.root / "src/pkg/__init__.py").touch()
    said = host.run("add", "iou", "--to", FOLDER).said
    assert f"{host.root}/src/pkg/_vendor has no __init__.py" in said
    (host.root / "src/pkg/_vendor/__init__.py").touch()
    assert "has no __init__.py" not in host.run("add", "nms", "--to", FOLDER).said


@pytest.mark.parametrize(
    ("folder", "contracts", "told"),
    [
        ("third/refdet", ["--with-contracts"], True),
        ("third/refdet", [], False),
        ("third/overlaps", ["--with-contracts"], False),
    ],
)
def test_add_says_where_pytest_would_take_the_copies_for_refdet(
    host: Host, folder: str, contracts: list[str], told: bool
) -> None:
    ran = host.run("add", "thresholds", "--to", folder, *contracts)
    sentence = (
        f"{host.root}/third has no __init__.py: pytest may take the copies for the installed "
        "refdet; an empty one will do"
    )
    assert (ran.code, sentence in ran.said) == (0, told)


def test_add_without_a_name_lists_what_there_is(host: Host) -> None:
    ran = host.run("add")
    assert ran.code == 0
    for room in Room:
        for module in modules(room):
            assert re.search(rf"^  {module} +[A-Z].*[.:]", ran.said, re.MULTILINE)
            for name in public_names(module, room):
                assert re.search(rf"\b{name}\b", ran.said)
    assert "  iou                How much two boxes overlap: IoU" in ran.said
    assert host.contents() == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["iuo"], "no file 'iuo' in refdet.core; did you mean iou? `refdet vendor add` lists"),
        (["zzz"], "no file 'zzz' in refdet.core; there are assign, average_precision, "),
        (["iou_matrix"], "'iou_matrix' is a part of the file iou: --only iou_matrix"),
        (["losses"], "refdet.core, but one in refdet.torch_ops: use --as-torch"),
        (["priors", "--as-torch"], "but one in refdet.core: leave --as-torch out"),
        (["../core/iou"], "no file '../core/iou' in refdet.core"),
        (["--only", "multibox_loss"], "refdet.core, but one in refdet.torch_ops: use --as-torch"),
        (["--only", "ssd_priors", "--as-torch"], "but one in refdet.core: leave --as-torch out"),
        (["--only", "iou_matrx"], "did you mean iou_matrix"),
        (["--only", "_iou"], "no function '_iou'"),
    ],
)  # fmt: skip
def test_add_names_what_there_is_instead(host: Host, words: list[str], message: str) -> None:
    ran = host.run("add", *words, "--to", FOLDER)
    assert ran.code == 1
    assert message in ran.said
    assert ran.said.count("\n") == 0  # the sentence is not lost above a long list
    assert host.contents() == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["iou"], "--to names the folder to copy into"),
        (["--only", "iou_matrix"], "--to names the folder to copy into"),
        (["--to", FOLDER], "name what to copy; `refdet vendor add`"),
    ],
)
def test_add_wants_names_and_a_folder(host: Host, words: list[str], message: str) -> None:
    ran = host.run("add", *words)
    assert ran.code == 2
    assert message in ran.said
    assert host.contents() == {}
