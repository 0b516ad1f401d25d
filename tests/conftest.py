"""Settings that every test shares: Hypothesis profiles and where the shared data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

# Deterministic and quick in `make test`; `HYPOTHESIS_PROFILE=long make test` looks harder.
settings.register_profile(
    "fast",
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden vectors."""
    return REPOSITORY / "fixtures" / "golden"


def _shared(part: str) -> Path:
    root = Path(os.environ.get("REFDET_SHARED", REPOSITORY.parent / "shared"))
    if not (root / part).is_dir():
        pytest.skip(f"no {part} in {root}: set REFDET_SHARED to the folder that holds it")
    return root / part


@pytest.fixture(scope="session")
def bccd() -> Path:
    """The real blood-cell set, or a skip."""
    return _shared("data/BCCD")


@pytest.fixture(scope="session")
def coco_fake100() -> Path:
    """COCO's fake detections with the published 12 numbers, or a skip."""
    return _shared("truth/coco_fake100")
