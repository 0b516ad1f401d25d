"""Entry points of `refdet vendor`: copies of refdet in other projects, and what became of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import refdet
from refdet.config_vendor import VendorAdd, VendorCheck, VendorRecord, VendorRemove, VendorUpdate
from refdet.terminal import say
from refdet.vendor.adding import listing, plan_add
from refdet.vendor.checking import Finding, check_folder
from refdet.vendor.extracting import Room
from refdet.vendor.folder import refuse_link, turn_back
from refdet.vendor.manifest import MANIFEST, find_folders
from refdet.vendor.plan import INIT_FILE, Plan
from refdet.vendor.recording import folder_of, plan_drop, plan_record
from refdet.vendor.removing import plan_remove
from refdet.vendor.updating import plan_update


def vendor_add(config: VendorAdd) -> int:
    """`refdet vendor add`: copy files, or list what there is; returns the exit code."""
    if config.to is None:
        _say(listing())
        return 0
    _turn_back(config.to)
    room = Room.TORCH_OPS if config.as_torch else Room.CORE
    plan = plan_add(config.to, config.names, config.only, room, contracts=config.with_contracts)
    _carry_out([plan])
    _say_what_an_init_file_above_is_for(config.to.absolute(), contracts=config.with_contracts)
    return 0


def vendor_check(config: VendorCheck) -> int:
    """`refdet vendor check`: 0 if all is as it should be, else 1."""
    failed, old = [], []
    for folder in config.folders or _below_here():
        refuse_link(folder)
        findings = check_folder(folder)
        _say(str(folder))
        for finding in findings:
            _say(_line(finding))
        for finding in findings:
            if finding.diff:
                _say(finding.diff.rstrip("\n"))
        failed += [folder / one.path for one in findings if not one.is_in_order]
        if config.strict:
            old += [folder / one.path for one in findings if one.is_in_order and one.outdated]
    if failed:
        _say(f"not as refdet wrote them: {', '.join(map(str, failed))}")
        _say("`refdet vendor update` puts back; `refdet vendor record FILE --reason WHY` keeps")
    if old:
        _say(f"outdated: {', '.join(map(str, old))}")
        _say(f"`refdet vendor update` brings them to refdet {refdet.__version__}")
    return 1 if failed or old else 0


def vendor_update(config: VendorUpdate) -> int:
    """`refdet vendor update`: all folders or none; returns the exit code."""
    folders = config.folders or _below_here()
    for folder in folders:
        _turn_back(folder)
    _carry_out(plan_update(folders))
    return 0


def vendor_record(config: VendorRecord) -> int:
    """`refdet vendor record`: keep a change with its reason, or drop it; returns the exit code."""
    _turn_back(folder_of(config.file))
    if config.reason is None:
        _carry_out([plan_drop(config.file)])
    else:
        _carry_out([plan_record(config.file, config.reason)])
    return 0


def vendor_remove(config: VendorRemove) -> int:
    """`refdet vendor remove`: files that refdet wrote, and no others; returns the exit code."""
    folder = config.folder or _only_one(_below_here())
    _turn_back(folder)
    room = Room.TORCH_OPS if config.as_torch else Room.CORE
    plan = plan_remove(folder, config.names, room, everything=config.all, force=config.force)
    _carry_out([plan])
    if config.all:
        left = sorted(path.name for path in folder.iterdir())
        if left:
            _say(f"{folder} is left, with {', '.join(left)}")
        elif not folder.samefile(Path()):  # nobody's current folder goes
            folder.rmdir()
    return 0


def _below_here() -> Sequence[Path]:
    folders = find_folders(Path())
    if not folders:
        raise ValueError(f"no {MANIFEST} in {Path.cwd()} or below: name the folder that has one")
    return folders


def _only_one(folders: Sequence[Path]) -> Path:
    if len(folders) > 1:
        raise ValueError(f"name one of {', '.join(map(str, folders))} with --folder")
    return folders[0]


def _say_what_an_init_file_above_is_for(folder: Path, *, contracts: bool) -> None:
    """Only the target is written to, so that a package above it is the user's to make."""
    parent = folder.parent
    if (parent / INIT_FILE).exists():
        return
    dangers = []
    if (parent.parent / INIT_FILE).exists():
        dangers.append("packaging tools may leave it out of your wheel")
    # pytest names a test by the packages above it, and has loaded ours, for its plugin.
    if contracts and folder.name == refdet.__name__:
        dangers.append("pytest may take the copies for the installed refdet")
    if dangers:
        _say(f"{parent} has no {INIT_FILE}: {' and '.join(dangers)}; an empty one will do")


def _turn_back(folder: Path) -> None:
    if turn_back(folder):
        _say(f"{folder}: a command was killed while it wrote here; put back what was there")


def _carry_out(plans: Sequence[Plan]) -> None:
    """Print what is undone before it is: a diff that is shown too late would be lost."""
    for plan in plans:
        for diff in plan.undone:
            _say(diff.rstrip("\n"))
    for plan in plans:
        plan.carry_out()
        _say(str(plan.folder))
        for path, what in plan.said.items():
            _say(f"  {path:<28} {what}")


def _line(finding: Finding) -> str:
    note = f": {finding.note}" if finding.note else ""
    outdated = f"; outdated: {finding.outdated}" if finding.outdated else ""
    return f"  {finding.path:<28} {finding.state}{note}{outdated}"


def _say(text: str) -> None:
    """`say`, with what the output's encoding lacks spelt out: paths and diffs hold anything."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    say(text.encode(encoding, "backslashreplace").decode(encoding))
