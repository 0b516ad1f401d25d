"""A target that holds to no contract: it tells what it was given, to the last bit."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import torch


class Named:
    """Targets that are not at the top of their module."""

    @staticmethod
    def tell(*positional: object, **keywords: object) -> str:
        return tell(*positional, **keywords)

    def method(self, *positional: object, **keywords: object) -> str:
        return tell(*positional, **keywords)


NAMED = Named()


def tell(*positional: object, **keywords: object) -> str:
    """A digest of all arguments: types, dtypes, shapes, bytes, and the states of generators."""
    text = repr(
        [[told(one) for one in positional], {name: told(one) for name, one in keywords.items()}]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def refuse(*positional: object, **keywords: object) -> str:
    """The same as an error."""
    raise LookupError(tell(*positional, **keywords))


def told(value: object) -> object:
    kind = type(value).__name__
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        array = np.asarray(value)
        return [kind, str(value.dtype), array.shape, array.tobytes().hex()]
    if isinstance(value, np.random.Generator):
        value = value.bit_generator.state
    if isinstance(value, torch.Generator):
        value = [str(value.device), value.get_state()]
    if dataclasses.is_dataclass(value):
        return told(vars(value) | {"": kind})
    if isinstance(value, dict):
        return [kind, [(told(key), told(item)) for key, item in value.items()]]
    if isinstance(value, list | tuple):
        return [kind, [told(item) for item in value]]
    return [kind, repr(value)]
