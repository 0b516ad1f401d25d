"""What stands between a contract, which speaks NumPy in core's way, and somebody's function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace

import numpy as np

from refdet.conformance.contract import BoxFormat


class Arrays(StrEnum):
    """What a function takes and gives in place of NumPy arrays."""

    NUMPY = "numpy"
    TORCH = "torch"
    LIST = "list"


class RealType(StrEnum):
    """The number formats of floating point."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True)
class Adapter:
    """How a function is called, where it differs from core's way.

    Attributes:
        arrays: NumPy arrays, torch tensors or nested lists; with tensors go torch's generators.
        box_format: of every box that goes in or comes out; None for what the contract has.
        dtype: of boxes, scores and other real numbers; None passes what the contract gives.
        device: where tensors lie, in torch's words.
        arguments: the contract's parameters in the order in which the function takes them, or
            `theirs=ours` for one that it takes by name; empty for core's order.
        returns: the names of the fields of a tuple that it returns.
        exact_errors: whether bad input must raise the very error that the contract names; otherwise
            any error will do.
        checks_values: whether it looks at values. One on a device may not, since it would have to
            wait for them: the vectors with the flag `refused-value` are then left out.
        tolerance: the largest difference, absolute or relative, that counts as equal.
        gives_parts: whether a masked array says what the function does not give, and is not
            compared there. Otherwise its mask is dropped: nobody is excused from a rule by it.
    """

    arrays: Arrays = Arrays.NUMPY
    box_format: BoxFormat | None = None
    dtype: str | None = None
    device: str = "cpu"
    arguments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    exact_errors: bool = False
    checks_values: bool = True
    tolerance: float = 0.0
    gives_parts: bool = False


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call, as the function takes them."""

    positional: tuple[object, ...]
    keywords: Mapping[str, object]


def adapt_arguments(
    adapter: Adapter,
    parameters: Sequence[str],
    positional: Sequence[object],
    keywords: Mapping[str, object],
) -> Arguments:
    """The arguments of a call, from those that a contract's check passes.

    Args:
        adapter: what the function wants.
        parameters: the contract's.
        positional: what the check passes in that order.
        keywords: what it passes by name.

    Raises:
        ValueError: `adapter.arguments` leaves out a parameter that has a value here.
    """
    in_order = dict(zip(parameters, positional, strict=False))
    ready = {
        name: _adapted(adapter, name, value) for name, value in {**in_order, **keywords}.items()
    }
    if not adapter.arguments:
        return Arguments(
            tuple(ready[name] for name in in_order), {name: ready[name] for name in keywords}
        )
    return _rearranged(adapter.arguments, ready)


def _rearranged(arguments: Sequence[str], ready: dict[str, object]) -> Arguments:
    positional: list[object] = []
    keywords: dict[str, object] = {}
    for word in arguments:
        theirs, _, ours = word.rpartition("=")
        if ours in ready:
            value = ready.pop(ours)
            if theirs:
                keywords[theirs] = value
            else:
                positional.append(value)
    if ready:
        raise ValueError(f"arguments {' '.join(arguments)} leave out {', '.join(ready)}")
    return Arguments(tuple(positional), keywords)


def adapt_outcome(adapter: Adapter, outcome: object, boxes: BoxFormat | None) -> object:
    """What the function returned, as the contract reads it; `boxes` is the format that it wants."""
    masks = adapter.gives_parts
    if adapter.returns and isinstance(outcome, tuple | list):
        parts, names = len(outcome), len(adapter.returns)
        # No ValueError, which would count for a refusal where the contract asks for one.
        assert parts == names, f"returned {parts} parts for {names} names"
        named = zip(adapter.returns, outcome, strict=True)
        return SimpleNamespace(**{name: _as_numpy(item, masks) for name, item in named})
    result = _as_numpy(outcome, masks)
    if isinstance(result, list) and adapter.arrays is Arrays.LIST:
        result = np.asarray(result)
    if boxes is not None and isinstance(result, np.ndarray):
        return convert_boxes(result, adapter.box_format or boxes, boxes)
    return result


def convert_boxes(boxes: np.ndarray, given: BoxFormat, wanted: BoxFormat) -> np.ndarray:
    """Boxes in another format, in their own dtype where that can hold them; else in float64."""
    if given is wanted or boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "iuf":
        return boxes  # what is no array of boxes is for the function itself to refuse
    numbers = boxes.astype(np.float64)
    with np.errstate(all="ignore"):
        converted = _FROM_CORNERS[wanted](*_TO_CORNERS[given](*numbers.T))
        array = np.stack(converted, axis=1)
        in_its_dtype = array.astype(boxes.dtype)
    same = (in_its_dtype == array) | np.isnan(array)
    return in_its_dtype if boxes.dtype.kind == "f" or same.all() else array


Sides = Sequence[np.ndarray]

_TO_CORNERS: Mapping[BoxFormat, Callable[..., Sides]] = {
    BoxFormat.XYXY: lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    BoxFormat.XYWH: lambda x, y, w, h: (x, y, x + w, y + h),
    BoxFormat.CXCYWH: lambda x, y, w, h: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
}
_FROM_CORNERS: Mapping[BoxFormat, Callable[..., Sides]] = {
    BoxFormat.XYXY: lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    BoxFormat.XYWH: lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
    BoxFormat.CXCYWH: lambda x1, y1, x2, y2: ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
}


def _adapted(adapter: Adapter, name: str, value: object) -> object:
    """One argument as the function takes it; what is no array or generator stays as it is."""
    if isinstance(value, np.random.Generator) and adapter.arrays is Arrays.TORCH:
        return _torch_generator(value, adapter.device)
    if not isinstance(value, np.ndarray):
        return value
    given = next((one for one in BoxFormat if name.endswith(f"_{one}")), None)
    array = value if given is None else convert_boxes(value, given, adapter.box_format or given)
    real = array.dtype.kind == "f" or (given is not None and array.dtype.kind in "iu")
    if adapter.dtype is not None and real:
        return _on_device(adapter, array, cast_to=adapter.dtype)
    return _on_device(adapter, array, cast_to=None)


def _on_device(adapter: Adapter, array: np.ndarray, cast_to: str | None) -> object:
    if adapter.arrays is not Arrays.TORCH:
        cast = array if cast_to is None else array.astype(cast_to)
        return cast.tolist() if adapter.arrays is Arrays.LIST else cast
    import torch  # noqa: PLC0415 - only where tensors are wanted: refdet itself needs none

    # Without a copy where none is needed, so that a function that writes to its inputs is seen.
    tensor = torch.from_numpy(array)
    return tensor.to(adapter.device, None if cast_to is None else getattr(torch, cast_to))


def _torch_generator(generator: np.random.Generator, device: str) -> object:
    """Torch's, seeded by NumPy's: equal ones give equal ones, and one that goes on another."""
    import torch  # noqa: PLC0415 - only where tensors are wanted: refdet itself needs none

    return torch.Generator(device).manual_seed(int(generator.integers(2**63)))


def _as_numpy(value: object, masks: bool) -> object:
    """Tensors as arrays, also those in a tuple, list, dict or record; masks stay if `masks`."""
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        tensor = value.detach().cpu()
        # NumPy has no bfloat16; float32 holds every one of its numbers.
        return np.asarray(tensor.float() if "bfloat16" in str(tensor.dtype) else tensor)
    if isinstance(value, np.ma.MaskedArray):
        return value if masks else np.asarray(value)
    if isinstance(value, tuple | list | dict):
        return _items_as_numpy(value, masks)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
    elif isinstance(value, SimpleNamespace):
        names = list(vars(value))
    else:
        # Of another class, which may compute what it gives: it stays as it is.
        inside = getattr(value, "__dict__", {}).items()
        hidden = [name for name, item in inside if isinstance(item, np.ma.MaskedArray)]
        assert masks or not hidden, f"returned masked arrays: {', '.join(hidden)}"
        return value
    return SimpleNamespace(**{name: _as_numpy(getattr(value, name), masks) for name in names})


def _items_as_numpy(
    values: tuple[object, ...] | list[object] | dict[object, object], masks: bool
) -> object:
    if isinstance(values, dict):
        return {name: _as_numpy(item, masks) for name, item in values.items()}
    items = [_as_numpy(item, masks) for item in values]
    if isinstance(values, list):
        return items
    return values._make(items) if hasattr(values, "_make") else tuple(items)  # it keeps its names
