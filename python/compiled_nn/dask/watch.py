"""Time limit of tasks: a worker that does not end one, or does not answer, is restarted; errors that name the part."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import distributed

from ..common.errors import count

_SILENT = 5.0  # seconds without a sign of life after which a worker counts as one that does not answer
_RESTART_SECONDS = 60.0
_LONGEST_INTERVAL = 1.0
_INTERVAL = 2.0  # without a limit


class _Place(NamedTuple):
    """Place of a task that is not done.

    Attributes
    ----------
    key : str
        Task that somebody waits for.
    worker : str
        Address of the worker that has it, or has a task or a result on which it depends.
    """

    key: str
    worker: str


class Watch:
    """Time limit of tasks.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    timeout : float or None
        Number of seconds that a task may take; None: no limit.
    retries : int
        Number of times that a task may take longer.
    labels : dict of str
        Description of each task by its key, for errors.
    cancel : callable
        Function that cancels all tasks. It is called before the restart that comes with an error, because another
        worker would begin with a task that is still wanted.
    """

    def __init__(
        self,
        client: Any,
        timeout: float | None,
        retries: int,
        labels: Mapping[str, str],
        cancel: Callable[[], None],
    ) -> None:
        self._client, self._timeout, self._retries = client, timeout, retries
        self._labels, self._cancel = labels, cancel
        self._since: dict[_Place, float] = {}
        self._progress: dict[str, float] = {}
        self._late: dict[str, int] = {}  # how often each task was late
        self._alone: float | None = None  # since when there is no worker

    @property
    def interval(self) -> float:
        """Number of seconds between two looks."""
        return _INTERVAL if self._timeout is None else min(self._timeout / 4, _LONGEST_INTERVAL)

    def look(self, waiting: Collection[str]) -> None:
        """Assign tasks whose workers have left, and restart the workers that hold up tasks.

        Parameters
        ----------
        waiting : collection of str
            Keys of the tasks whose results have not arrived.

        Raises
        ------
        TimeoutError
            If a task was late more than `retries` times, or there is no worker.
        """
        if self._client.status != "running":
            return
        self._client.run_on_scheduler(_assign)
        if self._timeout is None:
            return
        running, fetched, silence = self._client.run_on_scheduler(_places, list(waiting))
        now = time.monotonic()
        self._check_workers(silence, now)
        places = {_Place(*place) for place in (*running, *fetched)}
        for place in self._since.keys() - places:
            self._progress[place.worker] = now
            del self._since[place]
        for place in places:
            self._since.setdefault(place, now)
        late = [place for place in places if now - self._start(place) > self._timeout]
        if not late:
            return
        silent = {worker for worker, seconds in silence.items() if seconds > _SILENT}
        workers = silent or {place.worker for place in late}
        keys = sorted({place.key for place in late})
        for key in keys:
            self._late[key] = self._late.get(key, 0) + 1
        worst = max(keys, key=lambda key: self._late[key])
        is_last = self._late[worst] > self._retries
        if is_last:
            self._cancel()
        self._restart(sorted(workers))
        self._since.clear()
        if is_last:
            raise TimeoutError(
                f"{self._labels.get(worst, worst)}: the task did not end within {self._timeout:g} s,"
                f" {count(self._late[worst], 'time')}, at last on worker {', '.join(sorted(workers))}, which was"
                " restarted. Pass a longer timeout, more retries, or smaller parts."
            )

    def _start(self, place: _Place) -> float:
        """Return the time from which a task counts: before, the worker was busy with others of ours."""
        return max(self._since[place], self._progress.get(place.worker, 0.0))

    def _check_workers(self, workers: Collection[str], now: float) -> None:
        if workers:
            self._alone = None
        elif self._alone is None:
            self._alone = now
        elif self._timeout is not None and now - self._alone > self._timeout:
            raise TimeoutError(
                f"The cluster has had no worker for {self._timeout:g} s. Start workers, or pass a longer timeout."
            )

    def _restart(self, workers: list[str]) -> None:
        try:
            self._client.restart_workers(workers, timeout=_RESTART_SECONDS, raise_for_error=False)
        except ValueError:  # a worker without a nanny, or one that has left
            self._client.run_on_scheduler(_remove, workers)


def _places(
    keys: list[str], dask_scheduler: Any = None
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], dict[str, float]]:
    """Return, on the scheduler, the places of tasks: running, and done but not fetched; and the silence of workers."""
    running, done = [], []
    for key in keys:
        task = dask_scheduler.tasks.get(key)
        if task is not None and task.state == "memory":
            done += [(key, worker.address) for worker in task.who_has]
        pending, seen = [task] if task is not None else [], set()
        while pending:
            one = pending.pop()
            if one in seen or one.state == "memory":
                continue
            seen.add(one)
            if one.state == "processing" and one.processing_on is not None:
                running.append((key, one.processing_on.address))
            pending += one.dependencies
    now = time.time()
    silence = {
        address: max(0.0, now - worker.last_seen) for address, worker in dask_scheduler.workers.items()
    }
    return running, done, silence


def _assign(dask_scheduler: Any = None) -> None:
    """Assign, on the scheduler, tasks that may run on any worker to those that have joined since the last one left.

    Without it they wait for ever for the worker of their hint: a worker that joins only gets tasks that name it.
    """
    keys = [task.key for task in dask_scheduler.unrunnable if task.loose_restrictions]
    if keys and dask_scheduler.running:
        dask_scheduler.transitions(dict.fromkeys(keys, "processing"), f"compiled-nn-{time.time()}")


async def _remove(workers: list[str], dask_scheduler: Any = None) -> None:
    """Remove workers, on the scheduler, which computes their tasks elsewhere."""
    for address in workers:
        if address in dask_scheduler.workers:
            await dask_scheduler.remove_worker(address, stimulus_id=f"compiled-nn-{time.time()}", close=True)


def located(error: BaseException, label: str) -> BaseException:
    """Return the error of a task, with a note of its shard and its part if the error itself does not name a part."""
    notes: list[str] = getattr(error, "__notes__", [])
    if not isinstance(error, distributed.KilledWorker) and not any(
        "art " in text for text in (str(error), *notes)
    ):
        error.add_note(f"This is an error of a task: {label}, counted from 0.")
    return error
