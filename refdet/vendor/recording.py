"""Local patches: a change that is made on purpose, recorded with its reason, or dropped again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import refdet
from refdet.vendor.checking import difference, required_manifest, reverse_recorded
from refdet.vendor.extracting import Room
from refdet.vendor.folder import digest, read_text
from refdet.vendor.manifest import MANIFEST, Manifest, VendoredFile, manifest_text
from refdet.vendor.patches import PatchError, make_patch
from refdet.vendor.plan import Plan
from refdet.vendor.sources import header_lines, original


def folder_of(path: Path) -> Path:
    """The folder whose manifest lists `path`: its own, or that above torch's twins.

    Raises:
        ValueError: neither has a manifest.
    """
    parent = path.absolute().parent  # `.` has no name
    parents = [path.parent, *([parent.parent] if parent.name == Room.TORCH_OPS else [])]
    for folder in parents:
        if (folder / MANIFEST).is_file():
            return folder
    raise ValueError(f"{path.parent} has no {MANIFEST}: name a file that `refdet vendor add` wrote")


def plan_record(path: Path, reason: str) -> Plan:
    """What records how `path` differs from what refdet wrote. Nothing is written yet.

    Raises:
        ValueError: there is no reason, no such file, no difference, or the installed refdet is
            another than the one that wrote it, so that the difference cannot be told; or a patch of
            somebody else lies there.
    """
    if not reason.strip():
        raise ValueError("--reason says why the file differs; it was empty")
    folder = folder_of(path)
    manifest, file = _listed(folder, path)
    text = _text(folder, file)
    before = original(file)
    if before is None and file.reason is not None:
        try:  # without further changes, the patch itself tells what was before it
            before = reverse_recorded(folder, file, text)
        except ValueError:
            before = None
    if before is None:
        raise ValueError(
            f"{path} is of refdet {file.refdet}, and the installed refdet {refdet.__version__} has "
            f"another text: install refdet {file.refdet}, record the patch, then update"
        )
    try:
        patch = make_patch(before, text, file.path, header_lines(file))
    except PatchError as error:
        raise ValueError(f"{path}: {error}") from error
    if not patch:
        raise ValueError(f"{path} is as refdet wrote it: there is nothing to record")
    if file.reason is None and read_text(folder, file.patch_path) not in (None, patch):
        raise ValueError(
            f"{folder / file.patch_path} is there, and the {MANIFEST} there knows of none: nothing "
            "was written. Move it away"
        )
    texts: dict[str, str | None] = {file.patch_path: patch}
    return _with_entry(folder, manifest, replace(file, reason=reason), texts, "patch recorded")


def plan_drop(path: Path) -> Plan:
    """What puts `path` back as it was before its recorded patch. Nothing is written yet.

    Needs not the refdet that wrote the file: the patch tells what was before it.

    Raises:
        ValueError: there is no patch, or the file differs by something else as well.
    """
    folder = folder_of(path)
    manifest, file = _listed(folder, path)
    if file.reason is None:
        raise ValueError(f"{path} has no recorded patch")
    text = _text(folder, file)
    if digest(text) == file.sha256:
        before = text  # somebody has undone it by hand
    else:
        try:
            before = reverse_recorded(folder, file, text)
        except ValueError as error:
            shown = difference(folder, file, text)
            raise ValueError(f"{path}: {error}; undo that first\n{shown}".rstrip("\n")) from error
    texts: dict[str, str | None] = {file.path: before, file.patch_path: None}
    return _with_entry(folder, manifest, replace(file, reason=None), texts, "patch dropped")


def _listed(folder: Path, path: Path) -> tuple[Manifest, VendoredFile]:
    manifest = required_manifest(folder)
    relative = path.absolute().relative_to(folder.absolute()).as_posix()
    for file in manifest.files:
        if file.path == relative:
            return manifest, file
    known = ", ".join(file.path for file in manifest.files)
    raise ValueError(f"{folder / MANIFEST} does not list {relative}; it lists {known}")


def _text(folder: Path, file: VendoredFile) -> str:
    text = read_text(folder, file.path)
    if text is None:
        raise ValueError(f"{folder / file.path} is missing: `refdet vendor update` writes it again")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"{folder / file.path} is not UTF-8") from error
    return text


def _with_entry(
    folder: Path,
    manifest: Manifest,
    file: VendoredFile,
    texts: dict[str, str | None],
    said: str,
) -> Plan:
    texts[MANIFEST] = manifest_text(manifest.with_files([file]))
    return Plan(folder, texts, {file.path: said})
