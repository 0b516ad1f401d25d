"""One benchmark: checked, then timed on several inputs, then its memory."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable
from itertools import cycle
from multiprocessing.connection import Connection
from statistics import median

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.evaluation.measure import peak_memory, settled_memory
from benchmarks.speed.task import Inputs, Trial

SECONDS = 0.25
"""How long an implementation is measured, if that is between these two numbers of calls."""
LEAST_ROUNDS, MOST_ROUNDS = 5, 200
SLOW, SLOW_ROUNDS = 1.0, 3
"""Calls of more seconds than that are not warmed up further, and measured so many times."""
ENDLESS = 5.0
"""And those of more than that once."""
COPY_BYTES = 1 << 28
"""More than fits into a processor's caches."""


def measure(trial: Trial, benchmark: BenchmarkFixture, *, quick: bool) -> None:
    """Check `trial`, then time it: the median and the quartiles of many calls."""
    inputs = trial.inputs()
    start = time.perf_counter()
    result = trial.call(*inputs[0])  # which is also the first warm-up
    first = time.perf_counter() - start
    # Between the two, it may have been that something had to be loaded.
    slow = first > ENDLESS or (first > SLOW and calls_in(SLOW, trial.call, inputs[1]) == 0)
    agrees = checked(trial, result)
    moved_bytes, operations = trial.work()
    benchmark.group = f"{trial.task.name} {trial.case.name}"
    benchmark.extra_info.update(
        family=trial.task.family,
        function=trial.task.name,
        unit=trial.task.unit,
        case=trial.case.name,
        size=trial.case.size,
        device=trial.device,
        dtype=trial.dtype,
        implementation=trial.implementation.name,
        agrees=agrees,
        peak_bytes=peak_bytes(trial.call, inputs[0], trial.device, warm_up=not slow),
        moved_bytes=moved_bytes,
        operations=operations,
    )
    turns = cycle(inputs)
    fitting = 0 if quick or slow else calls_in(SECONDS, trial.call, inputs[1])
    least = (1 if first > ENDLESS else SLOW_ROUNDS) if slow else LEAST_ROUNDS
    benchmark.pedantic(
        trial.call,
        setup=lambda: (next(turns), {}),
        rounds=2 if quick else min(MOST_ROUNDS, max(least, fitting)),
        warmup_rounds=min(len(inputs), fitting),
    )


def checked(trial: Trial, result: object) -> bool:
    """Whether a result is the oracle's; an error if it is not, and may not differ."""
    try:
        trial.check(result)
    except AssertionError:
        if trial.implementation.may_differ:
            return False
        raise
    return True


def calls_in(seconds: float, call: Callable[..., object], inputs: Inputs) -> int:
    """How many calls fit into a time, from one."""
    start = time.perf_counter()
    call(*inputs)
    return int(seconds / (time.perf_counter() - start))


def peak_bytes(
    call: Callable[..., object], inputs: Inputs, device: str, *, warm_up: bool = True
) -> int:
    """The most memory that a call takes at any time, above its inputs.

    On the CPU it is called in a process of its own, whose resident pages are counted: after a first
    call, else the pages of the libraries are counted too. On CUDA it is what torch's allocator gave
    out.
    """
    if device == "cpu":
        return _peak_of_a_process(call, inputs, warm_up)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call(*inputs)
    return torch.cuda.max_memory_allocated(device) - before


def _peak_of_a_process(call: Callable[..., object], inputs: Inputs, warm_up: bool) -> int:
    # A fork, since it has the imports and the inputs already: hundreds are needed.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_peak, args=(sender, call, inputs, warm_up))
    child.start()
    sender.close()  # so that a child that dies ends `recv`, instead of letting it wait
    try:
        peak: int = receiver.recv()
    finally:
        child.join()
    return peak


def _send_peak(
    sender: Connection, call: Callable[..., object], inputs: Inputs, warm_up: bool
) -> None:
    gc.freeze()  # what the parent made is not looked through again
    torch.set_num_threads(1)  # a fork has no other: it would wait for its parent's for ever
    if warm_up:
        call(*inputs)
    before = settled_memory()
    call(*inputs)
    sender.send(max(0, peak_memory() - before))


def copied_bytes_per_second(device: str, n_bytes: int = COPY_BYTES) -> float:
    """What the machine moves at best: bytes read and written by a plain copy, a second."""
    source = torch.ones(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        target.copy_(source)
        if device != "cpu":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return 2 * n_bytes / median(seconds[1:])  # the first also maps the pages
