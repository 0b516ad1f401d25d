"""One file brought to the text of the installed refdet, with its recorded patch or without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from refdet.vendor.checking import State, examine, recorded_patch
from refdet.vendor.folder import read_text
from refdet.vendor.manifest import VendoredFile
from refdet.vendor.patches import PatchError, make_patch, move_patch, unified_diff
from refdet.vendor.sources import as_installed, header_lines


@dataclass(frozen=True)
class Renewed:
    """What is to be written for one file.

    Attributes:
        file: its entry in the manifest.
        texts: what to write, by path: nothing if the file is as it should be.
        said: what happens to it, in a few words.
        undone: the diff from its new text to what is there, if that was changed by hand.
    """

    file: VendoredFile
    texts: dict[str, str]
    said: str
    undone: str = ""


def renew(folder: Path, file: VendoredFile, functions: tuple[str, ...]) -> Renewed:
    """Bring `file` to the installed refdet's text, with these `functions`.

    Raises:
        ValueError: the installed refdet is older or lacks it, or its recorded patch conflicts.
    """
    finding = examine(folder, file)
    try:
        fresh, text = as_installed(replace(file, functions=functions))
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    same_source = (fresh.source_sha256, functions) == (file.source_sha256, file.functions)
    if same_source and finding.is_in_order:
        return Renewed(file, {}, finding.state)
    texts = {}
    if file.reason is not None:
        fresh = replace(fresh, reason=file.reason)
        patched = _with_patch(folder, fresh, text)
        texts[file.patch_path] = make_patch(text, patched, file.path, header_lines(fresh))
        text = patched
    texts[file.path] = text
    return Renewed(
        fresh, texts, _said(file, fresh, finding.state), _undone(folder, file, text, finding.state)
    )


def _with_patch(folder: Path, file: VendoredFile, text: str) -> str:
    try:
        return move_patch(recorded_patch(folder, file), text)
    except PatchError as error:
        raise ValueError(
            f"the recorded patch of {folder / file.path} ({file.reason}) conflicts with refdet "
            f"{file.refdet}. {error}\n"
            f"`refdet vendor record {folder / file.path} --drop` puts the file back as it was "
            "before the patch; update then, make the change once more if refdet still needs it, "
            "and record it"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{folder / file.path}: {error}. Take the patch back from version control"
        ) from error


def _said(old: VendoredFile, new: VendoredFile, state: State) -> str:
    parts = []
    if state is State.MISSING:
        parts.append("written again")
    elif state is State.MODIFIED:
        parts.append("put back")
    if old.functions != new.functions:
        parts.append(f"now with {', '.join(new.functions) or 'all of it'}")
    if old.refdet != new.refdet:
        parts.append(f"refdet {old.refdet} -> {new.refdet}")
    if new.reason is not None:
        parts.append(f"patch kept ({new.reason})")
    return ", ".join(parts) or "renewed"


def _undone(folder: Path, file: VendoredFile, text: str, state: State) -> str:
    """Printed when a change is undone, so that it is not lost: a patch that brings it back."""
    there = read_text(folder, file.path) if state is State.MODIFIED else None
    there = text if there is None else there
    return unified_diff(text, there, f"{file.path} now", f"{file.path} before")
