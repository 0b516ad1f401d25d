"""The main functions compiled to machine code by torch's own compiler, held to what they give.

`test_devices.py` has every function traced to one graph, which is quick; here a C++ compiler makes
code of some, as `torch.compile` does by default, which takes seconds each.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from refdet.torch_ops import assign, iou, losses, postprocess
from tests.torch_ops.test_devices import random_batch, tensors

COMPILER = shutil.which(os.environ.get("CXX", "g++"))
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")

N_IMAGES, N_PRIORS = 2, 150
Function = Callable[..., object]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that was compiled before is taken, and no process is started that would stay."""
    folder: Path = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch, torch._inductor.config.patch(compile_threads=1):
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
        yield
        assert list(folder.rglob("*.so")), "nothing was compiled"
    torch.compiler.reset()


def compiled(function: Function) -> Function:
    torch.compiler.reset()
    made: Function = torch.compile(function, fullgraph=True)
    return made


def boxes(*shape: int, seed: int) -> Tensor:
    """Boxes of which many overlap."""
    corners = torch.rand(2, *shape, 2, generator=torch.Generator().manual_seed(seed))
    return torch.cat([corners.amin(dim=0), corners.amax(dim=0)], dim=-1)


def assert_same(function: Function, *arguments: object, **options: object) -> None:
    want = tensors(function(*arguments, **options))
    got = tensors(compiled(function)(*arguments, **options))
    assert len(got) == len(want) > 0
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_compiled_iou_matrix_is_the_same() -> None:
    assert_same(iou.iou_matrix, boxes(N_PRIORS, seed=0), boxes(N_IMAGES, 9, seed=1))


def test_compiled_assign_ssd_is_the_same() -> None:
    """With objects that compete for priors, and with padding."""
    overlaps = iou.iou_matrix(boxes(N_PRIORS, seed=0), boxes(N_IMAGES, 9, seed=1))
    valid = torch.arange(9) < torch.tensor([[9], [4]])
    assert_same(assign.assign_ssd, overlaps, 0.5, valid)


def test_compiled_multibox_loss_and_its_gradient_are_the_same() -> None:
    batch = random_batch(3)
    results = []
    for function in (losses.multibox_loss, compiled(losses.multibox_loss)):
        loss = function(*batch)
        assert isinstance(loss, losses.MultiBoxLoss)
        results.append([*loss, *torch.autograd.grad(loss.total, batch[:2])])
    assert all(one.isfinite().all() for one in results[1])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)


def test_compiled_decode_detections_is_the_same() -> None:
    rng = torch.Generator().manual_seed(2)
    assert_same(
        postprocess.decode_detections,
        torch.randn(N_IMAGES, N_PRIORS, 4, generator=rng),
        torch.randn(N_IMAGES, N_PRIORS, 4, generator=rng),
        boxes(N_PRIORS, seed=3),
        (10.0, 10.0, 5.0, 5.0),
        width=1.0,
        height=1.0,
        min_score=0.2,
        iou_threshold=0.45,
        top_k_before_nms=40,
        top_k=20,
    )
