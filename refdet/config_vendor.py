"""The options of `refdet vendor`, which copies files of refdet into a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class VendorAdd:
    """Copy files or single functions of refdet into a project, with licence and provenance.

    refdet vendor add iou average_precision nms --to src/mypkg/_vendor/refdet

    refdet vendor add --only iou_matrix batched_nms --to src/mypkg/_vendor/refdet --with-contracts

    refdet vendor add                    (lists what there is)

    The copies need NumPy alone (--as-torch: torch), and no refdet. What is there already stays, and
    nothing that is not refdet's is written over. refdet-vendor.toml in the folder has their hashes.
    """

    names: Positional[tuple[str, ...]] = ()
    """Files of refdet.core, such as iou: whole, but for those that --only names parts of."""
    to: Path | None = None
    """Folder of its own in your package, such as src/mypkg/_vendor/refdet; made if it does not
    exist."""
    only: tuple[str, ...] = ()
    """Functions, such as iou_matrix: they are copied with what they need, and nothing else of
    their file."""
    as_torch: bool = False
    """The torch twins of refdet.torch_ops, into the sub-folder torch_ops."""
    with_contracts: bool = False
    """Copy their tests, too: test_iou.py beside iou.py, for pytest. They need no refdet."""

    def __post_init__(self) -> None:
        if (self.names or self.only) and self.to is None:
            raise ValueError("--to names the folder to copy into: --to src/mypkg/_vendor/refdet")
        if self.to is not None and not (self.names or self.only):
            raise ValueError("name what to copy; `refdet vendor add` alone lists what there is")


@dataclass(frozen=True, kw_only=True)
class VendorCheck:
    """Say whether what was copied is still what refdet wrote, with a diff of what is not.

    refdet vendor check

    refdet vendor check src/mypkg/_vendor/refdet --strict

    For a pre-commit hook and for CI: no network, and the copies are read, never run. Exits with 1
    if a file is modified, missing, without its licence or not listed; with 0 if all are as refdet
    wrote them, or differ by a recorded patch. It needs not the refdet that wrote them.
    """

    folders: Positional[tuple[Path, ...]] = ()
    """Folders with a refdet-vendor.toml. Without any: all below the current folder."""
    strict: bool = False
    """Exit with 1 also where the installed refdet is newer and has another text."""


@dataclass(frozen=True, kw_only=True)
class VendorUpdate:
    """Bring what was copied to the installed refdet, and put back what was changed by accident.

    refdet vendor update

    A change that nobody recorded is undone, and printed as a diff. Recorded patches are kept; one
    that does not fit any more stops the command before anything is written.
    """

    folders: Positional[tuple[Path, ...]] = ()
    """Folders with a refdet-vendor.toml. Without any: all below the current folder."""


@dataclass(frozen=True, kw_only=True)
class VendorRecord:
    """Record that a copied file was changed on purpose, and why; or drop what was recorded.

    refdet vendor record src/mypkg/_vendor/refdet/iou.py --reason "our boxes are lists"

    refdet vendor record src/mypkg/_vendor/refdet/iou.py --drop

    The patch lies beside the file as iou.py.patch. `refdet vendor check` then accepts that change
    and no other, and `refdet vendor update` keeps it.
    """

    file: Positional[Path]
    """The file that was changed."""
    reason: str | None = None
    """Why, in a few words: `refdet vendor check` repeats them."""
    drop: bool = False
    """Put the file back as it was before its recorded patch, and forget that."""

    def __post_init__(self) -> None:
        if self.drop == (self.reason is not None):
            raise ValueError('give one of --reason "why the file differs" and --drop')


@dataclass(frozen=True, kw_only=True)
class VendorRemove:
    """Remove what was copied: files with their tests, or all. Nothing else is touched.

    refdet vendor remove nms

    refdet vendor remove --all --folder src/mypkg/_vendor/refdet
    """

    names: Positional[tuple[str, ...]] = ()
    """Files, such as nms."""
    all: bool = False
    """All of them, with the licence and refdet-vendor.toml."""
    folder: Path | None = None
    """Folder with a refdet-vendor.toml. Without it: the one below the current folder."""
    as_torch: bool = False
    """The torch twins of these names."""
    force: bool = False
    """Also what was changed, which is printed as a diff."""

    def __post_init__(self) -> None:
        if self.all == bool(self.names):
            raise ValueError("name what to remove: refdet vendor remove NAMES, or --all")
        if self.all and self.as_torch:
            raise ValueError("--all removes the torch twins, too; --as-torch is for names")
