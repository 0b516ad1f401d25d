from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from refdet.data.augmentation import inference_transform, training_transform
from refdet.data.augmentation_faster_rcnn import (
    faster_rcnn_inference_transform,
    faster_rcnn_training_transform,
)
from refdet.data.dataset import Batch, DetectionDataset, Item, collate
from refdet.data.decode import decode_image
from refdet.data.mixing import Mixing
from refdet.data.problems import DataError
from refdet.records import AnnotatedImage, GroundTruth


def noisy_image(file: Path, seed: int) -> AnnotatedImage:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(file)
    boxes = [[2.0, 3.0, 12.0, 20.0], [14.0, 2.0, 30.0, 22.0]][: seed % 3]
    return record(file, boxes)


def record(file: Path, boxes: list[list[float]]) -> AnnotatedImage:
    truth = GroundTruth(
        image=file.stem,
        width=32,
        height=24,
        boxes_xyxy=np.array(boxes).reshape(-1, 4),
        labels=np.arange(len(boxes)),
        difficult=np.zeros(len(boxes), np.bool_),
    )
    return AnnotatedImage(file, truth)


@pytest.fixture
def images(tmp_path: Path) -> list[AnnotatedImage]:
    return [noisy_image(tmp_path / f"{index}.png", index) for index in range(6)]


def assert_same(some: list[Item], others: list[Item]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.image_index == other.image_index
        for left, right in zip(one[:3], other[:3], strict=True):
            assert torch.equal(left, right)


def items(dataset: DetectionDataset) -> list[Item]:
    return [dataset[index] for index in range(len(dataset))]


def mixed(images: list[AnnotatedImage], seed: int) -> DetectionDataset:
    mixing = Mixing(mosaic_probability=0.5, mixup_probability=0.5)
    return DetectionDataset(images, faster_rcnn_training_transform(), seed, mixing=mixing)


def through_workers(dataset: DetectionDataset, workers: int) -> list[Item]:
    loader = DataLoader(dataset, batch_size=2, num_workers=workers, collate_fn=list)
    return [item for batch in loader for item in batch]


def test_dataset_gives_images_boxes_and_labels(images: list[AnnotatedImage]) -> None:
    item = DetectionDataset(images, inference_transform(16))[2]
    assert (item.image.shape, item.image.dtype) == ((3, 16, 16), torch.float32)
    # By hand: 32 x 24 becomes 16 x 16.
    torch.testing.assert_close(
        item.boxes_xyxy, torch.tensor([[1.0, 2, 6, 40 / 3], [7, 4 / 3, 15, 44 / 3]])
    )
    assert item.labels.tolist() == [0, 1]
    assert item.image_index == 2


def test_dataset_gives_the_same_samples_in_any_number_of_workers(
    images: list[AnnotatedImage],
) -> None:
    dataset = DetectionDataset(images, training_transform(16), seed=3)
    alone = items(dataset)
    assert_same(alone, through_workers(dataset, 0))
    assert_same(alone, through_workers(dataset, 2))
    assert_same(alone[::-1], [dataset[index] for index in reversed(range(6))])


def test_dataset_mixes_the_same_samples_in_any_number_of_workers(
    images: list[AnnotatedImage],
) -> None:
    dataset = mixed(images, seed=3)
    alone = items(dataset)
    for workers in (0, 1, 2):
        assert_same(alone, through_workers(dataset, workers))
    assert_same(alone[::-1], [dataset[index] for index in reversed(range(6))])


def test_dataset_gives_the_same_samples_in_a_spawned_worker(images: list[AnnotatedImage]) -> None:
    dataset = mixed(images[:2], seed=3)
    loader = DataLoader(dataset, num_workers=1, collate_fn=list, multiprocessing_context="spawn")
    assert_same(items(dataset), [item for batch in loader for item in batch])


def test_dataset_mixes_other_samples_in_another_epoch_or_with_another_seed(
    images: list[AnnotatedImage],
) -> None:
    dataset = mixed(images, seed=3)
    first = items(dataset)
    dataset.set_epoch(1)
    second = items(dataset)
    for one, two, three in zip(first, second, items(mixed(images, seed=4)), strict=True):
        assert not torch.equal(one.image, two.image)
        assert not torch.equal(one.image, three.image)


def test_dataset_mixes_in_any_of_its_images(tmp_path: Path) -> None:
    images = []
    for index in range(5):
        Image.new("RGB", (32, 24), (40 * index,) * 3).save(tmp_path / f"{index}.png")
        images.append(record(tmp_path / f"{index}.png", [[index, 0.0, index + 5, 9]]))
    dataset = DetectionDataset(images, faster_rcnn_inference_transform(), mixing=Mixing(0, 1))
    others = set()
    for epoch in range(30):
        dataset.set_epoch(epoch)
        item = dataset[1]
        assert item.image_index == 1
        own, other = item.boxes_xyxy[:, 0].int().tolist()
        low, high = sorted((40, 40 * other))
        assert own == 1
        assert low <= 255 * item.image.min() + 1e-3
        assert 255 * item.image.max() - 1e-3 <= high
        others.add(other)
    assert others == {0, 1, 2, 3, 4}


def test_dataset_gives_other_samples_in_another_epoch_or_with_another_seed(
    images: list[AnnotatedImage],
) -> None:
    dataset = DetectionDataset(images, training_transform(16), seed=3)
    first = items(dataset)
    dataset.set_epoch(1)
    second = items(dataset)
    other_seed = items(DetectionDataset(images, training_transform(16), seed=4))
    for one, two, three in zip(first, second, other_seed, strict=True):
        assert not torch.equal(one.image, two.image)
        assert not torch.equal(one.image, three.image)
    dataset.set_epoch(0)
    assert_same(first, items(dataset))


def test_dataset_gives_each_index_its_own_randomness(images: list[AnnotatedImage]) -> None:
    twice = DetectionDataset([images[2], images[2]], training_transform(16))
    assert not torch.equal(twice[0].image, twice[1].image)


def test_dataset_tells_workers_that_outlive_an_epoch_of_the_next(
    images: list[AnnotatedImage],
) -> None:
    dataset = DetectionDataset(images, training_transform(16))
    loader = DataLoader(
        dataset, batch_size=3, num_workers=2, collate_fn=list, persistent_workers=True
    )
    for epoch in (0, 5):
        dataset.set_epoch(epoch)
        from_workers = [item for batch in loader for item in batch]
        assert_same(from_workers, items(dataset))


def test_dataset_leaves_the_global_random_state_alone(images: list[AnnotatedImage]) -> None:
    before = torch.get_rng_state()
    items(DetectionDataset(images, training_transform(16)))
    items(mixed(images, seed=0))
    assert torch.equal(torch.get_rng_state(), before)


def test_dataset_does_not_depend_on_the_global_random_state(images: list[AnnotatedImage]) -> None:
    dataset = DetectionDataset(images, training_transform(16))
    first = items(dataset)
    torch.rand(7)
    assert_same(first, items(dataset))


def test_dataset_gives_the_same_samples_from_its_cache(images: list[AnnotatedImage]) -> None:
    cached = DetectionDataset(images, training_transform(16), cache=True)
    plain = items(DetectionDataset(images, training_transform(16)))
    for image in images:
        image.path.unlink()
    assert_same(items(cached), plain)
    assert_same(items(cached), plain)  # A transform must not write into the cache.


@pytest.mark.parametrize("cache", [False, True])
def test_dataset_names_an_image_that_cannot_be_decoded(
    images: list[AnnotatedImage], cache: bool
) -> None:
    file = images[1].path
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match=r"1\.png: cannot be read as an image"):
        items(DetectionDataset(images, inference_transform(16), cache=cache))


