"""What was copied, removed again; never anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.vendor.checking import Finding, State, check_folder, required_manifest
from refdet.vendor.extracting import Room
from refdet.vendor.folder import read_text
from refdet.vendor.manifest import LICENCE_FILE, MANIFEST, Manifest, VendoredFile, manifest_text
from refdet.vendor.patches import unified_diff
from refdet.vendor.plan import INIT_FILE, INIT_TEXT, Plan


def plan_remove(
    folder: Path, names: Sequence[str], room: Room, *, everything: bool, force: bool
) -> Plan:
    """What removes files and their tests from `folder`. Nothing is removed yet.

    With the last one go the licence, the manifest, and an `__init__.py` that nobody has changed.

    Args:
        folder: has a manifest.
        names: files, such as `iou`, without `.py`.
        room: where the originals of `names` lie.
        everything: remove all; `names` is empty.
        force: also what was changed.

    Raises:
        ValueError: there is no such file, or one was changed; shows how.
    """
    manifest = required_manifest(folder)
    gone = list(manifest.files) if everything else _named(folder, manifest, names, room)
    kept = tuple(file for file in manifest.files if file not in gone)
    paths = [file.path for file in gone] + ([] if kept else [LICENCE_FILE])
    patches = {file.path: file.patch_path for file in gone if file.reason is not None}
    changed = [
        replace(finding, diff=_lost_with(folder, finding, patches.get(finding.path)))
        for finding in check_folder(folder)
        if finding.path in paths and finding.state in (State.PATCHED, State.MODIFIED)
    ]
    if changed and not force:
        raise ValueError(_refusal(folder, changed))
    texts: dict[str, str | None] = dict.fromkeys(paths)
    texts |= dict.fromkeys(patches.values())
    texts |= _unneeded_inits(folder, kept)
    texts[MANIFEST] = manifest_text(replace(manifest, files=kept)) if kept else None
    said = dict.fromkeys((file.path for file in gone), "removed")
    return Plan(folder, texts, said, tuple(finding.diff for finding in changed if finding.diff))


def _named(
    folder: Path, manifest: Manifest, names: Sequence[str], room: Room
) -> list[VendoredFile]:
    listed = sorted({file.module for file in manifest.files if file.room is room})
    for name in names:
        if name.removesuffix(".py") not in listed:
            there = ", ".join(listed) or "nothing"
            raise ValueError(f"{folder} has no {name!r} of refdet.{room}; it has {there}")
    modules = {name.removesuffix(".py") for name in names}
    return [file for file in manifest.files if file.room is room and file.module in modules]


def _lost_with(folder: Path, finding: Finding, patch_path: str | None) -> str:
    """All that a person has put into a file: its recorded patch, and what differs besides."""
    patch = (read_text(folder, patch_path) or "") if patch_path else ""
    if finding.state is State.PATCHED:
        return patch
    # Where nobody knows any more what refdet wrote, the file is shown as it is.
    text = read_text(folder, finding.path) or ""
    return patch + (finding.diff or unified_diff("", text, finding.path, f"{finding.path} here"))


def _refusal(folder: Path, changed: Sequence[Finding]) -> str:
    parts = [f"{folder} holds changes that would be lost: nothing was removed; --force removes all"]
    for finding in changed:
        note = f" ({finding.note})" if finding.note else ""
        parts.append(f"{finding.path} is {finding.state}{note}\n{finding.diff}".rstrip("\n"))
    return "\n".join(parts)


def _unneeded_inits(folder: Path, kept: Sequence[VendoredFile]) -> dict[str, None]:
    """Each `__init__.py` that is still as it was written, in a folder that nothing is left for."""
    inits = [
        *([] if kept else [INIT_FILE]),
        *(
            []
            if Room.TORCH_OPS in {file.room for file in kept}
            else [f"{Room.TORCH_OPS}/{INIT_FILE}"]
        ),
    ]
    return {init: None for init in inits if read_text(folder, init) == INIT_TEXT}
