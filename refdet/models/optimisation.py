"""Optimisers and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


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


def one_cycle(optimizer: Optimizer, total_steps: int, warm_up: float) -> LRScheduler:
    """Each group's rate rises to its own, then falls along a cosine to almost 0."""

    def factor(step: int) -> float:
        rising = warm_up * total_steps
        falling = max(0.0, step - rising) / max(1.0, total_steps - rising)
        return rise(step, rising) * (1 + math.cos(math.pi * min(1.0, falling))) / 2

    return LambdaLR(optimizer, factor)


def milestones(optimizer: Optimizer, total_steps: int, warm_up: float) -> LRScheduler:
    """Each group's rate falls to a tenth after half of the steps, and again after 75 %."""
    first, second = total_steps // 2, total_steps * 3 // 4

    def factor(step: int) -> float:
        return rise(step, warm_up * total_steps) * 0.1 ** ((step >= first) + (step >= second))

    return LambdaLR(optimizer, factor)


def constant(optimizer: Optimizer, total_steps: int, warm_up: float) -> LRScheduler:
    """Each group's rate stays what it is, after its rise."""
    return LambdaLR(optimizer, lambda step: rise(step, warm_up * total_steps))


def rise(step: int, rising_steps: float) -> float:
    """The factor of the learning rate at `step`, from 0, of a linear rise to 1."""
    return min(1.0, (step + 1) / max(1.0, rising_steps))


def learning_rates(optimizer: Optimizer) -> list[float]:
    """The rate of each group as it is now."""
    groups: Sequence[Mapping[str, float]] = optimizer.param_groups
    return [float(group["lr"]) for group in groups]
