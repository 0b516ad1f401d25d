"""The processes that train together, as `torchrun` starts them; one alone is a world of one.

What they say to each other here goes through gloo on the CPU. Gradients go through the default
group: NCCL between GPUs, gloo otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from refdet.models.runtime import choose_device

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long a process waits for another: longer than the evaluation of a large data set."""


@dataclass(frozen=True)
class World:
    """This process among those that train together.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        group: through which they talk; None in a world of one.
    """

    rank: int = 0
    size: int = 1
    group: distributed.ProcessGroup | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any process."""
        return self.any_of(flag)[0]

    def any_of(self, *flags: bool) -> list[bool]:
        """For each flag, whether it is true in any process."""
        if self.size == 1:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.int32)
        distributed.all_reduce(raised, distributed.ReduceOp.MAX, group=self.group)
        return [bool(flag) for flag in raised.tolist()]

    def gather(self, value: T) -> list[T]:
        """The value of every process, by rank, in every process."""
        if self.size == 1:
            return [value]
        values: list[T | None] = [None] * self.size
        distributed.all_gather_object(values, value, group=self.group)
        return [value for value in values if value is not None]

    def from_leader(self, value: T) -> T:
        """The leader's value in every process."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def share_buffers(self, network: nn.Module) -> None:
        """Give every process the leader's BatchNorm statistics, which each gathered by itself."""
        if self.size > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, src=0)

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """`network` so that its gradients are averaged over the processes."""
        if self.size == 1:
            return network
        return DistributedDataParallel(
            network, device_ids=[device.index] if device.type == "cuda" else None
        )


def n_processes() -> int:
    """How many processes `torchrun` started, on all machines; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def n_processes_here() -> int:
    """How many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def leads_here() -> bool:
    """Whether this process is the first of those that share this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def joined_world(device: torch.device) -> Iterator[World]:
    """The world that `torchrun` made, or a world of one; left when the block ends."""
    if n_processes() == 1:
        yield World()
        return
    if device.type == "cuda":
        distributed.init_process_group("nccl", timeout=PATIENCE, device_id=device)
    else:
        distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        group = distributed.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(group, distributed.ProcessGroup)  # a number for those not in it
        yield World(distributed.get_rank(), distributed.get_world_size(), group)
    finally:
        distributed.destroy_process_group()


def choose_process_device(name: str) -> torch.device:
    """The device of this process: as `choose_device`, but each process its own GPU.

    Raises:
        ValueError: no such device, one GPU for several processes, or too few of them.
    """
    if n_processes() == 1 or name == "cpu" or not torch.cuda.is_available():
        return choose_device(name)
    if name not in ("auto", "cuda"):
        raise ValueError(f"--device {name} is one GPU for {n_processes()} processes; give cuda")
    place, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= there:
        raise ValueError(
            f"{n_processes_here()} processes share this machine's {there} GPUs; start at most "
            f"{there} with --nproc-per-node, or give --device cpu"
        )
    device = choose_device(f"cuda:{place}")
    torch.cuda.set_device(device)
    return device
