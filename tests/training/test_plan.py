"""Which image is seen by whom and when, against counting."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from refdet.training.plan import EpochBatches, training_batches, validation_batches

sizes = {
    "n_images": st.integers(1, 40),
    "batch_size": st.integers(1, 7),
    "world_size": st.integers(1, 5),
}


@given(**sizes, seed=st.integers(0, 2**31 - 1), epoch=st.integers(1, 10**6))
@example(n_images=1, batch_size=4, world_size=3, seed=0, epoch=1)
def test_training_batches_show_every_image_and_few_twice(
    n_images: int, batch_size: int, world_size: int, seed: int, epoch: int
) -> None:
    of_ranks = [
        training_batches(
            n_images, batch_size, seed=seed, epoch=epoch, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    seen = Counter(index for batches in of_ranks for batch in batches for index in batch)
    assert set(seen) == set(range(n_images))
    assert seen.total() - n_images < world_size
    # A process with fewer batches than another would leave it waiting for ever.
    assert len({tuple(map(len, batches)) for batches in of_ranks}) == 1
    assert all(1 <= len(batch) <= batch_size for batches in of_ranks for batch in batches)


def test_training_batches_depend_on_seed_and_epoch() -> None:
    def batches(seed: int, epoch: int) -> list[list[int]]:
        return training_batches(100, 100, seed=seed, epoch=epoch)

    assert batches(0, 1) == batches(0, 1)
    different = [batches(0, 1), batches(0, 2), batches(1, 1), batches(1, 2)]
    assert len({tuple(order[0]) for order in different}) == 4


@given(**sizes)
def test_validation_batches_are_those_of_one_process_dealt_out(
    n_images: int, batch_size: int, world_size: int
) -> None:
    alone = dict(validation_batches(n_images, batch_size))
    dealt = [
        place_and_batch
        for rank in range(world_size)
        for place_and_batch in validation_batches(
            n_images, batch_size, rank=rank, world_size=world_size
        )
    ]
    assert len(dealt) == len(dict(dealt))
    assert dict(dealt) == alone
    assert [index for place in sorted(alone) for index in alone[place]] == list(range(n_images))


def test_epoch_batches_go_on_in_the_middle_of_an_epoch() -> None:
    batches = EpochBatches(10, 3, seed=5)
    batches.set_epoch(2, first=0)
    whole = list(batches)
    batches.set_epoch(2, first=3)
    assert list(batches) == whole[3:] == training_batches(10, 3, seed=5, epoch=2)[3:]
    assert len(batches) == 1
