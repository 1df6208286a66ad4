"""Client of a fit or a search: the one that was passed, that of the worker on which fit runs, or the default client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import distributed

_START = (
    "Start workers of this machine with `from distributed import Client; client = Client()`, or connect to a scheduler"
    ' with `Client("tcp://ADDRESS:8786")`: it becomes the default client. Or pass client=.'
)


@contextmanager
def client_of(owner: str, client: Any) -> Iterator[Any]:
    """Yield the client of a call of fit or search.

    Parameters
    ----------
    owner : str
        Name of the class or function, for messages.
    client : distributed.Client or None
        Client; None for the default one. In a task of a worker, that of the worker, which takes up other tasks in the
        meantime.

    Raises
    ------
    TypeError, ValueError
        If it is not a client, if it is closed, or if there is none.
    """
    if client is not None and not isinstance(client, distributed.Client):
        raise TypeError(
            f"The 'client' parameter of {owner} must be a distributed.Client or None. Got {client!r} instead."
        )
    if client is None and _runs_in_a_task():
        with distributed.worker_client() as found:
            yield found
        return
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError as error:
            raise ValueError(
                f"{owner} has no client of Dask, and there is no default one. {_START}"
            ) from error
    if client.status != "running":
        raise ValueError(f"The client of {owner} is {client.status}. {_START}")
    yield client


def _runs_in_a_task() -> bool:
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
