from __future__ import annotations

import pytest

from refdet.config_train import Train
from refdet.train import train
from tests.training.runs import tiny_configs


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Train]:
    """A finished run of each detector in its output folder; tests must leave it as it is."""
    configs = tiny_configs(tmp_path_factory.mktemp("tiny"))
    for config in configs.values():
        assert train(config) == 0
    return configs


@pytest.fixture(params=["ssd300", "faster-rcnn"])
def config(request: pytest.FixtureRequest, finished_runs: dict[str, Train]) -> Train:
    """The options of a finished run of two epochs."""
    return finished_runs[request.param]


@pytest.fixture
def ssd300(finished_runs: dict[str, Train]) -> Train:
    """The same, of SSD300 only, for what does not depend on the detector."""
    return finished_runs["ssd300"]
