"""A plugin for pytest in whose process torch counts a CUDA device that is not there."""

from __future__ import annotations

import torch

torch.cuda.device_count = lambda: 1
