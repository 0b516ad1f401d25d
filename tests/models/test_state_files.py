"""Whatever is in a file, it is read as weights or refused by name: 600 files of every bad kind."""

from __future__ import annotations

import io
import pickle
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from refdet.models.faster_rcnn_spec import Backbone
from refdet.models.faster_rcnn_weights import read_weights
from refdet.models.ssd300 import SSD300
from refdet.models.state_files import load_plain, read_state_file
from refdet.models.vgg_weights import load_base_weights

STATE = {"features.0.weight": torch.arange(6.0).reshape(2, 3)}


def saved(zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(STATE, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


WHOLE = (saved(True), saved(False), pickle.dumps({"a": 1, "b": [1, 2]}, 2))


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(40))


def text(rng: random.Random) -> bytes:
    letters = b"abcdefghijklmnopqrstuvwxyz().]}\n\x80\x02"
    return bytes(rng.choices(letters, k=rng.randrange(1, 30)))


def changed(rng: random.Random) -> bytes:
    content = bytearray(rng.choice(WHOLE))
    content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def cut(rng: random.Random) -> bytes:
    content = rng.choice(WHOLE)
    return content[: rng.randrange(len(content))]


def refusal(file: Path) -> str | None:
    """Why `file` is refused; None if all that it holds are tensors."""
    try:
        state = read_state_file(file)
    except ValueError as error:
        return str(error)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    return None


@pytest.mark.parametrize("make", [noise, text, changed, cut])
def test_read_state_file_reads_or_refuses_every_file(
    make: Callable[[random.Random], bytes], tmp_path: Path
) -> None:
    rng, file, refused = random.Random(0), tmp_path / "weights.pth", 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(150):
            file.write_bytes(make(rng))
            message = refusal(file)
            if message is not None:
                refused += 1
                assert message.startswith(f"{file} holds no ")
                assert "\n" not in message
    # A byte of the archive's padding, or of a number, changes no structure.
    assert refused > (20 if make is changed else 140)


def test_weights_name_a_file_that_holds_none(tmp_path: Path) -> None:
    file, ssd = tmp_path / "text.pth", SSD300(3)
    for content in (b"hello", b"", b"rk", WHOLE[0][:200], b"\x80\x02K\x01."):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"text\.pth holds no weights"):
            load_base_weights(ssd, str(file))
        with pytest.raises(ValueError, match=r"text\.pth holds no weights"):
            read_weights(Backbone.RESNET18_SMALL, str(file))


@pytest.mark.parametrize("content", [[1], {}, {1: torch.zeros(1)}, {"features.0.weight": 5}])
def test_read_state_file_refuses_what_is_no_state_dict(content: object, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save(content, file)
    with pytest.raises(ValueError, match=r"other\.pth holds no (weights|state dict)"):
        read_state_file(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_read_state_file_gives_what_was_saved(zipped: bool, tmp_path: Path) -> None:
    file = tmp_path / "good.pth"
    file.write_bytes(saved(zipped))
    got = read_state_file(file)
    assert list(got) == list(STATE)
    assert torch.equal(got["features.0.weight"], STATE["features.0.weight"])


def test_load_plain_says_why_a_file_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.pth cannot be read: .*No such file"):
        load_plain(tmp_path / "absent.pth")


def test_load_plain_runs_no_code(tmp_path: Path) -> None:
    file, ran = tmp_path / "code.pth", tmp_path / "ran"

    class Code:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (ran,))

    torch.save({"weight": Code()}, file)
    with pytest.raises(ValueError, match=r"code\.pth holds no weights"):
        load_plain(file)
    assert not ran.exists()
