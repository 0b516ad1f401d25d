"""Whether what was copied is still what refdet wrote. It is read as text, and never run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import refdet
from refdet.vendor.extracting import Room
from refdet.vendor.folder import digest, read_text, was_cut_off
from refdet.vendor.licence import LICENCE
from refdet.vendor.manifest import (
    LICENCE_FILE,
    MANIFEST,
    Kind,
    Manifest,
    VendoredFile,
    read_manifest,
    release,
)
from refdet.vendor.patches import (
    Hunk,
    PatchError,
    move_patch,
    parse_patch,
    reverse_patch,
    unified_diff,
)
from refdet.vendor.sources import HEADER_START, installed_source, original, with_header


class State(StrEnum):
    """What became of a file."""

    UNMODIFIED = "unmodified"
    PATCHED = "patched"
    """It differs by its recorded patch, and by nothing else."""
    MODIFIED = "modified"
    MISSING = "missing"
    LICENCE_MISSING = "licence missing"
    UNLISTED = "not listed"
    """It has refdet's header, and the manifest does not know it."""


@dataclass(frozen=True)
class Finding:
    """What `check` says of one file.

    Attributes:
        path: relative to its folder.
        state: what became of it.
        note: what to know about that: a patch's reason, what stands in the way.
        outdated: a sentence if the installed refdet is newer and has another text; else empty.
        diff: from what refdet wrote to what is there, if that is modified.
    """

    path: str
    state: State
    note: str = ""
    outdated: str = ""
    diff: str = ""

    @property
    def is_in_order(self) -> bool:
        """Whether the file is what refdet wrote, or was changed on purpose."""
        return self.state in (State.UNMODIFIED, State.PATCHED)


def check_folder(folder: Path) -> list[Finding]:
    """What became of every file that `folder`'s manifest lists, of the licence, and of strays.

    Needs not the refdet that wrote the files: the manifest has their hashes.

    Raises:
        ValueError: there is no manifest, it is not one, or a write was cut off.
    """
    manifest = required_manifest(folder)
    files = [examine(folder, file) for file in manifest.files]
    return [*files, _licence(folder, manifest), *_unlisted(folder, manifest)]


def required_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`, whose files are whole; ValueError if there is none."""
    if folder.is_file():
        raise ValueError(f"{folder} is a file; name its folder, {folder.parent}")
    if was_cut_off(folder):
        raise ValueError(
            f"a command was killed while it wrote to {folder}: `refdet vendor update {folder}` "
            "first puts back what was there"
        )
    manifest = read_manifest(folder)
    if manifest is None:
        raise ValueError(
            f"{folder} has no {MANIFEST}: `refdet vendor add NAMES --to {folder}` begins one"
        )
    return manifest


def examine(folder: Path, file: VendoredFile) -> Finding:
    """What became of one file."""
    try:
        text = read_text(folder, file.path)
    except ValueError as error:  # a link, or a folder in its place
        return Finding(file.path, State.MODIFIED, note=str(error))
    newer = outdated(file)
    if text is None:
        return Finding(file.path, State.MISSING, outdated=newer)
    note = _contradiction(file)
    if not note and file.reason is None and digest(text) == file.sha256:
        return Finding(file.path, State.UNMODIFIED, outdated=newer)
    if not note and file.reason is not None:
        try:
            reverse_recorded(folder, file, text)
            return Finding(file.path, State.PATCHED, note=file.reason, outdated=newer)
        except ValueError as error:
            note = str(error)
    return Finding(file.path, State.MODIFIED, note, newer, difference(folder, file, text))


def outdated(file: VendoredFile) -> str:
    """What is newer about the installed refdet; empty if nothing is."""
    if release(refdet.__version__) <= release(file.refdet):
        return ""
    try:
        source = installed_source(file)
    except ValueError as error:
        return f"refdet {refdet.__version__} does not have it any more ({error})"
    if digest(source) == file.source_sha256:
        return ""
    return f"it is of refdet {file.refdet}, and refdet {refdet.__version__} has another text"


def recorded_patch(folder: Path, file: VendoredFile) -> tuple[Hunk, ...]:
    """The patch of a patched file; ValueError if it is missing or no patch."""
    patch = read_text(folder, file.patch_path)
    if patch is None:
        raise ValueError(f"its recorded patch {file.patch_path} is missing")
    try:
        return parse_patch(patch)
    except PatchError as error:
        raise ValueError(f"{file.patch_path} is no patch: {error}") from error


def reverse_recorded(folder: Path, file: VendoredFile, text: str) -> str:
    """What a patched file was before its patch.

    Raises:
        ValueError: `text` differs from what refdet wrote by something else as well.
    """
    problem = f"it differs by something else than the recorded patch ({file.reason})"
    try:
        before = reverse_patch(recorded_patch(folder, file), text)
    except PatchError as error:
        raise ValueError(problem) from error
    if digest(before) != file.sha256:
        raise ValueError(problem)
    return before


def difference(folder: Path, file: VendoredFile, text: str) -> str:
    """The diff from what `file` should be to `text`; without a patch that cannot be applied."""
    before = original(file)
    version = file.refdet
    if before is None:
        version = refdet.__version__
        try:
            before = with_header(replace(file, refdet=version), installed_source(file))
        except ValueError:
            return ""
    name = f"{file.path} of refdet {version}"
    if file.reason is not None:
        try:
            before = move_patch(recorded_patch(folder, file), before)
            name += " with its patch"
        except ValueError:
            name += " without its patch"
    return unified_diff(before, text, name, f"{file.path} here")


def _contradiction(file: VendoredFile) -> str:
    """What the manifest says of the installed version that is not so; empty if all is so.

    Of functions alone: to write their tests once more takes longer than a hook should.
    """
    same_version = release(refdet.__version__) == release(file.refdet)
    if file.kind is Kind.MODULE and same_version and original(file) is None:
        return f"{MANIFEST} has another hash of it than refdet {file.refdet}, which is installed"
    return ""


def _licence(folder: Path, manifest: Manifest) -> Finding:
    try:
        text = read_text(folder, LICENCE_FILE)
    except ValueError as error:
        return Finding(LICENCE_FILE, State.MODIFIED, note=str(error))
    if text is None:
        return Finding(LICENCE_FILE, State.LICENCE_MISSING)
    if digest(text) == manifest.licence_sha256:
        return Finding(LICENCE_FILE, State.UNMODIFIED)
    diff = unified_diff(LICENCE, text, f"{LICENCE_FILE} of refdet", f"{LICENCE_FILE} here")
    note = "" if diff else f"{MANIFEST} has another hash of it"
    return Finding(LICENCE_FILE, State.MODIFIED, note, diff=diff)


def _unlisted(folder: Path, manifest: Manifest) -> list[Finding]:
    """Files that look like refdet's and that nothing vouches for: their entry was lost."""
    listed = {file.path for file in manifest.files}
    note = "it has refdet's header; `refdet vendor add` takes it in, or remove it"
    found = []
    for room in ("", f"{Room.TORCH_OPS}/"):
        for path in sorted((folder / room).glob("*.py")):
            relative = f"{room}{path.name}"
            if relative not in listed and path.is_file() and _has_header(path):
                found.append(Finding(relative, State.UNLISTED, note))
    return found


def _has_header(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(HEADER_START) + 10)
    return start.replace(b"\r\n", b"\n").startswith(HEADER_START.encode())
