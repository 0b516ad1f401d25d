"""What was copied, brought to the installed refdet; recorded patches are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.vendor.checking import required_manifest
from refdet.vendor.folder import read_text
from refdet.vendor.licence import LICENCE
from refdet.vendor.manifest import LICENCE_FILE
from refdet.vendor.patches import unified_diff
from refdet.vendor.plan import Plan, plan_writing
from refdet.vendor.renewing import Renewed, renew


def plan_update(folders: Sequence[Path]) -> list[Plan]:
    """What brings every file of `folders` to the installed refdet. Nothing is written yet.

    Raises:
        ValueError: some file cannot be brought there, for instance since its recorded patch
            conflicts; names all such files, and the way out of each.
    """
    plans, problems = [], []
    for folder in folders:
        manifest = required_manifest(folder)
        renewed: list[Renewed] = []
        for file in manifest.files:
            try:
                renewed.append(renew(folder, file, file.functions))
            except ValueError as error:
                problems.append(str(error))
        plan = plan_writing(folder, manifest, renewed)
        licence = read_text(folder, LICENCE_FILE)
        if licence is not None and LICENCE_FILE in plan.texts:
            diff = unified_diff(LICENCE, licence, f"{LICENCE_FILE} now", f"{LICENCE_FILE} before")
            plan = replace(plan, undone=(*plan.undone, diff))
        plans.append(plan)
    if problems:
        raise ValueError("nothing was written.\n" + "\n\n".join(problems))
    return plans
