"""Where the arithmetic runs and in which number format: device, threads, precision, randomness."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum

import numpy as np
import torch

from refdet.models.checkpoints import library_versions


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is the first GPU if there is one, else the CPU.

    Raises:
        ValueError: no such device here; names those that there are.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        there = ", ".join(["cpu", *gpus])
        raise ValueError(f"no device {name!r} on this machine; there is {there}") from error
    return device


def computes_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bf16 in hardware, so that it is faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Older releases of torch cannot tell.
    probe: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    capabilities = probe()
    return bool(capabilities.get("amx_bf16")) or bool(capabilities.get("avx512_bf16"))


class NumberFormat(StrEnum):
    """The format that convolutions and matrix products are computed in."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


def autocast(device: torch.device, number_format: NumberFormat) -> AbstractContextManager[object]:
    """Convolutions and matrix products in that format inside; everything else as it is."""
    if number_format is NumberFormat.FP32:
        return contextlib.nullcontext()
    half = torch.bfloat16 if number_format is NumberFormat.BF16 else torch.float16
    return torch.autocast(device.type, dtype=half)


def be_deterministic() -> None:
    """Make torch choose only kernels that give the same bits each time, or raise where it has none.

    On a GPU this costs speed; on a CPU its kernels are so anyway.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False


def set_threads(threads: int, processes: int = 1) -> None:
    """Give torch `threads` CPU threads; 0 shares the usable cores.

    Args:
        threads: of this process.
        processes: that share the machine's cores.
    """
    torch.set_num_threads(threads or max(1, usable_cores() // processes))


def usable_cores() -> int:
    """The CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Let this process keep the memory that tensors free, instead of returning it each time.

    glibc gives a freed block of some megabytes back to the system at once, so that every
    activation of every step is mapped and cleared anew, a fifth of a training step's time on two
    cores. Elsewhere than on glibc nothing is changed.
    """
    mmap_max, trim_threshold = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of glibc's malloc.h
    with contextlib.suppress(OSError, AttributeError):
        glibc = ctypes.CDLL("libc.so.6")
        glibc.mallopt(mmap_max, 0)
        glibc.mallopt(trim_threshold, 2**31 - 1)


def seed_everything(seed: int) -> None:
    """Seed every global generator; samples have their own, derived from seed, epoch and index."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a library may draw from the global one
    torch.manual_seed(seed)


def describe_environment(device: torch.device) -> str:
    """Device, memory, threads and versions, in one line."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        where = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    else:
        where = f"CPU ({platform.machine()}), {torch.get_num_threads()} threads"
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return f"{where}; {versions}"
