"""A run on disk: what its checkpoints hold, and how they are written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict, cast

import torch

from refdet.config_file import to_toml
from refdet.config_train import Train
from refdet.files import remove_partial_files, write_text_atomic
from refdet.models.checkpoints import Checkpoint, save_checkpoint
from refdet.training.engine import Progress
from refdet.training.logbook import EventLog, Record, epoch_line, write_history
from refdet.training.random_states import RandomStates, random_states
from refdet.training.stepping import Stepper

WRITTEN = ("best.pt", "last.pt", "epoch_*.pt", "curves.png", "tensorboard/events.out.tfevents*")
"""What a run writes to its folder, besides what it replaces at its start."""


class SumsState(TypedDict):
    """`LossSums` in plain containers."""

    images: int
    terms: dict[str, float]
    skipped_steps: int


class ProcessState(TypedDict):
    """What each process has of its own."""

    random: RandomStates
    sums: SumsState
    skipped_in_a_row: int


@dataclass
class RunFolder:
    """Where a run is kept, and by whom.

    Attributes:
        config: the run's options, among them the folder.
        class_names: in label order.
        stepper: holds network, optimiser, schedule and scaler.
        progress: how far the run is.
        device: that it runs on.
        circumstances: what else the weights depend on, by name: data, number format, threads.
        tell: called with a line for every epoch.
        events: TensorBoard's log, if it is asked for.
    """

    config: Train
    class_names: tuple[str, ...]
    stepper: Stepper
    progress: Progress
    device: torch.device
    circumstances: Mapping[str, str]
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

        What an earlier run left in the folder goes.

        Raises:
            ValueError: not enough room for the checkpoints of this run.
            OSError: the folder cannot be written to.
        """
        training_state = self._training_state()
        if not self.stepper.world.leads:
            return
        output = self.config.output
        output.mkdir(parents=True, exist_ok=True)
        self.require_room()
        for pattern in WRITTEN:
            for file in output.glob(pattern):
                file.unlink()
        remove_partial_files(output)
        write_text_atomic(output / "config.toml", to_toml(self.config))
        write_history(output / "history.jsonl", self.progress.history)
        save_checkpoint(self.last, self._checkpoint(training_state))

    def require_room(self) -> None:
        """Raise ValueError if the disk has no room for the checkpoints of this run."""
        output, every = self.config.output, self.config.keep_every
        parameters = sum(p.numel() for p in self.stepper.detector.network.parameters())
        kept = self.config.epochs // every if every else 0
        # last.pt with two moments per weight, the same once more while it is replaced, best.pt.
        needed = 4 * parameters * (3 + 3 + 1 + kept)
        if (free := shutil.disk_usage(output).free) < needed:
            raise ValueError(
                f"{output} has {free / 1e6:,.0f} MB free; the checkpoints need up to "
                f"{needed / 1e6:,.0f} MB. Make room, or name another --output"
            )

    def _training_state(self) -> dict[str, Mapping[str, object]]:
        stepper = self.stepper
        own: ProcessState = {
            "random": random_states(self.device),
            # asdict gives the fields as they are, which its annotation does not say.
            "sums": cast("SumsState", asdict(self.progress.sums)),
            "skipped_in_a_row": stepper.skipped_in_a_row,
        }
        progress = vars(self.progress)
        return {
            "optimizer": stepper.optimizer.state_dict(),
            "schedule": stepper.schedule.state_dict(),
            "scaler": stepper.scaler.state_dict(),
            "progress": {k: v for k, v in progress.items() if k not in ("sums", "best_ap")},
            "circumstances": dict(self.circumstances),
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
