"""Learning rates and steps of the optimisers, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from refdet.models.optimisation import (
    adamw,
    constant,
    learning_rates,
    milestones,
    one_cycle,
    parameter_groups,
    sgd,
)
from refdet.models.ssd300 import SSD300
from refdet.training.preparing import OPTIMIZERS, SCHEDULES

RATE = 8.0


@pytest.fixture
def model() -> nn.Module:
    """A convolution with a bias, and BatchNorm: one weight with more than one dimension."""
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def rates(schedule: str, total_steps: int, warm_up: float, group: int = 0) -> list[float]:
    """The rate that each step is taken with."""
    makers = {"one-cycle": one_cycle, "milestones": milestones, "constant": constant}
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD(parameters[:1], lr=RATE)
    optimizer.add_param_group({"params": parameters[1:], "lr": 2 * RATE})
    scheduler: LRScheduler = makers[schedule](optimizer, total_steps, warm_up)
    seen = []
    for _ in range(total_steps):
        seen.append(learning_rates(optimizer)[group])
        optimizer.step()
        scheduler.step()
    return seen


# A rise over 4 of 8 steps: 1/4, 2/4, 3/4, 4/4 of the rate. After it, the cosine of one-cycle is
# (1 + cos(pi k / 4)) / 2 at its k-th step.
DOWN = [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2]
BY_HAND: dict[tuple[str, int, float], list[float]] = {
    ("one-cycle", 8, 0.5): [2, 4, 6, 8, *(8 * down for down in DOWN)],
    ("one-cycle", 4, 0.0): [8 * down for down in DOWN],
    ("milestones", 8, 0.0): [8, 8, 8, 8, 0.8, 0.8, 0.08, 0.08],
    ("milestones", 8, 0.25): [4, 8, 8, 8, 0.8, 0.8, 0.08, 0.08],
    ("constant", 5, 0.0): [8, 8, 8, 8, 8],
    ("constant", 8, 0.5): [2, 4, 6, 8, 8, 8, 8, 8],
}


@pytest.mark.parametrize("case", BY_HAND, ids=str)
def test_schedule_has_the_rates_worked_out_by_hand(case: tuple[str, int, float]) -> None:
    assert rates(*case) == pytest.approx(BY_HAND[case], rel=1e-12)


@pytest.mark.parametrize("case", BY_HAND, ids=str)
def test_schedule_keeps_the_ratio_of_the_groups(case: tuple[str, int, float]) -> None:
    doubled = [2 * rate for rate in BY_HAND[case]]
    assert rates(*case, group=1) == pytest.approx(doubled, rel=1e-12)


def test_one_cycle_ends_at_almost_0() -> None:
    seen = rates("one-cycle", 1000, 0.1)
    assert max(seen) == pytest.approx(RATE)
    assert seen.index(max(seen)) in (99, 100)
    assert 0 < seen[-1] < 1e-4 * RATE
    assert seen[100:] == sorted(seen[100:], reverse=True)
    assert seen[:100] == sorted(seen[:100])


def test_milestones_are_at_50_and_75_percent() -> None:
    seen = rates("milestones", 1000, 0.0)
    falls = [step for step in range(1, 1000) if seen[step] != seen[step - 1]]
    assert falls == [500, 750]


@pytest.mark.parametrize("total_steps", [1, 2, 3])
@pytest.mark.parametrize("warm_up", [0.0, 0.1, 0.99])
@pytest.mark.parametrize("schedule", ["one-cycle", "milestones", "constant"])
def test_schedule_of_a_tiny_run_has_positive_rates(
    schedule: str, warm_up: float, total_steps: int
) -> None:
    seen = rates(schedule, total_steps, warm_up)
    assert len(seen) == total_steps
    assert all(0 < rate <= RATE for rate in seen)


def test_learning_rates_of_sgd_are_doubled_for_biases(model: nn.Module) -> None:
    assert learning_rates(sgd(model, 0.1, 0.0)) == [0.1, 0.2]
    assert learning_rates(adamw(model, 0.1, 0.0)) == [0.1, 0.1]


def test_sgd_steps_twice_as_far_for_biases_and_gathers_momentum(model: nn.Module) -> None:
    optimizer = sgd(model, 0.1, 0.0)
    moves = {1: 1.0, 2: 1.0 + 1.9}  # with momentum 0.9 the second step is 1.9 times the first
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for step, factor in moves.items():
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        for name, parameter in model.named_parameters():
            rate = 0.1 if name == "0.weight" else 0.2
            want = before[name] - rate * factor
            torch.testing.assert_close(parameter.detach(), want, msg=f"{name}, step {step}")


@pytest.mark.parametrize("make", [adamw, sgd])
def test_optimizer_decays_nothing_that_has_one_number_per_channel(
    model: nn.Module, make: object
) -> None:
    assert callable(make)
    optimizer = make(model, 0.1, 0.5)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)  # nothing but decay moves anything
    optimizer.step()
    after = dict(model.named_parameters())
    assert set(after) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    torch.testing.assert_close(after["0.weight"].detach(), before["0.weight"] * (1 - 0.1 * 0.5))
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(after[name], before[name]), name


def test_parameter_groups_hold_every_parameter_once() -> None:
    model = SSD300(2, width=0.125, batch_norm=True)
    groups = parameter_groups(model, 0.1, 0.5, bias_factor=2.0)
    held: list[nn.Parameter] = []
    for group in groups:
        members = group["params"]
        assert isinstance(members, list)
        held += members
    assert len(held) == len(list(model.parameters()))
    assert {id(p) for p in held} == {id(p) for p in model.parameters()}


def test_every_choice_of_the_options_is_made_here() -> None:
    assert {str(name): maker for name, maker in OPTIMIZERS.items()} == {"adamw": adamw, "sgd": sgd}
    assert {str(name): maker for name, maker in SCHEDULES.items()} == {
        "one-cycle": one_cycle,
        "milestones": milestones,
        "constant": constant,
    }
