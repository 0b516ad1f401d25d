"""How far a work is: a bar on a terminal, a line at times elsewhere, nothing if not asked for."""

from __future__ import annotations

import io
import re
import sys

import pytest

from refdet import progress
from refdet.progress import LINE_SECONDS, images_counted


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Stands for the module `time`: passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_images_counted_prints_a_line_now_and_then_without_a_terminal(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with images_counted("detecting", 400, shown=True) as count:
        for _ in range(5):
            clock.now += LINE_SECONDS / 2
            count(round(LINE_SECONDS))
        clock.now += LINE_SECONDS
        count(0)  # nothing new is no news
    assert capsys.readouterr().out.splitlines() == [
        f"detecting: {round(2 * LINE_SECONDS)} of 400 images, 2.0 images a second",
        f"detecting: {round(4 * LINE_SECONDS)} of 400 images, 2.0 images a second",
    ]


def test_images_counted_shows_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with images_counted("reading headers", 7, shown=True) as count:
        count(3)
        count(4)
    assert re.search(r"reading headers: 100%.*7/7 .*image/s", terminal.getvalue())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("terminal", [io.StringIO, Terminal])
def test_images_counted_shows_nothing_if_not_asked_to(
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: type[io.StringIO],
) -> None:
    stderr = terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    with images_counted("detecting", 400, shown=False) as count:
        clock.now += 10 * LINE_SECONDS
        count(300)
    assert stderr.getvalue() == capsys.readouterr().out == ""
