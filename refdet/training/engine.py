"""Epochs of steps, each judged, recorded and saved; stopped and taken up again at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from refdet.config_train import Train
from refdet.data.dataset import Batch, DetectionDataset
from refdet.models.optimisation import learning_rates
from refdet.records import Evaluation
from refdet.training.logbook import History, Record
from refdet.training.plan import EpochBatches
from refdet.training.stepping import LossSums, Stepper, summed
from refdet.training.validation import Judgement, Validator


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        epoch: the one in progress, from 1.
        step: how many of its steps are done.
        sums: losses over these.
        seconds: that these took, without judging.
        history: a record for every epoch before.
        best_ap: best validation AP so far; NaN before the first.
        waited: validations since then.
    """

    epoch: int = 1
    step: int = 0
    sums: LossSums = field(default_factory=LossSums)
    seconds: float = 0.0
    history: History = field(default_factory=list)
    best_ap: float = math.nan
    waited: int = 0


@dataclass
class Engine:
    """A run with everything that it needs.

    Attributes:
        config: the options.
        stepper: takes the steps.
        loader: serves the batches of the epoch that `batches` is set to.
        batches: of the training split.
        dataset: of the training split.
        image_names: of the training split, for messages.
        validator: judges epochs.
        progress: how far the run is.
        save: called after every epoch, and within one when it is time: with what is new to keep.
        stop_requested: asked between steps, in every process.
    """

    config: Train
    stepper: Stepper
    loader: Iterable[Batch]
    batches: EpochBatches
    dataset: DetectionDataset
    image_names: Sequence[str]
    validator: Validator
    progress: Progress
    save: Callable[[Record | None, bool], None]
    stop_requested: Callable[[], bool]

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch."""
        return steps_per_epoch(self.config, len(self.dataset), self.stepper.world.size)

    def run(self) -> Evaluation | None:
        """Train to the end; returns the last evaluation, or None if it was asked to stop."""
        progress, config = self.progress, self.config
        evaluation: Evaluation | None = None
        while progress.epoch <= config.epochs and not self.out_of_patience:
            if not self._train_epoch():
                self.save(None, False)
                return None
            due = progress.epoch % config.eval_every == 0 or progress.epoch == config.epochs
            started = time.perf_counter()
            self.stepper.world.share_buffers(self.stepper.detector.network)
            judgement = self.validator(self.stepper.detector) if due else None
            judging = time.perf_counter() - started
            if due and judgement is None:
                self.save(None, False)
                return None
            if judgement:
                evaluation = judgement.evaluation
            self._finish_epoch(judgement, judging)
        return evaluation or self._judged_again()

    @property
    def out_of_patience(self) -> bool:
        """Whether too many validations in a row brought nothing better."""
        return bool(self.config.patience) and self.progress.waited >= self.config.patience

    def _judged_again(self) -> Evaluation | None:
        """The evaluation of a run that was already finished when it was taken up."""
        judgement = self.validator(self.stepper.detector)
        return judgement.evaluation if judgement else None

    def _train_epoch(self) -> bool:
        """Take the epoch's remaining steps; False if it was asked to stop before the last."""
        progress = self.progress
        accumulate = self.config.accumulate
        self.dataset.set_epoch(progress.epoch)
        self.batches.set_epoch(progress.epoch, first=progress.step * accumulate)
        self.stepper.network.train()
        started = saved = time.perf_counter()
        before = progress.seconds
        bar = self._bar(self.loader)
        for group in _groups(bar, accumulate):
            losses = self.stepper.step(group, self._names(group))
            if losses is None:
                progress.sums.skipped_steps += 1
            else:
                progress.sums.add(losses, sum(len(batch.labels) for batch in group))
            progress.step += 1
            bar.set_postfix(loss=f"{progress.sums.means()['loss']:.3f}", refresh=False)
            now = time.perf_counter()
            progress.seconds = before + now - started
            time_to_save = now - saved >= 60 * self.config.save_minutes
            stop, time_to_save = self.stepper.world.any_of(self.stop_requested(), time_to_save)
            if stop:
                return progress.step == self.steps_per_epoch
            if time_to_save:
                self.save(None, False)
                saved = now
        return True

    def _finish_epoch(self, judgement: Judgement | None, judging: float) -> None:
        """Record and save the epoch, `judging` seconds of judging included, and go on."""
        progress, stepper = self.progress, self.stepper
        sums = summed(stepper.world.gather(progress.sums))
        seconds = stepper.world.from_leader(progress.seconds)
        record: Record = {
            "epoch": progress.epoch,
            **{_train_name(name): mean for name, mean in sums.means().items()},
            "skipped_steps": sums.skipped_steps,
            "learning_rates": learning_rates(stepper.optimizer),
        }
        is_best = False
        if judgement:
            ap = judgement.evaluation.mean_ap
            record |= {_val_name(name): mean for name, mean in judgement.losses.items()}
            record |= {"ap50": judgement.evaluation.mean_ap50, "ap": ap}
            first = not any("ap" in earlier for earlier in progress.history)
            # A number is better than NaN, which no comparison says; NaN is better than nothing.
            is_best = first or (not math.isnan(ap) and not ap <= progress.best_ap)
            progress.best_ap = ap if is_best else progress.best_ap
            progress.waited = 0 if is_best else progress.waited + 1
        record["seconds"] = seconds + stepper.world.from_leader(judging)
        record["images_per_second"] = sums.images / seconds if seconds else math.nan
        progress.history.append(record)
        progress.epoch += 1
        progress.step, progress.sums, progress.seconds = 0, LossSums(), 0.0
        self.save(record, is_best)

    def _names(self, group: Sequence[Batch]) -> list[str]:
        return [self.image_names[index] for batch in group for index in batch.indices]

    def _bar(self, batches: Iterable[Batch]) -> tqdm[Batch]:
        """The batches, shown as a bar with the epoch's mean loss so far."""
        progress, config = self.progress, self.config
        shown = config.progress and self.stepper.world.leads
        return tqdm(
            batches,
            desc=f"epoch {progress.epoch}/{config.epochs}",
            total=len(self.batches),
            leave=False,
            disable=None if shown else True,  # None: shown on a terminal only
        )


def steps_per_epoch(config: Train, n_images: int, world_size: int) -> int:
    """Steps of the optimiser in an epoch over `n_images`."""
    return math.ceil(math.ceil(n_images / (config.batch_size * world_size)) / config.accumulate)


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _train_name(name: str) -> str:
    return "train_loss" if name == "loss" else f"train_loss_{name.removeprefix('loss_')}"


def _val_name(name: str) -> str:
    return "val_loss" if name == "loss" else f"val_loss_{name.removeprefix('loss_')}"
