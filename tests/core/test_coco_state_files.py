"""`CocoState.save` and `load`: what was written is read, or the error names the file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.coco_eval import STATE_FORMAT, CocoParams, CocoState
from tests.core.coco_cases import random_columns, random_params, state_of
from tests.core.test_coco_state import assert_same_state


def some_state(seed: int = 5) -> CocoState:
    rng = np.random.default_rng(seed)
    return state_of(random_columns(rng), random_params(rng))


def content(**changes: object) -> bytes:
    """A file as `save` writes it, with other columns."""
    state = some_state()
    columns = {name: value for name, value in vars(state).items() if name != "params"}
    text = json.dumps({"format": STATE_FORMAT, **asdict(state.params)})
    file = io.BytesIO()
    np.savez(file, **{"params": np.array(text), **columns, **changes})
    return file.getvalue()


@pytest.mark.parametrize("seed", range(10))
def test_load_gives_what_was_saved(seed: int, tmp_path: Path) -> None:
    state = some_state(seed)
    state.save(tmp_path / "state")
    assert_same_state(CocoState.load(tmp_path / "state"), state)


def test_load_gives_back_unusual_parameters(tmp_path: Path) -> None:
    ranges = [("größer", np.float32(0.1), np.inf), ("all", np.int64(0), 7)]
    params = CocoParams((np.float64(1 / 3),), [1e-300, 1], ranges, np.array([3, 1]), True)  # type: ignore[arg-type]  # an array serves as well
    state = state_of(random_columns(np.random.default_rng(0)), params)
    state.save(tmp_path / "state.npz")
    assert CocoState.load(tmp_path / "state.npz").params == params


def test_load_takes_the_file_that_the_tests_below_break(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(content())
    assert_same_state(CocoState.load(tmp_path / "state"), some_state())


def as_npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(array))
    return file.getvalue()


def other_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return file.getvalue()


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"image,score\n1,0.5\n" * 100,
    "json": lambda: b'{"format": 1}',
    "pickle": lambda: b"\x80\x04K\x01.",
    "an array": lambda: as_npy([1, 2, 3]),
    "an array of objects": lambda: as_npy([{}]),
    "another archive": other_archive,
    "no parameters": lambda: content(params=np.array("")),
    "parameters of a number": lambda: content(params=np.array("3")),
    "parameters of a list": lambda: content(params=np.array("[1]")),
    "parameters without format": lambda: content(params=np.array("{}")),
    "another format": lambda: content(params=np.array(json.dumps({"format": 2}))),
    "unknown parameters": lambda: content(params=np.array(json.dumps({"format": 1, "more": 1}))),
    "wrong parameters": lambda: content(
        params=np.array(json.dumps({"format": 1, "max_detections": [0]}))
    ),
    "an additional column": lambda: content(more=np.zeros(3)),
    "a shorter column": lambda: content(scores=np.zeros(1)),
    "a longer column": lambda: content(object_label=np.zeros(999, np.int32)),
    "a column of another dtype": lambda: content(image=some_state().image.astype(np.int64)),
    "a column of another shape": lambda: content(hit=some_state().hit[:, 0]),
    "ids that are no row": lambda: content(image_ids=np.int64(3)),
    "objects instead of numbers": lambda: content(rank=np.array([{}], dtype=object)),
    "an image that is not there": lambda: content(image_ids=np.zeros(0, np.int64)),
    "a class that is not there": lambda: content(category_ids=np.zeros(0, np.int64)),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_load_refuses_what_is_no_state_by_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "no-state.npz"
    path.write_bytes(BROKEN[kind]())
    with pytest.raises(ValueError, match=r"no-state\.npz is no state that this version wrote"):
        CocoState.load(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"params": np.array(json.dumps({"format": 2}))}, "of another format"),
        ({"scores": np.zeros(1)}, r"scores is float64 of shape \(1,\)"),
        ({"rank": some_state().rank.astype(np.int64)}, r"rank is int64 of shape \(\d+,\)"),
        # One less than there are: the last one's place is just beyond.
        ({"image_ids": some_state().image_ids[:-1]}, r"image points beyond \d+ ids"),
        ({"category_ids": some_state().category_ids[:-1]}, r"label points beyond \d+ ids"),
    ],
)
def test_load_says_why_a_file_is_no_state(
    changes: dict[str, NDArray[np.generic]], reason: str, tmp_path: Path
) -> None:
    (tmp_path / "no-state.npz").write_bytes(content(**changes))
    with pytest.raises(ValueError, match=rf"this version wrote: (object_)?{reason}$"):
        CocoState.load(tmp_path / "no-state.npz")


def test_load_refuses_a_truncated_file(tmp_path: Path) -> None:
    whole, path = content(), tmp_path / "cut.npz"
    for length in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.npz is no state"):
            CocoState.load(path)


def test_load_of_a_damaged_file_gives_the_state_or_an_error(tmp_path: Path) -> None:
    whole, path = content(), tmp_path / "damaged.npz"
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(250):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            state = CocoState.load(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017  # most are refused, a few are harmless
            refused += 1
        else:
            assert_same_state(state, some_state())
    assert refused > 150


def test_load_refuses_a_column_that_its_header_cuts_short(tmp_path: Path) -> None:
    """So long a column that NumPy stops before the end, where zipfile would compare the sum."""
    columns = random_columns(np.random.default_rng(5))
    state_of({**columns, "image_ids": np.arange(2000)}).save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    at = whole.index(b"(2000,)", whole.index(b"image_ids.npy"))
    (tmp_path / "cut.npz").write_bytes(whole[:at] + b"(1000,)" + whole[at + 7 :])
    with pytest.raises(ValueError, match=r"cut\.npz is no state.*image_ids\.npy is damaged"):
        CocoState.load(tmp_path / "cut.npz")


def test_load_of_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        CocoState.load(tmp_path / "missing.npz")
