"""The state of every global random generator, as tensors and numbers that a checkpoint can hold."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

RandomStates = dict[str, object]


def random_states(device: torch.device) -> RandomStates:
    """The states of torch's, NumPy's and Python's generators, and of the GPU's if it is one."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002 - the global one
    version, words, gauss = random.getstate()
    states: RandomStates = {
        "torch": torch.get_rng_state(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, cached],
        "python": [version, list(words), gauss],
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(states: RandomStates, device: torch.device) -> None:
    """Put the generators where `random_states` found them."""
    torch_state, numpy_state, python_state = states["torch"], states["numpy"], states["python"]
    assert isinstance(torch_state, Tensor)
    assert isinstance(numpy_state, list)
    assert isinstance(python_state, list)
    torch.set_rng_state(torch_state)
    name, keys, *rest = numpy_state
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002 - likewise
    version, words, gauss = python_state
    random.setstate((version, tuple(words), gauss))
    cuda_state = states.get("cuda")
    if device.type == "cuda" and isinstance(cuda_state, Tensor):
        torch.cuda.set_rng_state(cuda_state, device)
