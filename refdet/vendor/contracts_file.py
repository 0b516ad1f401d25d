"""The contracts of vendored functions as a pytest file that needs no `refdet`."""

from __future__ import annotations

from collections.abc import Sequence

from refdet.vendor.extracting import Room


def contracts_source(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> str:
    """The text of `test_<module>.py`, which lies beside the vendored `<module>.py`.

    Args:
        module: the vendored file's name, without `.py`.
        functions: those of its functions that are vendored; by default all.
        room: where the original lies.

    Raises:
        ValueError: there is no such file or function.
        NotImplementedError: always, as yet.
    """
    raise NotImplementedError(f"contracts of {module}, {functions}, {room}")
