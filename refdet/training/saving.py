"""A run on disk: what its checkpoints hold, how they are written, and how one is taken up again."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from refdet.config import Train
from refdet.config_file import to_toml
from refdet.files import remove_partial_files, write_text_atomic
from refdet.models.checkpoints import Checkpoint, library_versions, load_checkpoint, save_checkpoint
from refdet.training.engine import Progress
from refdet.training.logbook import EventLog, Record, epoch_line, write_history
from refdet.training.random_states import random_states, restore_random_states
from refdet.training.stepping import LossSums, Stepper

MAY_CHANGE = frozenset(
    [
        *("data", "output", "resume", "overwrite", "progress", "threads", "workers", "cache"),
        *("save_minutes", "keep_every", "tensorboard", "device"),
    ]
)
"""Options that the weights do not depend on; a resumed run may have others."""


@dataclass
class RunFolder:
    """Where a run is kept, and by whom.

    Attributes:
        config: the run's options, among them the folder.
        class_names: in label order.
        stepper: holds network, optimiser, schedule and scaler.
        progress: how far the run is.
        device: that it runs on.
        tell: called with a line for every epoch.
        events: TensorBoard's log, if it is asked for.
    """

    config: Train
    class_names: tuple[str, ...]
    stepper: Stepper
    progress: Progress
    device: torch.device
    tell: Callable[[str], None]
    events: EventLog | None = None

    @property
    def last(self) -> Path:
        """The checkpoint that a run is taken up from."""
        return self.config.output / "last.pt"

    def save(self, record: Record | None, is_best: bool) -> None:
        """Write what is new. Every process must call this; only the leader writes.

        The last checkpoint comes last: whatever is cut off before it is done again in the same
        way when the run is taken up.

        Args:
            record: of an epoch that has just ended; None within one.
            is_best: whether its network is the best so far.
        """
        training_state = self._training_state()
        if not self.stepper.world.leads:
            return
        output = self.config.output
        if record:
            write_history(output / "history.jsonl", self.progress.history)
            every = self.config.keep_every
            epoch = self.progress.epoch - 1
            if is_best:
                save_checkpoint(output / "best.pt", self._checkpoint({}))
            if every and epoch % every == 0:
                save_checkpoint(output / f"epoch_{epoch:03d}.pt", self._checkpoint({}))
            if self.events:
                self.events.write(record)
        save_checkpoint(self.last, self._checkpoint(training_state))
        if record:
            self.tell(epoch_line(record, self.config.epochs) + ("  best" if is_best else ""))

    def start(self) -> None:
        """Make the folder and the first checkpoint, so that what cannot be written fails now.

        Raises:
            ValueError: not enough room for the checkpoints of this run.
            OSError: the folder cannot be written to.
        """
        training_state = self._training_state()
        if not self.stepper.world.leads:
            return
        output = self.config.output
        output.mkdir(parents=True, exist_ok=True)
        remove_partial_files(output)
        parameters = sum(p.numel() for p in self.stepper.detector.network.parameters())
        # last.pt with two moments per weight, the same once more while it is replaced, best.pt.
        needed = 4 * parameters * (3 + 3 + 1)
        if (free := shutil.disk_usage(output).free) < needed:
            raise ValueError(
                f"{output} has {free / 1e6:,.0f} MB free; the checkpoints need up to "
                f"{needed / 1e6:,.0f} MB. Make room, or name another --output"
            )
        write_text_atomic(output / "config.toml", to_toml(self.config))
        write_history(output / "history.jsonl", self.progress.history)
        save_checkpoint(self.last, self._checkpoint(training_state))

    def take_up(self) -> list[str]:
        """Put the run where `last.pt` left it; returns what the user should know, as sentences.

        Raises:
            ValueError: the file is damaged, or of another model, classes, options or number of
                processes; in one sentence.
        """
        checkpoint = load_checkpoint(self.last)
        self._refuse_another_run(checkpoint)
        if self.stepper.world.leads:
            remove_partial_files(self.config.output)
        state = checkpoint.training_state
        stepper, progress = self.stepper, self.progress
        stepper.detector.network.load_state_dict(dict(checkpoint.model_state))
        stepper.optimizer.load_state_dict(dict(state["optimizer"]))
        stepper.schedule.load_state_dict(dict(state["schedule"]))
        if state["scaler"]:
            stepper.scaler.load_state_dict(dict(state["scaler"]))
        of_processes = state["processes"]["states"]
        assert isinstance(of_processes, list)
        own = of_processes[stepper.world.rank]
        for name, value in {**state["progress"], "sums": LossSums(**own["sums"])}.items():
            setattr(progress, name, value)
        progress.best_ap = checkpoint.best_ap
        stepper.skipped_in_a_row = own["skipped_in_a_row"]
        restore_random_states(own["random"], self.device)
        where = f"after epoch {checkpoint.epoch}"
        told = [f"resumed {where}" + (f", step {progress.step}" if progress.step else "")]
        versions = library_versions()
        told += [
            f"it was begun with {name} {then}, this is {versions.get(name)}: expect other digits"
            for name, then in checkpoint.versions.items()
            if then != versions.get(name)
        ]
        return told

    def _refuse_another_run(self, checkpoint: Checkpoint) -> None:
        architecture = self.stepper.detector.architecture
        if checkpoint.architecture != architecture:
            raise ValueError(f"{self.last} holds a {checkpoint.architecture}, not a {architecture}")
        if not checkpoint.training_state:
            raise ValueError(f"{self.last} is for use only: it holds no state to go on from")
        if checkpoint.class_names != self.class_names:
            raise ValueError(
                f"{self.last} knows the classes {', '.join(checkpoint.class_names)}; the data has "
                f"{', '.join(self.class_names)}"
            )
        ours, theirs = (shaping_options(t) for t in (to_toml(self.config), checkpoint.config))
        if differing := [name for name in ours if ours[name] != theirs.get(name)]:
            changes = ", ".join(f"{name} {theirs.get(name)} -> {ours[name]}" for name in differing)
            raise ValueError(
                f"{self.last} was trained with other options ({changes}); resume with the same"
            )
        processes = checkpoint.training_state["processes"]["states"]
        assert isinstance(processes, list)
        if len(processes) != self.stepper.world.size:
            raise ValueError(
                f"{self.last} was trained by {len(processes)} processes, now there are "
                f"{self.stepper.world.size}; resume with as many"
            )

    def _training_state(self) -> dict[str, Mapping[str, object]]:
        stepper = self.stepper
        own: dict[str, object] = {
            "random": random_states(self.device),
            "sums": asdict(self.progress.sums),
            "skipped_in_a_row": stepper.skipped_in_a_row,
        }
        progress = vars(self.progress)
        return {
            "optimizer": stepper.optimizer.state_dict(),
            "schedule": stepper.schedule.state_dict(),
            "scaler": stepper.scaler.state_dict(),
            "progress": {k: v for k, v in progress.items() if k not in ("sums", "best_ap")},
            "processes": {"states": stepper.world.gather(own)},
        }

    def _checkpoint(self, training_state: Mapping[str, Mapping[str, object]]) -> Checkpoint:
        detector = self.stepper.detector
        return Checkpoint(
            architecture=detector.architecture,
            description=detector.description,
            class_names=self.class_names,
            model_state=detector.network.state_dict(),
            epoch=self.progress.epoch - 1,
            best_ap=self.progress.best_ap,
            config=to_toml(self.config),
            training_state=training_state,
        )


def shaping_options(config_toml: str) -> dict[str, object]:
    """The options in a saved config that a run's weights depend on."""
    options = tomllib.loads(config_toml)
    return {name: value for name, value in options.items() if name not in MAY_CHANGE}
