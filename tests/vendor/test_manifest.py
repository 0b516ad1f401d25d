"""The manifest comes back as it was written, and is refused if it is not as refdet writes it."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.vendor.extracting import Room
from refdet.vendor.manifest import (
    MANIFEST,
    Kind,
    Manifest,
    VendoredFile,
    find_folders,
    manifest_text,
    read_manifest,
    release,
)

HASH = "0123456789abcdef" * 4
IOU = VendoredFile(Kind.MODULE, Room.CORE, "iou", ("iou_matrix",), "0.1.0", HASH, HASH)
TORCH = VendoredFile(Kind.CONTRACTS, Room.TORCH_OPS, "nms", (), "0.2.0rc1", HASH, HASH, "why")
WRITTEN = manifest_text(Manifest(HASH, (IOU, TORCH)))

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
FILES = st.builds(
    VendoredFile,
    kind=st.sampled_from(Kind),
    room=st.sampled_from(Room),
    module=NAMES,
    functions=st.lists(NAMES, max_size=3).map(tuple),
    refdet=st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}((a|b|rc|\.dev)[0-9])?", fullmatch=True),
    sha256=HASHES,
    source_sha256=HASHES,
    reason=st.none() | st.text(),
)


def read(folder: Path, text: str) -> Manifest | None:
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="")
    return read_manifest(folder)


@given(files=st.lists(FILES, max_size=4, unique_by=lambda file: file.path), licence=HASHES)
@example(files=[IOU, TORCH], licence=HASH)
def test_manifest_comes_back(
    files: list[VendoredFile], licence: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manifest = Manifest(licence, tuple(files))
    assert read(tmp_path_factory.mktemp("vendored"), manifest_text(manifest)) == manifest


def test_manifest_says_where_each_file_lies() -> None:
    assert [file["path"] for file in tomllib.loads(WRITTEN)["file"]] == [
        "iou.py",
        "torch_ops/test_nms.py",
    ]


def test_manifest_of_a_folder_without_one_is_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


def test_manifest_with_windows_line_ends_is_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, WRITTEN.replace("\n", "\r\n")) == Manifest(HASH, (IOU, TORCH))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format is 2, and this refdet knows 1"),
        ("format = 1", "", "format is None"),
        ("format = 1", "format = 1\nmore = 2", "more = 2 is not known"),
        ("format = 1", "format = ", "Invalid value"),
        ("licence_sha256", "license_sha256", "license_sha256 = .* is not known"),
        ('module = "iou"', 'module = "../../iou"', r"\[\[file\]\] 1: module = '../../iou' is not"),
        ('module = "iou"', 'module = "/etc/iou"', "module = '/etc/iou' is not what refdet writes"),
        ('module = "iou"', "module = 3", "module = 3 is no text"),
        ('module = "iou"\n', "", "module is missing"),
        ('path = "iou.py"', 'path = "../iou.py"', r"path = '../iou.py' should be 'iou.py'"),
        ('path = "iou.py"', 'path = "/etc/passwd"', "path = '/etc/passwd' should be 'iou.py'"),
        ('path = "iou.py"\n', "", "path = None should be"),
        ('"iou_matrix"', '"iou matrix"', "functions = 'iou matrix' is not what refdet writes"),
        ('["iou_matrix"]', '"iou_matrix"', "functions = 'iou_matrix' is no list"),
        ('["iou_matrix"]', "[1]", "functions = 1 is no text"),
        ('room = "core"', 'room = "data"', "room = 'data' is none of core, torch_ops"),
        ('kind = "module"', 'kind = "Module"', "kind = 'Module' is none of module, contracts"),
        ('refdet = "0.1.0"', 'refdet = "new"', "'new' is no version of refdet"),
        (f'\nsha256 = "{HASH}"', f'\nsha256 = "{HASH[1:]}"', "sha256 = .* is not what refdet"),
        ('reason = "why"', "reason = 1", "reason = 1 is no text"),
        ('reason = "why"', 'reason = "why"\nmore = 1', r"\[\[file\]\] 2: more = 1 is not known"),
        (WRITTEN, f'format = 1\nlicence_sha256 = "{HASH}"\nfile = 3', "no \\[\\[file\\]\\]"),
    ],
)
def test_manifest_that_refdet_did_not_write_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert WRITTEN.count(old) >= 1
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, WRITTEN.replace(old, new, 1))
    assert str(error.value).startswith(f"{tmp_path / MANIFEST}: ")
    assert "from version control, or upgrade refdet" in str(error.value)


def test_manifest_that_lists_a_file_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"iou\.py is listed 2 times"):
        read(tmp_path, manifest_text(Manifest(HASH, (IOU, TORCH, IOU))))


def test_manifest_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(WRITTEN.encode().replace(b"why", b"wh\xff"))
    with pytest.raises(ValueError, match="can't decode byte 0xff"):
        read_manifest(tmp_path)


@given(text=st.text("[]=\"'\n file.", max_size=40), at=st.integers(0, len(WRITTEN)))
def test_damaged_manifest_is_read_or_refused(
    text: str, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("vendored")
    with suppress(ValueError):
        manifest = read(folder, WRITTEN[:at] + text + WRITTEN[at:])
        assert manifest is not None
        assert {file.path for file in manifest.files} <= {IOU.path, TORCH.path}


def test_with_files_replaces_by_path_and_sorts() -> None:
    newer = VendoredFile(Kind.MODULE, Room.CORE, "iou", (), "0.3.0", HASH, HASH)
    boxes = VendoredFile(Kind.MODULE, Room.CORE, "boxes", (), "0.3.0", HASH, HASH)
    assert Manifest(HASH, (IOU, TORCH)).with_files([newer, boxes]).files == (boxes, newer, TORCH)


def test_find_folders_finds_those_of_the_project_alone(tmp_path: Path) -> None:
    others = (".hidden", "node_modules/x", "venv/lib", "lib/site-packages/x", "src/__pycache__")
    for name in ("src/a/_vendor", "src/b", *others, "src/c"):
        (tmp_path / name).mkdir(parents=True)
        if name != "src/c":
            (tmp_path / name / MANIFEST).touch()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "src" / "link").symlink_to(tmp_path / "src" / "a")
    assert find_folders(tmp_path) == [tmp_path / "src/a/_vendor", tmp_path / "src/b"]


def test_release_orders_versions() -> None:
    versions = ["0.1", "0.9.3", "0.10.dev1", "0.10a1", "0.10b2", "0.10rc1", "0.10", "0.10.1", "1.0"]
    assert all(release(one) < release(other) for one, other in pairwise(versions))
    assert release("1.0") == release("1") == release("1.0.0") == release("1.0+local.7")


@pytest.mark.parametrize("version", ["", "new", "1.0 ", "v1", "1..0", "1.0-1", "1.0rc"])
def test_release_refuses_what_is_no_version(version: str) -> None:
    with pytest.raises(ValueError, match="is no version of refdet"):
        release(version)