def test_decode_image_names_a_size_that_the_record_does_not_have(tmp_path: Path) -> None:
    Image.new("RGB", (24, 32)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: is 24 x 32, but its record says 32 x 24"):
        decode_image(record(tmp_path / "a.png", []))


def test_decode_image_names_pixels_that_are_not_8_bits(tmp_path: Path) -> None:
    Image.new("I;16", (32, 24), 40000).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: has pixels of mode 'I;16'"):
        decode_image(record(tmp_path / "a.png", []))


def test_decode_image_names_a_file_of_too_many_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = noisy_image(tmp_path / "a.png", 0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 32 * 24 // 3)
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image"):
        decode_image(image)


@pytest.mark.parametrize(("mode", "colour"), [("L", 70), ("RGBA", (70, 70, 70, 9)), ("P", 70)])
def test_decode_image_gives_three_channels_for_every_mode(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...]
) -> None:
    image = Image.new(mode, (32, 24), colour)
    if mode == "P":
        image.putpalette([value for value in range(256) for _ in range(3)])
    image.save(tmp_path / "a.png")
    pixels = decode_image(record(tmp_path / "a.png", []))
    assert (pixels.shape, pixels.dtype) == ((3, 24, 32), torch.uint8)
    assert (pixels == 70).all()


def test_collate_lists_images_of_any_size(images: list[AnnotatedImage]) -> None:
    small, large = (DetectionDataset(images, inference_transform(size))[2] for size in (16, 24))
    batch = collate([small, large])
    assert [image.shape[-1] for image in batch.images] == [16, 24]


def test_collate_lists_what_belongs_to_each_image(images: list[AnnotatedImage]) -> None:
    dataset = DetectionDataset(images, inference_transform(16))
    loader = DataLoader(dataset, batch_size=3, collate_fn=collate)
    first: Batch = next(iter(loader))
    assert [image.shape for image in first.images] == [(3, 16, 16)] * 3
    assert [len(boxes) for boxes in first.boxes_xyxy] == [0, 1, 2]
    assert [labels.tolist() for labels in first.labels] == [[], [0], [0, 1]]
    assert first.indices == [0, 1, 2]
