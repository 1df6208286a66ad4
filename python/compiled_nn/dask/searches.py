"""Search of hyper-parameters whose candidates are divided over the workers of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import dask
import distributed

from ..common import checks
from ..tuning.searching import search as search_here
from .clients import client_of
from .engine import UNLIMITED, DaskEngine
from .parts import named_y

Driver: TypeAlias = Literal["client", "worker"]
DRIVERS: tuple[Driver, ...] = ("client", "worker")
_ROWS = (
    "sample_weight",
    "validation",
    "validation_groups",
    "validation_data",
)  # options that may be collections


def search(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    space: Mapping[str, Any],
    client: distributed.Client | None = None,
    driver: Driver = "client",
    timeout: float | None = None,
    retries: int = 0,
    **options: Any,
) -> Any:
    """Search hyper-parameters on the workers of a Dask cluster, and return the fitted model of the best candidate.

    It is :func:`compiled_nn.search` with the same result, bit for bit, for any number of workers. The candidates are
    divided over the workers, which train them in tasks of one thread. At each rung of successive halving, the driver
    compares the candidates of all workers, drops the worse half of them, and divides the others again. A task gets the
    states of its candidates and returns them, so that the scheduler of Dask can compute it again where a worker was
    lost. The best candidate is then trained again on all rows by one worker.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, Network, or callable
        Model whose parameters are searched, as for :func:`compiled_nn.search`. A function is called by the client.
    X, y : array-like, Dask array, Dask data frame or future
        Rows and targets. They are computed, if they are lazy, and read by the driver, and each worker receives them
        once; they must fit into the memory of each. `y` can be the name of a column of a Dask data frame `X`.
    space : dict
        For each parameter a list of values, or a distribution.
    client : distributed.Client, optional
        Client of the cluster. Default: the current one.
    driver : {"client", "worker"}, default "client"
        Process that reads X and y, divides the candidates and compares them. "worker": a task on one of the workers, so
        that collections and futures do not pass through the client, and the search is done again if that worker is
        lost. Lines and warnings are then printed there, and callbacks are called there.
    timeout : float, optional
        Number of seconds that a task may take, as for :class:`DaskEngine`. A task trains its candidates up to the next
        rung.
    retries : int, default 0
        Number of times that a task that has raised an exception is repeated.
    **options : Any
        Other parameters of :func:`compiled_nn.search`, such as `n_candidates`, `monitor` and `random_state`.

    Returns
    -------
    model : estimator, Network or Ensemble
        Fitted model, which needs no cluster, with ``best_params_``, ``best_score_`` and ``results_``.

    Raises
    ------
    TypeError, ValueError, DivergenceError, TimeoutError
        As :func:`compiled_nn.search`; ValueError also if there is no client.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.dask import search
    >>> from distributed import Client
    >>> data = cnn.datasets.load_digits()
    >>> model = cnn.MLPClassifier(standardize=True, max_iter=4)
    >>> space = {"learning_rate_init": [0.001, 0.01], "alpha": [0.0, 0.1]}
    >>> with Client(processes=False, n_workers=2, dashboard_address=":0"):
    ...     best = search(model, data.X_train, data.y_train, space=space, random_state=0)
    >>> best.best_params_["learning_rate_init"]
    0.01
    """
    if "map" in options:
        raise TypeError(
            "search() of compiled_nn.dask has no parameter 'map'; the tasks run on the cluster of `client`."
        )
    checks.choice("search", "driver", driver, DRIVERS)
    with client_of("search", client) as found:
        engine = DaskEngine(found, timeout=timeout, retries=retries)
        if dask.is_dask_collection(X):
            X, y = named_y(X, y)
        names = [name for name in _ROWS if name in options]
        lazy = [_computed(found, value) for value in (X, y, *(options[name] for name in names))]
        if driver == "worker":
            own = {"estimator": estimator, "space": space, "timeout": timeout, "retries": retries}
            rows = dict(zip(("X", "y", *names), lazy, strict=True))
            return _searched_on_a_worker(found, options | own | rows)
        X, y, *others = found.gather(lazy)
        rows = dict(zip(names, others, strict=True))
        return search_here(estimator, X, y, space=space, **options | rows, map=engine)


def _searched_on_a_worker(client: distributed.Client, arguments: dict[str, Any]) -> Any:
    """Return the result of a search whose driver is a task; its thread is free for other tasks meanwhile."""
    with dask.config.set(UNLIMITED):
        future = client.submit(search, **arguments, pure=False)
    try:
        return future.result()
    finally:
        future.cancel()  # also after Ctrl-C


def _computed(client: distributed.Client, value: Any) -> Any:
    """Return the future of a collection, also in a tuple; any other value as it is."""
    if isinstance(value, tuple):
        return tuple([_computed(client, each) for each in value])
    return client.compute(value) if dask.is_dask_collection(value) else value
