"""What is kept of every epoch: a line of JSON, a line on the terminal, and TensorBoard's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from refdet.files import json_text, write_text_atomic

Record: TypeAlias = dict[str, object]
History: TypeAlias = list[Record]


def write_history(file: Path, history: Sequence[Record]) -> None:
    """Write one line of JSON per epoch; what is not finite is null."""
    write_text_atomic(file, "".join(json_text(record) + "\n" for record in history))


def epoch_line(record: Mapping[str, object], epochs: int) -> str:
    """An epoch in one line of text."""
    names = {"train_loss": "loss", "val_loss": "val loss", "ap50": "val AP50", "ap": "val AP"}
    values = [f"{label} {record[key]:.3f}" for key, label in names.items() if key in record]
    skipped = [f"{record['skipped_steps']} steps skipped"] if record["skipped_steps"] else []
    seconds = f"{record['seconds']:.0f} s"
    return "  ".join([f"epoch {record['epoch']}/{epochs}", *values, *skipped, seconds])


def require_tensorboard() -> None:
    """Raise ValueError, saying what to install, if TensorBoard is not there."""
    try:
        import_module("torch.utils.tensorboard")
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--tensorboard needs {error.name}: pip install 'refdet[tensorboard]' brings it"
        ) from error


class EventLog:
    """TensorBoard's event files, by torch's own writer.

    Args:
        folder: for the event files.
        next_epoch: events of this epoch and later ones, from a run that was cut off, are void.
    """

    def __init__(self, folder: Path, next_epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra

        self._writer = SummaryWriter(str(folder), purge_step=next_epoch)

    def write(self, record: Record) -> None:
        """Log the numbers of an epoch, losses, quality, rates and speed under their names."""
        epoch = record["epoch"]
        assert isinstance(epoch, int)
        rates = record["learning_rates"]
        assert isinstance(rates, list)
        numbers = {**record, **{f"learning_rate_{group}": rate for group, rate in enumerate(rates)}}
        for name, value in numbers.items():
            if isinstance(value, int | float) and name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
