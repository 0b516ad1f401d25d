"""Two processes with gloo between them gather the numbers of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import numpy as np
import pytest

from refdet.core.coco_eval import CocoState
from refdet.training.gathering import gather_states
from refdet.training.processes import World
from tests.shards.data_sets import assert_same_bits, of_one_run
from tests.training.gathering_ranks import (
    DETECTIONS,
    N_IMAGES,
    OBJECTS,
    batches_of,
    judged,
    shifted,
)

RANKS = (0, 1)


class Told(TypedDict):
    """What a process has written about itself."""

    seen: list[int]
    nobody: str


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the two processes wrote."""
    folder = tmp_path_factory.mktemp("gathered")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run(
        [*torchrun, "-m", "tests.training.gathering_ranks", str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=90,  # they would wait for each other for two hours
    )
    return folder


def told(folder: Path, rank: int) -> Told:
    contents: Told = json.loads((folder / f"{rank}.json").read_text(encoding="utf-8"))
    return contents


def repeated_images(folder: Path) -> set[int]:
    first, second = (told(folder, rank)["seen"] for rank in RANKS)
    assert len(first) == len(second) == 3
    assert {*first, *second} == set(OBJECTS.images.ids.tolist())
    return {*first} & {*second}


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("name", ["padded", "default-group", "idle"])
def test_gather_states_gives_every_process_the_bits_of_one_run(
    gathered: Path, name: str, rank: int
) -> None:
    assert len(repeated_images(gathered)) == 1
    state = CocoState.load(gathered / f"{name}.{rank}")
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_gather_states_keeps_one_of_two_answers_the_same_everywhere(gathered: Path) -> None:
    first, second = (CocoState.load(gathered / f"different.{rank}") for rank in RANKS)
    assert_same_bits(first, second)
    (repeated,) = repeated_images(gathered)
    place = int(np.searchsorted(first.image_ids, repeated))
    ours = np.sort(first.scores[first.image == place])
    whole = of_one_run(OBJECTS, DETECTIONS)
    theirs = np.sort(whole.scores[whole.image == place])
    assert len(theirs) > 10
    # All detections of the image are of one process, and in one copy.
    assert any(np.array_equal(ours, theirs + rank / 64) for rank in RANKS)
    assert len(first.scores) == len(whole.scores)


def test_gather_states_of_no_image_is_refused_everywhere(gathered: Path) -> None:
    assert {told(gathered, rank)["nobody"] for rank in RANKS} == {
        "states is empty: there is nothing to merge"
    }


def test_gather_states_of_one_process_is_its_state() -> None:
    state = judged(batches_of(World()), DETECTIONS)
    assert len(state.image_ids) == N_IMAGES
    assert_same_bits(gather_states(state), of_one_run(OBJECTS, DETECTIONS))


def test_gather_states_of_one_process_without_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to merge"):
        gather_states(None)


def test_shifted_scores_are_others() -> None:
    assert not np.intersect1d(shifted(0).scores, shifted(1).scores).size
