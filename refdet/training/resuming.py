"""Taking up a run where its last checkpoint left it, or refusing to in a sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import cast

from refdet.config_file import to_toml
from refdet.files import remove_partial_files
from refdet.models.checkpoints import Checkpoint, library_versions
from refdet.training.random_states import restore_random_states
from refdet.training.saving import ProcessState, RunFolder
from refdet.training.stepping import LossSums

MAY_CHANGE = frozenset(
    [
        *("data", "output", "resume", "overwrite", "progress", "threads", "workers"),
        *("cache", "cache_file", "save_minutes", "keep_every", "tensorboard", "device"),
        "augment_on_device",
    ]
)
"""Options that a resumed run may have differently. Where the data lies is one of them, what it
holds is not; threads, device and where it augments change the last digits, which is told."""

MUST_STAY = ("training data", "validation data", "number format")
"""Circumstances that a resumed run must find again."""


def take_up(folder: RunFolder, checkpoint: Checkpoint) -> list[str]:
    """Put the run where `checkpoint` left it; returns what the user should know, as sentences.

    Args:
        folder: of the run, with the network, the optimiser and all else that is to be restored.
        checkpoint: its `last.pt`.

    Raises:
        ValueError: the checkpoint is of other classes, options, data or number of processes, or
            there is no room to go on; in one sentence.
    """
    refuse_another_run(folder, checkpoint)
    if folder.stepper.world.leads:
        folder.require_room()
        remove_partial_files(folder.config.output)
    state = checkpoint.training_state
    stepper, progress = folder.stepper, folder.progress
    stepper.optimizer.load_state_dict(dict(state["optimizer"]))
    stepper.schedule.load_state_dict(dict(state["schedule"]))
    if state["scaler"]:
        stepper.scaler.load_state_dict(dict(state["scaler"]))
    own = _of_processes(checkpoint)[stepper.world.rank]
    for name, value in {**state["progress"], "sums": LossSums(**own["sums"])}.items():
        setattr(progress, name, value)
    progress.best_ap = checkpoint.best_ap
    stepper.skipped_in_a_row = own["skipped_in_a_row"]
    restore_random_states(own["random"], folder.device)
    step = f", step {progress.step}" if progress.step else ""
    return [f"resumed after epoch {checkpoint.epoch}{step}", *_other_digits(folder, checkpoint)]


def refuse_another_run(folder: RunFolder, checkpoint: Checkpoint) -> None:
    """Raise ValueError if `checkpoint` is not of the run that `folder` describes."""
    file = folder.last
    if checkpoint.class_names != folder.class_names:
        raise ValueError(
            f"{file} knows the classes {', '.join(checkpoint.class_names)}; the data has "
            f"{', '.join(folder.class_names)}"
        )
    ours, theirs = (shaping_options(t) for t in (to_toml(folder.config), checkpoint.config))
    names = [*ours, *(name for name in theirs if name not in ours)]
    if differing := [name for name in names if ours.get(name) != theirs.get(name)]:
        changes = ", ".join(f"{n} {theirs.get(n)} -> {ours.get(n)}" for n in differing)
        raise ValueError(f"{file} was trained with other options ({changes}); resume with the same")
    then = checkpoint.training_state["circumstances"]
    for name in MUST_STAY:
        if then[name] != folder.circumstances[name]:
            raise ValueError(
                f"{file} was trained on another {name}: {then[name]}, now "
                f"{folder.circumstances[name]}"
            )
    if (before := len(_of_processes(checkpoint))) != folder.stepper.world.size:
        raise ValueError(
            f"{file} was trained by {before} processes, now there are "
            f"{folder.stepper.world.size}; resume with as many"
        )


def shaping_options(config_toml: str) -> dict[str, object]:
    """The options in a saved config that a run's weights depend on; unset ones are not in it."""
    options = tomllib.loads(config_toml)
    return {name: value for name, value in options.items() if name not in MAY_CHANGE}


def _other_digits(folder: RunFolder, checkpoint: Checkpoint) -> list[str]:
    now: Mapping[str, object] = {**library_versions(), **folder.circumstances}
    before = {**checkpoint.versions, **checkpoint.training_state["circumstances"]}
    return [
        f"it was begun with {name} {value}, this is {now.get(name)}: expect other digits"
        for name, value in before.items()
        if value != now.get(name)
    ]


def _of_processes(checkpoint: Checkpoint) -> list[ProcessState]:
    # What `RunFolder` wrote; a checkpoint promises plain containers only.
    return cast("list[ProcessState]", checkpoint.training_state["processes"]["states"])
