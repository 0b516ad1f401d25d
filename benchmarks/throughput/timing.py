"""Images per second of several sides, who take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True)
class Line:
    """What a side reached at a task.

    Attributes:
        task: what was done.
        side: who, and how it computed.
        rates: images per second, of each turn.
    """

    task: str
    side: str
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates)


def timed(
    task: str,
    sides: Mapping[str, Callable[[int], object]],
    images: int,
    device: torch.device,
    *,
    steps: int,
    turns: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Line]:
    """Each side's turn, then each side's next turn, so that a busy minute falls on all alike.

    Args:
        task: its name.
        sides: by name; called with the number of the step, which counts on from turn to turn.
        images: per step.
        device: whose work a turn waits for at its end.
        steps: per turn; a turn before the first, which compiles and warms up, is not counted.
        turns: of each side.
        clock: seconds.
    """
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, step in sides.items():
            wait_for(device)
            start = clock()
            for number in range(steps):
                step(turn * steps + number)
            wait_for(device)
            if turn:
                rates[name].append(steps * images / (clock() - start))
    return [Line(task, name, tuple(found)) for name, found in rates.items()]


def wait_for(device: torch.device) -> None:
    """Until a GPU has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rows(lines: Sequence[Line], ours: str) -> list[list[str]]:
    """Task, side, images per second, quartiles apart, and how many times as many ours reach.

    Args:
        lines: of any tasks.
        ours: what the names of our sides begin with; the first of a task is compared.
    """
    first = {line.task: line.rate for line in reversed(lines) if line.side.startswith(ours)}
    made = []
    for line in lines:
        is_ours = line.side.startswith(ours)
        ratio = "" if is_ours or line.task not in first else f"{first[line.task] / line.rate:.2f}x"
        spread = f"{min(line.rates):.3g} .. {max(line.rates):.3g}"
        made.append([line.task, line.side, f"{line.rate:.3g}", spread, ratio])
    return made
