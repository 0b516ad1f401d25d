"""One step of the optimiser: forward, backward, clip, move; and what becomes of a broken one.

A step whose loss or gradient is not finite moves nothing. It is counted, and after a number of
them in a row training ends, since then the weights themselves are broken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from refdet.data.dataset import Batch
from refdet.models.detector import Detector
from refdet.models.runtime import NumberFormat, autocast
from refdet.training.processes import World


@dataclass
class LossSums:
    """Loss terms summed over the images of an epoch, so that a short batch weighs less."""

    images: int = 0
    terms: dict[str, float] = field(default_factory=dict)
    skipped_steps: int = 0

    def add(self, losses: Mapping[str, float], n_images: int) -> None:
        """Count a batch whose mean losses are `losses`."""
        self.images += n_images
        for name, value in losses.items():
            self.terms[name] = self.terms.get(name, 0.0) + value * n_images

    def means(self) -> dict[str, float]:
        """Mean per image of every term; NaN if there was no image."""
        return {name: total / self.images for name, total in self.terms.items()} or {
            "loss": math.nan
        }


def summed(parts: Sequence[LossSums]) -> LossSums:
    """The sums of several processes as one."""
    whole = LossSums(skipped_steps=max(part.skipped_steps for part in parts))
    for part in parts:
        whole.images += part.images
        for name, total in part.terms.items():
            whole.terms[name] = whole.terms.get(name, 0.0) + total
    return whole


@dataclass
class Stepper:
    """What takes a step.

    Attributes:
        detector: whose network learns.
        network: the network as it is called: its own, or wrapped for several processes.
        optimizer: moves the weights.
        schedule: moves the learning rates, after every step, also after one that was skipped.
        scaler: keeps float16 gradients from vanishing; does nothing in other formats.
        number_format: of the network's arithmetic.
        clip_norm: longest gradient vector.
        max_skipped: steps that may be skipped in a row.
        world: the processes that train together.
        skipped_in_a_row: since the last good step.
    """

    detector: Detector
    network: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    scaler: GradScaler
    number_format: NumberFormat
    clip_norm: float
    max_skipped: int
    world: World
    skipped_in_a_row: int = 0
    _broken_here: bool = field(default=True, init=False)

    def step(self, batches: Sequence[Batch], names: Sequence[str]) -> dict[str, float] | None:
        """Move once, by the mean gradient of `batches`.

        Args:
            batches: one, or several whose gradients are accumulated.
            names: of their images, for the error.

        Returns:
            The mean of each loss term and their sum, `loss`; None if the step was skipped.

        Raises:
            ValueError: too many steps in a row were skipped; names the images of this one.
        """
        self.optimizer.zero_grad()
        statistics = self._statistics()
        names_of_terms, terms = self._gradients(batches)
        values = self._move(terms)
        self.schedule.step()
        if values is not None:
            self.skipped_in_a_row = 0
            sums = LossSums()
            for of_batch, batch in zip(values, batches, strict=True):
                sums.add(dict(zip(names_of_terms, of_batch, strict=True)), len(batch.labels))
            return sums.means()
        # The forward pass has mixed its own into BatchNorm's: one NaN would stay for ever.
        for buffer, value in statistics:
            buffer.copy_(value)
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row > self.max_skipped:
            self._give_up(names)
        return None

    def _statistics(self) -> list[tuple[Tensor, Tensor]]:
        """BatchNorm's buffers with their values."""
        return [
            (buffer, buffer.clone())
            for module in self.detector.network.modules()
            if isinstance(module, _BatchNorm)
            for buffer in module.buffers()
        ]

    def _give_up(self, names: Sequence[str]) -> None:
        of_processes = self.world.gather(list(names) if self._broken_here else [])
        broken = [name for of_one in of_processes for name in of_one]
        raise ValueError(
            f"{self.skipped_in_a_row} steps in a row had a loss or gradient that is not finite, "
            f"the last with {', '.join(broken)}. Look at these images, or start again "
            "with a lower --learning-rate"
        )

    def _gradients(self, batches: Sequence[Batch]) -> tuple[list[str], Tensor]:
        """Fill the gradients; the names of the losses, and a row of them for each batch.

        The losses stay where they are: nobody has looked at them yet.
        """
        names: list[str] = []
        rows = []
        for place, batch in enumerate(batches):
            last = place == len(batches) - 1
            with self._gradients_shared(last):
                losses = self.detector.losses(
                    batch.images, batch.boxes_xyxy, batch.labels, self._forward
                )
                total = torch.stack(list(losses.values())).sum()
                self.scaler.scale(total / len(batches)).backward()
            names = ["loss", *losses]
            rows.append(torch.stack([total, *losses.values()]).detach().double())
        return names, torch.stack(rows)

    def _forward(self, *arguments: object) -> object:
        device = next(self.network.parameters()).device
        with autocast(device, self.number_format):
            return self.network(*arguments)

    @contextmanager
    def _gradients_shared(self, last: bool) -> Iterator[None]:
        """Average the gradients over the processes after the last batch only."""
        if isinstance(self.network, DistributedDataParallel) and not last:
            with self.network.no_sync():
                yield
        else:
            yield

    def _move(self, losses: Tensor) -> list[list[float]] | None:
        """Move by the gradients; the losses read, or None if nothing moved as one is not finite.

        A GPU is waited for once, when all but the move itself has been given to it.
        """
        if self.scaler.is_enabled():
            # It waits by itself, and is not to lower its scale because a loss is broken.
            values: list[list[float]] = losses.tolist()
            if self._any_broken(values):
                return None
            norm = float(self._clipped_norm())
        else:
            last = self._clipped_norm().double().expand(1, losses.shape[1])
            *values, (norm, *_) = torch.cat([losses, last]).tolist()
            if self._any_broken(values):
                return None
        finite = math.isfinite(norm)
        self._broken_here = not finite  # in every process: it is the gradient of all
        # The scaler skips by itself and lowers its scale, which is why it is asked in any case.
        if finite or self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return values if finite else None

    def _any_broken(self, losses: Sequence[Sequence[float]]) -> bool:
        """Whether the loss of a batch is not finite in any process."""
        self._broken_here = not all(math.isfinite(total) for total, *_ in losses)
        # All processes skip, or none does: their gradients are averaged.
        return self.world.any(self._broken_here)

    def _clipped_norm(self) -> Tensor:
        """The length that the gradient had before it was clipped."""
        self.scaler.unscale_(self.optimizer)
        norm: Tensor = clip_grad_norm_(self.network.parameters(), self.clip_norm)
        return norm
