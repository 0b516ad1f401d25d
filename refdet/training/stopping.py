"""Ctrl-C, and the end that a cluster announces: asked for at any time, done between two steps."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody has asked this process to stop."""

    def __init__(self) -> None:
        self.made = False

    def _make(self, _signal: int, _frame: FrameType | None) -> None:
        if self.made:  # the second time at once
            raise KeyboardInterrupt
        self.made = True


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within the block Ctrl-C (SIGINT) and SIGTERM are noted; a second one interrupts at once.

    Outside of the main thread, where Python allows no handlers, they do what they did before.
    """
    request = StopRequest()
    before: dict[signal.Signals, object] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, request._make)
    except ValueError:  # not the main thread
        before = {}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave
