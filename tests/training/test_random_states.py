"""The states of the global generators, through a file and back."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from refdet.models.runtime import seed_everything
from refdet.training.random_states import RandomStates, random_states, restore_random_states
from tests.training.runs import assert_same_tensors

CPU = torch.device("cpu")


def draw() -> list[float]:
    """Of every generator, an odd number of normal ones, of which two are made at a time."""
    return [
        *torch.rand(3).tolist(),
        *torch.randn(3).tolist(),
        *np.random.random(3).tolist(),  # noqa: NPY002 - the global one is meant
        *(float(np.random.standard_normal()) for _ in range(3)),  # noqa: NPY002 - likewise
        *(random.random() for _ in range(3)),
        *(random.gauss(0, 1) for _ in range(3)),
    ]


def through_a_file(states: RandomStates, file: Path) -> RandomStates:
    torch.save(states, file)
    read: RandomStates = torch.load(file, weights_only=True)
    return read


@pytest.mark.parametrize("drawn_before", [0, 1, 2, 250])
def test_restore_random_states_goes_on_where_they_were(tmp_path: Path, drawn_before: int) -> None:
    seed_everything(drawn_before)
    for _ in range(drawn_before):
        draw()
    kept = through_a_file(random_states(CPU), tmp_path / "states.pt")
    want = draw()
    seed_everything(99)
    assert draw() != want
    restore_random_states(kept, CPU)
    assert draw() == want


def test_random_states_are_not_moved_by_looking() -> None:
    seed_everything(1)
    want = draw()
    seed_everything(1)
    first = random_states(CPU)
    assert_same_tensors(random_states(CPU), first)
    assert draw() == want


def test_random_states_are_a_copy() -> None:
    seed_everything(1)
    kept = random_states(CPU)
    want = draw()
    for _ in range(300):
        draw()  # through a whole block of the Mersenne twister, which is renewed in place
    restore_random_states(kept, CPU)
    assert draw() == want


@pytest.mark.parametrize("generator", ["torch", "numpy", "python"])
def test_random_states_differ_after_any_generator_was_used(generator: str) -> None:
    before = random_states(CPU)
    if generator == "torch":
        torch.rand(1)
    elif generator == "numpy":
        np.random.random()  # noqa: NPY002 - the global one is meant
    else:
        random.random()
    after = random_states(CPU)
    with pytest.raises(AssertionError):
        assert_same_tensors(after[generator], before[generator])
    for other in {"torch", "numpy", "python"} - {generator}:
        assert_same_tensors(after[other], before[other])
