"""How far a long work is: a bar on a terminal, and elsewhere, as in a log file, a line at times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from refdet.terminal import say

LINE_SECONDS = 30.0
"""From one line to the next, where there is no terminal."""


@contextmanager
def images_counted(doing: str, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Within the block, show how many of the images are done, and how many a second.

    Without a terminal, a block that takes less than `LINE_SECONDS` is not spoken of.

    Args:
        doing: what is done with them, such as `detecting`.
        total: how many images there are.
        shown: False shows nothing.

    Yields:
        What is to be told how many more are done.
    """
    if not shown or sys.stderr.isatty():
        with tqdm(None, doing, total, unit="image", disable=not shown) as bar:

            def move(more: int) -> None:
                bar.update(more)

            yield move
        return
    started = told = time.monotonic()
    done = 0

    def add(more: int) -> None:
        nonlocal done, told
        done += more
        now = time.monotonic()
        if more and now - told >= LINE_SECONDS:
            told = now
            rate = done / (now - started)
            say(f"{doing}: {done} of {total} images, {rate:.1f} images a second")

    yield add
