"""How numbers are compared: exactly as a contract says, or more loosely where one is told to.

Properties compare through these functions and nothing else, so that an implementation in float32
can be held to the same rules: `loosened(1e-6)` widens every comparison inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]

_LEAST_TOLERANCE: ContextVar[float] = ContextVar("least tolerance of conformance", default=0.0)


@contextmanager
def loosened(tolerance: float) -> Iterator[None]:
    """Let numbers inside differ by `tolerance`, absolute and relative, wherever less is allowed."""
    token = _LEAST_TOLERANCE.set(tolerance)
    try:
        yield
    finally:
        _LEAST_TOLERANCE.reset(token)


def slack() -> float:
    """How far out of its range a number may lie: 0 unless `loosened`."""
    return _LEAST_TOLERANCE.get()


def assert_close(
    got: ArrayLike, want: ArrayLike, what: str = "", *, atol: float = 0.0, rtol: float = 0.0
) -> None:
    """Raise AssertionError unless `got` is `want`, NaN for NaN, in shape and values.

    Args:
        got: what the implementation gave; anything that becomes an array. Of a masked array, what
            is masked is not compared: so an implementation says what it does not give.
        want: what it must be. Integers, truth values and text are compared exactly, whatever the
            tolerances.
        what: names the numbers in the message.
        atol: the largest absolute difference; 0 means bit for bit, but for the sign of 0.
        rtol: the same as a share of `want`.
    """
    found, wanted = np.asarray(got), np.asarray(want)
    # Only a masked array has a mask; NumPy before 2.3 gives its functions no types.
    absent = np.asarray(getattr(np.asanyarray(got), "mask", False), np.bool_)
    if absent.size and absent.all():
        return  # nothing is given, so that it has no shape either
    assert found.shape == wanted.shape, f"{what}: shape {found.shape} instead of {wanted.shape}"
    if wanted.dtype.kind == "f" and found.dtype.kind in "fiu":
        same = _near(found, wanted, max(atol, slack()), max(rtol, slack()))
    else:
        same = np.asarray(found == wanted)
    same = np.asarray(same | absent)
    if not same.all():
        at = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
        place = str(list(at)) if wanted.ndim else ""
        there, wanted_there = (_plain(np.atleast_1d(array)[at]) for array in (found, wanted))
        raise AssertionError(f"{what}{place}: {there!r} instead of {wanted_there!r}")


def _plain(value: object) -> object:
    # A column of objects, such as one with None in it, holds Python's own values.
    return value.item() if isinstance(value, np.generic) else value


def _near(got: F64, want: F64, atol: float, rtol: float) -> NDArray[np.bool_]:
    # Equality first, so that infinities compare; tolerances of 0 then mean bit for bit.
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(got - want) <= atol + rtol * np.abs(want)
    return np.asarray((got == want) | (np.isnan(got) & np.isnan(want)) | near)
