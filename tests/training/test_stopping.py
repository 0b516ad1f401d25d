"""Ctrl-C is noted once, obeyed at once the second time, and somebody else's business afterwards."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from refdet.training.stopping import stop_on_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    signal.getsignal(number)  # Python runs handlers between two of its instructions


@pytest.fixture
def handled_before() -> Iterator[list[int]]:
    """Handlers that were there first; gives the signals that reached them."""
    reached: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        reached.append(number)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    yield reached
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_stop_on_signals_notes_the_first_and_raises_at_the_second(
    handled_before: list[int], number: signal.Signals
) -> None:
    with stop_on_signals() as stop:
        made = [stop.made]
        send(number)
        made.append(stop.made)
        with pytest.raises(KeyboardInterrupt):
            send(number)
    assert made == [False, True]
    assert handled_before == []


def test_stop_on_signals_raises_at_the_second_whichever_it_is(handled_before: list[int]) -> None:
    with stop_on_signals() as stop:
        send(signal.SIGTERM)
        assert stop.made
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert handled_before == []


def test_stop_on_signals_puts_the_handlers_back(handled_before: list[int]) -> None:
    own = [signal.getsignal(number) for number in SIGNALS]
    with stop_on_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != own
    assert [signal.getsignal(number) for number in SIGNALS] == own
    for number in SIGNALS:
        send(number)
    assert handled_before == list(SIGNALS)


def test_stop_on_signals_puts_the_handlers_back_after_an_error(handled_before: list[int]) -> None:
    def fail() -> None:
        with stop_on_signals():
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    send(signal.SIGINT)
    assert handled_before == [signal.SIGINT]


def test_stop_on_signals_can_be_used_again(handled_before: list[int]) -> None:
    with stop_on_signals():
        send(signal.SIGINT)
    with stop_on_signals() as stop:
        assert not stop.made
    assert handled_before == []


def test_stop_on_signals_leaves_signals_alone_in_a_thread(handled_before: list[int]) -> None:
    # Python lets the main thread alone set handlers.
    entered, leave = threading.Event(), threading.Event()
    made: list[bool] = []

    def train() -> None:
        with stop_on_signals() as stop:
            entered.set()
            leave.wait(timeout=10)
            made.append(stop.made)

    thread = threading.Thread(target=train)
    thread.start()
    assert entered.wait(timeout=10)
    send(signal.SIGINT)
    leave.set()
    thread.join()
    assert made == [False]
    assert handled_before == [signal.SIGINT]


@pytest.mark.parametrize("announced", [None, "step", "batch"])
def test_stop_on_signals_says_what_is_finished_first(
    handled_before: list[int], capfd: pytest.CaptureFixture[str], announced: str | None
) -> None:
    with stop_on_signals(announced=announced):
        send(signal.SIGINT)
    line = f"\nstopping after this {announced}; once more stops at once\n"
    assert capfd.readouterr().err == (line if announced else "")
