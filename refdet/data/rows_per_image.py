"""Columns out of what each image has an array of: tensors, NumPy arrays or lists.

Where all are tensors of one kind, they are joined on their device and copied once, several times
as fast as one by one. Torch is not imported before there is a tensor, when it has been already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from refdet.columns import F64, I64, Mask
from refdet.data.box_format import BoxFormat, xywh_from
from refdet.data.entries import LARGEST_INTEGRAL_FLOAT, Entries

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item", np.float64, np.int64, np.bool_)

# Checks and converts an array of rows; its error names the key that it is told, row and value.
Reading = Callable[[NDArray[np.generic], str], NDArray[Item]]


def column(
    images: Entries,
    key: str,
    tail: tuple[int, ...],
    read: Reading[Item],
    values: list[object] | None = None,
) -> tuple[NDArray[Item], I64]:
    """The rows of all images' values of a key, and each image's number of them.

    Args:
        images: for the errors.
        key: its values are taken unless `values` are given.
        tail: the shape of one row.
        read: checks and converts an array of rows; its error says what is wrong with which.
        values: (I) tensors, arrays or lists; None is empty.
    """
    values = _values(images, key) if values is None else values
    joined = _joined(values, tail)
    if joined is not None:
        try:
            return read(joined[0], key), joined[1]
        except ValueError:
            pass  # below, the image is found
    parts: list[NDArray[Item]] = []
    for index, value in enumerate(values):
        try:
            parts.append(read(_array(value, key, tail), key))
        except ValueError as error:
            raise images.error(index, str(error)) from None
    counts = np.array([len(part) for part in parts], np.int64)
    return np.concatenate([read(np.zeros((0, *tail), np.int64), key), *parts]), counts


def aligned(
    images: Entries,
    key: str,
    read: Reading[Item],
    counts: I64,
    fallback: NDArray[Item] | None = None,
) -> NDArray[Item]:
    """The column of a key, (N,), of which every image must have as many as it has boxes.

    Where an image has no such key, its part of `fallback`, (N,), is taken if that is given.
    """
    values = _values(images, key)
    if fallback is not None:
        absent = [index for index, value in enumerate(values) if value is None]
        if len(absent) == len(values):
            return fallback
        ends = np.cumsum(counts)
        for index in absent:
            values[index] = fallback[ends[index] - counts[index] : ends[index]]
    rows, own_counts = column(images, key, (), read, values)
    differ: Mask = own_counts != counts
    if differ.any():
        index = int(differ.argmax())
        for needed in ("boxes", key):
            if images.rows[index].get(needed) is None:
                raise images.error(index, f"{needed} missing")
        raise images.error(index, f"{key} has {own_counts[index]} rows, boxes {counts[index]}")
    return rows


def numbers(array: NDArray[np.generic], key: str) -> F64:
    """Finite numbers of any real dtype."""
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{key} has dtype {array.dtype}, which is not of numbers")
    converted = array.astype(np.float64)
    _refuse(~np.isfinite(converted), array, key, "is not finite")
    return converted


def areas(array: NDArray[np.generic], key: str) -> F64:
    """Finite numbers that are not negative."""
    converted = numbers(array, key)
    _refuse(converted < 0, array, key, "is negative")
    return converted


def integers(array: NDArray[np.generic], key: str) -> I64:
    """Integers, also those that are held as 7.0."""
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{key} has dtype {array.dtype}, which is not of integers")
    with np.errstate(invalid="ignore"):  # of what does not fit, which is found right after
        converted = array.astype(np.int64)
    wrong = converted != array
    if array.dtype.kind == "f":
        wrong |= np.abs(array.astype(np.float64)) > LARGEST_INTEGRAL_FLOAT
    _refuse(wrong, array, key, "is not an integer of 64 bits")
    return converted


def flags(array: NDArray[np.generic], key: str) -> Mask:
    """Bools, or zeros and ones of any real dtype."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{key} has dtype {array.dtype}, which is not of flags")
    _refuse((array != 0) & (array != 1), array, key, "is not 0 or 1")
    return array.astype(np.bool_)


def boxes_of(box_format: BoxFormat) -> Reading[np.float64]:
    """Boxes of that format, (N, 4), which are given as x, y, width, height."""

    def read(array: NDArray[np.generic], key: str) -> F64:
        given = numbers(array, key)
        boxes = xywh_from(given, box_format)
        inverted = "x2 < x1 or y2 < y1" if box_format is BoxFormat.XYXY else "a negative side"
        _refuse(boxes[:, 2:] < 0, given, key, f"has {inverted}")
        return boxes

    return read


def _values(images: Entries, key: str) -> list[object]:
    return [image.get(key) for image in images.rows]


def _joined(values: list[object], tail: tuple[int, ...]) -> tuple[NDArray[np.generic], I64] | None:
    """All arrays, or all tensors, as one, and each one's length; None if it is not so simple."""
    try:
        shaped = cast("list[_Shaped | None]", values)  # what is none has no shape, which is caught
        counts = [0 if array is None else array.shape[0] for array in shaped]
        # An empty one is often a float by default, to which joining would round large integers.
        full = [
            array
            for array, count in zip(shaped, counts, strict=True)
            if array is not None and count
        ]
        if len({array.dtype for array in full}) != 1:
            return None
        joined = _concatenated(full)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        return None
    if joined is None or joined.shape[1:] != tail:
        return None
    return joined, np.array(counts, np.int64)


def _concatenated(arrays: Sequence[object]) -> NDArray[np.generic] | None:
    if all(isinstance(array, np.ndarray) for array in arrays):
        return np.concatenate(cast("list[NDArray[np.generic]]", arrays))  # as was just seen
    if "torch" in sys.modules:
        import torch  # noqa: PLC0415 - an extra, which who has no tensor need not have

        if all(isinstance(array, torch.Tensor) for array in arrays):
            return _as_numpy(torch.cat(cast("list[torch.Tensor]", arrays)))  # likewise
    return None


class _Shaped(Protocol):
    """What an array and a tensor have in common."""

    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> object: ...


@runtime_checkable
class _Tensor(Protocol):
    """What is needed of a torch tensor."""

    def detach(self) -> _Tensor: ...
    def cpu(self) -> _Tensor: ...
    def double(self) -> _Tensor: ...
    def is_floating_point(self) -> bool: ...
    def numpy(self) -> NDArray[np.generic]: ...


def _as_numpy(tensor: _Tensor) -> NDArray[np.generic]:
    held = tensor.detach().cpu()
    return (held.double() if held.is_floating_point() else held).numpy()  # NumPy has no bfloat16


def _array(value: object, key: str, tail: tuple[int, ...]) -> NDArray[np.generic]:
    """One image's value as an array with rows of shape `tail`."""
    try:
        array = _as_numpy(value) if isinstance(value, _Tensor) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} is no array: {error}") from None
    if value is None or array.size == 0:
        return np.zeros((0, *tail), np.int64)
    if array.shape[1:] != tail or array.ndim == 0:
        wanted = ", ".join(["N", *map(str, tail)])
        raise ValueError(f"{key} has shape {array.shape}, not ({wanted})")
    return array


def _refuse(wrong: Mask, array: NDArray[np.generic], key: str, why: str) -> None:
    if wrong.any():
        row = int(np.argwhere(wrong)[0, 0])  # of (N,), (N, 2) or (N, 4)
        raise ValueError(f"{key}[{row}] = {array[row].tolist()} {why}")
