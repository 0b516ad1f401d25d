"""A refusal reads the same wherever it is caught: here, and beyond a worker process."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader

from refdet.data.augmentation import inference_transform
from refdet.data.dataset import DetectionDataset, Item
from refdet.data.problems import DataError
from refdet.data.voc import read_voc_split
from refdet.records import Problem
from tests.data.voc_folder import CLASSES, add_image, add_split, clean_folder

TWO = (Problem("a.png", "is missing"), Problem("b.xml", "is empty"))
TEXT = "a.png: is missing. There are 1 more; `refdet check-data` prints all."


@pytest.fixture
def broken_set(tmp_path: Path) -> DetectionDataset:
    """Its reader finds nothing wrong: that takes decoding."""
    root = clean_folder(tmp_path / "set")
    for name in "acd":
        add_image(root, name)
    add_split(root, "train", "a", "c", "d")
    file = root / "JPEGImages" / "c.png"
    file.write_bytes(file.read_bytes()[:-30])
    return DetectionDataset(read_voc_split(root, "train", CLASSES).images, inference_transform(16))


def test_data_error_says_the_first_problem_and_how_many_there_are() -> None:
    assert str(DataError(TWO)) == TEXT
    assert str(DataError(TWO[:1])) == "a.png: is missing."
    assert DataError(iter(TWO)).problems == TWO


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_error_survives_pickling(protocol: int) -> None:
    error = DataError(TWO)
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert (type(again), str(again), again.problems) == (DataError, TEXT, TWO)


@pytest.mark.parametrize("cause", [None, OSError("disk"), DataError([Problem("c", "is first")])])
def test_data_error_keeps_its_text_in_torchs_wrapper(cause: Exception | None) -> None:
    try:
        raise DataError(TWO) from cause
    except DataError:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(DataError) as caught:
        wrapped.reraise()
    assert str(caught.value) == TEXT


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_data_error_of_a_worker_names_the_broken_file(broken_set: DetectionDataset) -> None:
    def alone() -> list[Item]:
        return [broken_set[index] for index in range(len(broken_set))]

    with pytest.raises(DataError) as here:
        alone()
    assert re.match(r".*c\.png: cannot be read as an image", str(here.value))
    loader = DataLoader(broken_set, num_workers=1, collate_fn=list, multiprocessing_context="fork")
    with pytest.raises(DataError) as beyond:
        list(loader)
    assert str(beyond.value) == str(here.value)
