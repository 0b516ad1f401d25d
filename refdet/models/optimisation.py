"""Optimisers and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

WARM_UP_SHARE = 0.2
"""Share of a one-cycle run in which the rate still rises."""


def parameter_groups(
    model: nn.Module, learning_rate: float, weight_decay: float, bias_factor: float
) -> list[dict[str, object]]:
    """Two groups: convolution weights, and everything with one number per channel.

    The second (biases, BatchNorm, conv4_3's scale) is not decayed towards 0, and may learn
    `bias_factor` times as fast, as in the original SSD.
    """
    parameters = list(model.parameters())
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    per_channel = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": weights, "lr": learning_rate, "weight_decay": weight_decay},
        {"params": per_channel, "lr": learning_rate * bias_factor, "weight_decay": 0.0},
    ]


def adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """AdamW with one rate for everything."""
    return AdamW(parameter_groups(model, learning_rate, weight_decay, bias_factor=1.0))


def sgd(model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """SGD with momentum 0.9 and twice the rate for biases."""
    groups = parameter_groups(model, learning_rate, weight_decay, bias_factor=2.0)
    return SGD(groups, momentum=0.9)


def one_cycle(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Each group's rate rises to its own for a fifth of the steps, then falls to almost 0."""
    return OneCycleLR(
        optimizer,
        max_lr=learning_rates(optimizer),
        # With fewer than six steps the rise would take no time, and OneCycleLR divides by it.
        total_steps=max(total_steps, 6),
        pct_start=WARM_UP_SHARE,
        cycle_momentum=False,
    )


def milestones(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Each group's rate falls to a tenth after half of the steps, and again after 75 %."""
    return MultiStepLR(optimizer, [total_steps // 2, total_steps * 3 // 4], gamma=0.1)


def learning_rates(optimizer: Optimizer) -> list[float]:
    """The rate of each group as it is now."""
    groups: Sequence[Mapping[str, float]] = optimizer.param_groups
    return [float(group["lr"]) for group in groups]
