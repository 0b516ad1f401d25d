"""Seconds and peak memory of one command: python measure.py RESULT COMMAND [ARGUMENT ...].

It imports the standard library alone and is a process of its own, because a process that is
started inherits the peak of the one that starts it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

CORES = 2
UNIT = 1 if platform.system() == "Darwin" else 1024  # bytes on macOS, kB elsewhere


def main() -> None:
    """Run the command; write its exit status, seconds and peak, and what it said last."""
    result, *command = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    said = Path(f"{result}.said")
    start = time.perf_counter()
    with said.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        # Of this child and of those that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    outcome = {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "peak_bytes": usage.ru_maxrss * UNIT,
        "last_line": lines[-1] if lines else "",
    }
    Path(result).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
