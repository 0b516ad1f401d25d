"""Who does the work: this process alone, several of this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, TypeVar

from refdet import __version__

if TYPE_CHECKING:  # an extra
    from distributed import Client

S = TypeVar("S")
T = TypeVar("T")

LOCAL = "local"
"""In the place of a cluster's address: a Dask cluster on this machine, for as long as it takes."""


@dataclass(frozen=True)
class Pool:
    """Processes that take tasks from a list.

    Attributes:
        size: how many tasks are done at a time.
        executor: hands the tasks out; None: they are done here, one after the other.
        progress: whether to draw a bar, where there is a terminal.
    """

    size: int = 1
    executor: Executor | None = None
    progress: bool = False

    def map(self, function: Callable[[S], T], tasks: Sequence[S], doing: str) -> list[T]:
        """What `function` makes of each task, in the order of the tasks.

        Function, tasks and results travel by pickle. An error of a task is raised here as it was
        raised there: of several, that of the first task.

        Args:
            function: found by its name in a module that can be imported everywhere.
            tasks: its argument, each.
            doing: a word for the bar.
        """
        if self.executor is None or len(tasks) == 1:
            return [function(task) for task in self._bar(tasks, doing)]
        futures = [self.executor.submit(function, task) for task in tasks]
        try:
            return [future.result() for future in self._bar(futures, doing)]
        finally:
            for future in futures:
                future.cancel()

    def _bar(self, items: Sequence[S], doing: str) -> Iterable[S]:
        if not self.progress or len(items) == 1:
            return items
        from tqdm import tqdm  # noqa: PLC0415 - who works alone does not wait for it

        return tqdm(items, desc=doing, unit="part", disable=None)


ALONE = Pool()
"""This process."""


@contextmanager
def opened_pool(
    dask: str | None = None, workers: int = 1, *, progress: bool = False
) -> Iterator[Pool]:
    """The processes that the options ask for; those that this starts are stopped at the end.

    New processes import the program's main file: a script that calls this needs
    `if __name__ == "__main__":`.

    Args:
        dask: address of a Dask scheduler, such as "tcp://10.0.0.5:8786", or "local" for a cluster
            on this machine. Scheduler and workers need the same version of refdet, and nothing
            else: objects and detections are sent to them. A task whose worker dies is given to
            another.
        workers: processes on this machine, with Dask or without; a scheduler that is already there
            has its own.
        progress: whether to draw a bar, where there is a terminal.

    Raises:
        ValueError: no worker, workers for a cluster that has its own, Dask is not installed, or
            the cluster has no refdet or another.
        OSError: nothing answers at the address.
        ChildProcessError: from within the block: a process died at its work.
    """
    if workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}")
    if dask is not None and dask != LOCAL and workers > 1:
        raise ValueError(f"--workers {workers} is for this machine; {dask} has workers of its own")
    if dask is not None:
        with _opened_dask(dask, workers, progress) as pool:
            yield pool
    elif workers == 1:
        yield Pool(progress=progress)
    else:
        with _opened_processes(workers, progress) as pool:
            yield pool


@contextmanager
def _opened_processes(workers: int, progress: bool) -> Iterator[Pool]:
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - likewise
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415 - likewise
    from multiprocessing import get_context  # noqa: PLC0415 - likewise

    # A fork of a process with threads, such as torch's, can stand still for ever.
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        try:
            yield Pool(workers, executor, progress)
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "a worker process died at its work, perhaps for want of memory: fewer --workers "
                "need less"
            ) from error


@contextmanager
def _opened_dask(address: str, workers: int, progress: bool) -> Iterator[Pool]:
    try:
        from distributed import Client, KilledWorker, LocalCluster  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--dask needs {error.name}: pip install 'refdet[dask]' brings it"
        ) from error
    if address == LOCAL:
        # Nobody but this machine is listened to, and no dashboard is served.
        here = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        )
        with here, _opened_dask(here.scheduler_address, 1, progress) as pool:
            yield pool
        return
    with Client(address, set_as_default=False) as client:
        _require_refdet(client, address)
        size = sum(client.nthreads().values())
        try:
            # The data are part of the tasks, so that they are still there if a worker is not.
            yield Pool(size, client.get_executor(pure=False), progress)
        except KilledWorker as error:
            raise ChildProcessError(
                f"Dask gave up a part that killed its workers: {error}"
            ) from error
        except CancelledError as error:
            raise ChildProcessError(f"the Dask scheduler at {address} went away") from error


def _require_refdet(client: Client, address: str) -> None:
    """Raise ValueError if somebody in the cluster has no refdet, or another one.

    A worker that cannot make sense of a task ends, and Dask waits for the next without a word.
    """
    found = client.run(version, "refdet", on_error="return")
    if not found:
        raise ValueError(f"the Dask cluster at {address} has no worker")
    try:
        found["the scheduler"] = client.run_on_scheduler(version, "refdet")
    except PackageNotFoundError as error:
        found["the scheduler"] = error
    for who, theirs in found.items():
        if isinstance(theirs, PackageNotFoundError):
            raise ValueError(f"{who} in the Dask cluster at {address} has no refdet installed")
        if theirs != __version__:
            raise ValueError(
                f"{who} in the Dask cluster at {address} has refdet {theirs}, not {__version__}"
            )
