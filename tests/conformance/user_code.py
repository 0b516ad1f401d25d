"""A stranger's package, as the command and the plugin find it in the current folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

RIGHT = """
import numpy as np

from refdet.core.iou import iou_matrix


def corners(boxes):
    x, y, w, h = boxes.T
    return np.stack([x, y, x + w, y + h], axis=1)


def iou(a, b):
    return iou_matrix(a, b)


def iou_of_xywh(a, b):
    return iou_matrix(corners(a), corners(b))


def swapped(gt, predicted):
    return iou_matrix(predicted, gt)


def ioa(*, gt, predicted):
    from refdet.core.iou import ioa_matrix

    return ioa_matrix(predicted, gt)


def of_lists(a, b):
    assert isinstance(a, list) and isinstance(b, list)
    return iou_matrix(np.reshape(np.array(a), (-1, 4)), np.reshape(np.array(b), (-1, 4))).tolist()


def of_torch(a, b):
    import torch

    assert isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
    return torch.from_numpy(iou_matrix(a.numpy(), b.numpy()))


def in_single_precision(a, b):
    assert a.dtype == np.float32
    return iou_matrix(a, b).astype(np.float32)


def nan_where_empty(a, b):
    iou = iou_matrix(a, b)
    # Boxes without size share nothing of nothing, as many an implementation divides it.
    empty = (a[:, 2:] <= a[:, :2]).any(1)[:, None] & (b[:, 2:] <= b[:, :2]).any(1)
    with np.errstate(all="warn"):
        return iou / np.where(empty, 0, 1)


class Also:
    iou = staticmethod(iou)
"""

NAN_BREAKS = ("iou_equals_counting_unit_cells", "iou_matrix/boxes-without-area")
"""What `nan_where_empty` must break, whatever else it does."""


def folder_of_a_stranger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`folder` with a package in it, as the current one; what is imported is forgotten later."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "mypkg"]:
        monkeypatch.delitem(sys.modules, module)
    (folder / "mypkg").mkdir()
    (folder / "mypkg" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "mypkg" / "metrics.py").write_text(RIGHT, encoding="utf-8")
    (folder / "mypkg" / "raises.py").write_text("raise RuntimeError('no licence')", "utf-8")
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one not in {"", str(folder)}])
    monkeypatch.chdir(folder)
    return folder
