"""Ctrl-C, and the end that a cluster announces: asked for at any time, done between two steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody has asked this process to stop."""

    def __init__(self, announced: str | None) -> None:
        self.made = False
        self._announced = announced

    def _make(self, _signal: int, _frame: FrameType | None) -> None:
        if self.made:  # the second time at once
            raise KeyboardInterrupt
        self.made = True
        if self._announced:
            # Not print, which may be what was interrupted.
            line = f"\nstopping after this {self._announced}; once more stops at once\n"
            os.write(2, line.encode())


@contextmanager
def stop_on_signals(*, announced: str | None = None) -> Iterator[StopRequest]:
    """Within the block Ctrl-C (SIGINT) and SIGTERM are noted; a second one interrupts at once.

    The first is answered on the terminal if `announced` says what is finished before: `step`.

    Outside of the main thread, where Python allows no handlers, they do what they did before.
    """
    request = StopRequest(announced)
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


def leave_signals_to_parent(_worker: int) -> None:
    """In a loader worker: a terminal and torchrun signal it too, but its parent still needs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
