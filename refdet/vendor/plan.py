"""What a command is about to write into one folder: planned in full first, then written at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from refdet.vendor.extracting import Room
from refdet.vendor.folder import digest, read_text, write_together
from refdet.vendor.licence import LICENCE
from refdet.vendor.manifest import LICENCE_FILE, MANIFEST, Manifest, manifest_text
from refdet.vendor.patches import unified_diff
from refdet.vendor.renewing import Renewed

INIT_FILE = "__init__.py"
INIT_TEXT = '"""Copied from refdet by `refdet vendor`; the licence is in LICENSE."""\n'
"""Written where a folder has none; whoever changes it keeps it."""


@dataclass(frozen=True)
class Plan:
    """What is to be written, and what is said of it.

    Attributes:
        folder: where.
        texts: what to write, by path relative to `folder`; None removes a file.
        said: a line for each file, by path.
        undone: diffs of what was changed by hand and is changed back.
    """

    folder: Path
    texts: dict[str, str | None]
    said: dict[str, str]
    undone: tuple[str, ...] = ()

    def carry_out(self) -> None:
        """Write it all, or nothing."""
        write_together(self.folder, self.texts)


def plan_writing(folder: Path, manifest: Manifest, renewed: Sequence[Renewed]) -> Plan:
    """Write `renewed` and what goes with it: the licence, `__init__.py`, and last the manifest."""
    texts: dict[str, str | None] = {}
    for one in renewed:
        texts.update(one.texts)
    undone = [one.undone for one in renewed if one.undone]
    licence = read_text(folder, LICENCE_FILE)
    if licence != LICENCE:
        texts[LICENCE_FILE] = LICENCE
    if licence not in (None, LICENCE):
        names = (f"{LICENCE_FILE} now", f"{LICENCE_FILE} before")
        undone.append(unified_diff(LICENCE, licence, *names))
    files = manifest.with_files(one.file for one in renewed).files
    for room in sorted({file.room for file in files}):
        for init in (INIT_FILE, f"{room}/{INIT_FILE}" if room is Room.TORCH_OPS else INIT_FILE):
            if read_text(folder, init) is None:
                texts[init] = INIT_TEXT
    new = manifest_text(Manifest(digest(LICENCE), files))
    if read_text(folder, MANIFEST) != new:
        texts[MANIFEST] = new
    said = {one.file.path: one.said for one in renewed}
    if manifest.files:  # where all is new, the rest goes without saying
        said |= _said_of_what_goes_with_it(folder, texts)
    return Plan(folder, texts, said, tuple(undone))


def _said_of_what_goes_with_it(folder: Path, texts: Collection[str]) -> dict[str, str]:
    return {
        path: "written" if read_text(folder, path) is None else "put back"
        for path in texts
        if path.endswith((LICENCE_FILE, INIT_FILE))
    }
