"""Files with a state dict, as `torch.save` writes them: read, or refused in a sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor


def read_state_file(file: Path) -> dict[str, Tensor]:
    """The tensors in `file`, by name.

    Raises:
        ValueError: it cannot be read, or holds anything else; names the file.
    """
    content = load_plain(file)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{file} holds no weights: it is no state dict")
    for name, value in content.items():
        if not (isinstance(name, str) and isinstance(value, Tensor)):
            raise ValueError(f"{file} holds no state dict of torchvision: {name!r} is no tensor")
    return content


def load_plain(file: Path) -> object:
    """What `torch.save` wrote to `file`, on the CPU; tensors and plain containers only.

    Raises:
        ValueError: it cannot be read; names the file.
    """
    try:
        with file.open("rb") as opened, warnings.catch_warnings():
            # Of another file's first bytes torch says that they are no pickle protocol it knows.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(opened, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    # torch's reader obeys the bytes that it finds: of any kind of error, some file raises it.
    except Exception as error:
        raise ValueError(
            f"{file} holds no weights that torch can read: cut short, or another kind of file "
            f"({type(error).__name__})"
        ) from error
