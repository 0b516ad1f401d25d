"""One thread for everybody, so that a table compares algorithms and not how busy the cores are."""

from __future__ import annotations

import os

# Before NumPy and torch load, since their thread pools read these once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
import torchvision

torch.set_num_threads(1)


def pytest_report_header() -> str:
    """The versions and threads that the numbers below were measured with."""
    versions = f"numpy {np.__version__}, torch {torch.__version__}"
    versions += f", torchvision {torchvision.__version__}"
    return f"benchmarks: {versions}; {torch.get_num_threads()} thread"
