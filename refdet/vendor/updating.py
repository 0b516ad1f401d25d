"""What was copied, brought to the installed refdet; recorded patches are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refdet.vendor.checking import required_manifest
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
        plans.append(plan_writing(folder, manifest, renewed))
    if problems:
        raise ValueError("nothing was written.\n" + "\n\n".join(problems))
    return plans
