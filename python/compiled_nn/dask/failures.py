"""Errors of tasks of Dask, which name shard, part and worker, and tell what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import distributed
from distributed.protocol.pickle import dumps

from .._version import __version__
from ..common.errors import count


class Blame(NamedTuple):
    """Task that has failed.

    Attributes
    ----------
    key : str
        Its key, which may be that of a held result.
    workers : list of str
        Workers on which it failed.
    """

    key: str
    workers: list[str]


def blame(client: Any, futures: Sequence[Any]) -> Blame | None:
    """Return the first task that has failed among those of futures and what they depend on; None if none has."""
    failed = [future.key for future in futures if future.status == "error"]
    if not failed or client.status != "running":
        return None
    found = client.run_on_scheduler(_blamed, failed)
    return None if found is None else Blame(*found)


def _blamed(keys: list[str], dask_scheduler: Any = None) -> tuple[str, list[str]] | None:
    for key in keys:
        task = dask_scheduler.tasks.get(key)
        if task is not None and task.state == "erred":
            task = task.exception_blame or task
            return task.key, sorted(task.erred_on)
    return None


def explained(
    error: BaseException, labels: Mapping[str, str], blamed: Blame | None, scheduler: str
) -> BaseException:
    """Return an error for the user: another one for failures of Dask, or the error of a task with a note.

    Parameters
    ----------
    error : BaseException
        Error of a task, or of Dask.
    labels : dict of str
        Description of each task by its key.
    blamed : Blame or None
        Task that has failed, if it is known.
    scheduler : str
        Address of the scheduler.
    """
    if isinstance(error, distributed.KilledWorker):
        key, worker = str(error.task), getattr(error.last_worker, "address", error.last_worker)
        return RuntimeError(
            f"{labels.get(key, key)}: {count(error.allowed_failures + 1, 'worker')} ended while this task ran there, at"
            f" last {worker}. Often a part is too large for the memory of a worker; the logs of the workers say why"
            " they ended."
        )
    if isinstance(error, (distributed.client.FutureCancelledError, CancelledError)):
        return ConnectionError(
            f"The connection to the scheduler of Dask at {scheduler} was lost, or the tasks were cancelled there. The"
            " model has the weights of the last complete round. Check the scheduler, then call fit again; with"
            " a checkpoint it continues after the last epoch in the file."
        )
    where = "" if blamed is None or not blamed.workers else f" on worker {', '.join(blamed.workers)}"
    if blamed is not None and isinstance(error, Exception):
        label = labels.get(blamed.key)
        error.add_note(f"{'A task' if label is None else f'The task {label}'} has failed{where}.")
    return error


def not_importable(error: BaseException, worker: str) -> ImportError:
    """Return the error for a worker that cannot import this package."""
    return ImportError(
        f"Worker {worker} cannot import compiled_nn: {error}. Install compiled-nn {__version__}, the version of this"
        " process, on all workers."
    )


def check_version(version: str) -> None:
    """Raise an ImportError, on a worker, if the driver has another version of this package."""
    if version != __version__:
        raise ImportError(
            f"The driver has compiled_nn {version}, but worker {distributed.get_worker().address} has {__version__}."
            " Install the same version of compiled_nn on all workers."
        )


def unsent(error: Exception, tasks: Iterable[tuple[str, Any]]) -> Exception:
    """Return the error for tasks that cannot be sent to workers.

    Parameters
    ----------
    error : Exception
        Error of Dask.
    tasks : iterable of (str, object)
        Description of each task, and its content.
    """
    for label, content in tasks:
        try:
            dumps(content)
        except Exception as reason:
            return TypeError(
                f"{label}: the rows, or the function that loads them, cannot be sent to a worker: {reason}. Pass a"
                " function of a module, or functools.partial of one, whose arguments pickle can store; it opens files"
                " and connections itself."
            )
    return error
