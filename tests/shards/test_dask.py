"""A Dask cluster of two processes of this machine, reached by its address."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask import config
from distributed import Client, LocalCluster

from refdet.shards import evaluate_in_shards, match_shards, opened_pool, split_by_image
from refdet.shards import pool as pool_module
from tests.shards.data_sets import assert_same_bits, of_one_run, random_detections, random_objects
from tests.shards.dying import dying_once, refused

OBJECTS = random_objects(4)
DETECTIONS = random_detections(OBJECTS, 4)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a scheduler with two worker processes; a task may kill one of them, not two."""
    with (
        config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
    ):
        yield cluster.scheduler_address


def test_evaluate_in_shards_on_a_cluster_equals_one_run(address: str) -> None:
    state = evaluate_in_shards(OBJECTS, DETECTIONS, dask=address)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_opened_pool_counts_the_cluster_s_workers(address: str) -> None:
    with opened_pool(address) as pool:
        assert pool.size == 2
        assert pool.executor is not None


def test_match_shards_is_done_again_where_a_worker_dies(address: str, tmp_path: Path) -> None:
    shards = split_by_image(OBJECTS, DETECTIONS, 3)
    mark = tmp_path / "died"
    with opened_pool(address) as pool:
        again = match_shards([dying_once(shards[0], mark), *shards[1:]], pool=pool)
    assert mark.exists()
    for ours, theirs in zip(again, match_shards(shards), strict=True):
        assert_same_bits(ours, theirs)


def test_match_shards_on_a_cluster_raises_a_worker_s_error(address: str) -> None:
    whole, *others = split_by_image(OBJECTS, DETECTIONS, 3)
    first = int(others[0].image_ids[0])
    with (
        pytest.raises(ValueError, match=rf"^image {first} is refused at 3$"),
        opened_pool(address) as pool,
    ):
        match_shards([whole, *map(refused, others)], pool=pool)


def test_match_shards_tells_what_kills_every_worker(address: str) -> None:
    shards = [dying_once(shard, None) for shard in split_by_image(OBJECTS, DETECTIONS, 2)]
    with (
        pytest.raises(ChildProcessError, match="Dask gave up a part that killed its workers"),
        opened_pool(address) as pool,
    ):
        match_shards(shards, pool=pool)


def test_evaluate_in_shards_on_a_cluster_of_its_own_equals_one_run() -> None:
    state = evaluate_in_shards(OBJECTS, DETECTIONS, dask="local", workers=2)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_evaluate_in_shards_refuses_workers_for_a_cluster_that_has_its_own() -> None:
    with pytest.raises(ValueError, match=r"^--workers 2 is for this machine; tcp://there:1 has"):
        evaluate_in_shards(OBJECTS, DETECTIONS, dask="tcp://there:1", workers=2)


def test_evaluate_in_shards_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not there
    with pytest.raises(ValueError, match=r"needs distributed: pip install 'refdet\[dask\]'"):
        evaluate_in_shards(OBJECTS, DETECTIONS, dask="local")


def test_opened_pool_refuses_another_version(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "__version__", "0.0.7")
    with (
        pytest.raises(
            ValueError, match=rf"in the Dask cluster at {address} has refdet .*, not 0\.0\.7"
        ),
        opened_pool(address),
    ):
        pass


@pytest.mark.parametrize("who", ["run", "run_on_scheduler"])
def test_opened_pool_tells_who_has_no_refdet(
    who: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = getattr(Client, who)
    monkeypatch.setattr(
        Client, who, lambda self, function, _, **options: ask(self, function, "no-such", **options)
    )
    name = {"run": "tcp://.*", "run_on_scheduler": "the scheduler"}[who]
    with (
        pytest.raises(ValueError, match=f"^{name} in the Dask cluster .* has no refdet installed"),
        opened_pool(address),
    ):
        pass


def test_opened_pool_refuses_a_cluster_without_a_worker() -> None:
    with (
        LocalCluster(
            n_workers=0,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        pytest.raises(ValueError, match=r"^the Dask cluster at tcp://.* has no worker"),
        opened_pool(cluster.scheduler_address),
    ):
        pass


def test_evaluate_in_shards_tells_that_nothing_answers() -> None:
    with (
        config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(OSError, match=r"tcp://127\.0\.0\.1:9"),
    ):
        evaluate_in_shards(OBJECTS, DETECTIONS, dask="tcp://127.0.0.1:9")
