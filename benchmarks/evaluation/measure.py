"""One measurement, alone in a process of its own: imports and inputs first, then the clock.

Called by `run`: python -m benchmarks.evaluation.measure MODULE FORM WORKLOAD RESULT ANSWER
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Form, Images, Lists, arrays, images, lists, load
from benchmarks.evaluation.workloads import Workload

Inputs = Arrays | Lists | Images
MAKERS: dict[Form, Callable[[Workload], Inputs]] = {
    Form.ARRAYS: arrays,
    Form.LISTS: lists,
    Form.IMAGES: images,
}
CORES = 2
ON_LINUX = platform.system() == "Linux"


def main() -> None:
    """Measure what the command line names; write seconds and peak memory, and the answer."""
    module_name, form_name, workload, result, answer_file = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    form = Form(form_name)
    module = importlib.import_module(f"benchmarks.evaluation.peers.{module_name}")
    judge: Callable[[Inputs], Answer] = getattr(module, f"from_{form.value}")
    inputs = MAKERS[form](load(Path(workload)))

    before = settled_memory()
    start = time.perf_counter()
    answer = judge(inputs)
    seconds = time.perf_counter() - start
    peak = peak_memory() - before

    answer.save(Path(answer_file))
    Path(result).write_text(json.dumps({"seconds": seconds, "peak_bytes": max(0, peak)}))


def settled_memory() -> int:
    """Bytes in use now, after what making the inputs left over went back to the system.

    From here on, `peak_memory` counts anew.
    """
    gc.collect()
    if ON_LINUX:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return status_bytes("VmRSS")
    return peak_memory()


def peak_memory() -> int:
    """The most bytes in use at any time: on Linux since `settled_memory`, elsewhere ever.

    `ru_maxrss` could not be counted anew, and would hide what fits below the inputs' own peak.
    """
    if ON_LINUX:
        return status_bytes("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes


def status_bytes(field: str) -> int:
    """A value of /proc/self/status, which is in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    main()
