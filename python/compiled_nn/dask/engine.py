"""Engine on ``dask.distributed``: tasks are pure functions, and results that stay on workers are futures."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import dask
import distributed
from dask.delayed import Delayed
from dask.sizeof import sizeof

from .._version import __version__
from ..common import checks
from . import failures
from .watch import Watch, located

if TYPE_CHECKING:
    from ..common.engine import Function

_SHARED = 1 << 14  # bytes from which an argument of several tasks is one node of the graph ...
_FEWEST = 3  # ... if at least 3 tasks have it: for 2 the way from one worker to the other would cost more
_OWNER = "DaskEngine"
_DIRECT_SECONDS = 3.0  # in which a worker has to answer for results to be fetched from the workers themselves
_HINT_SECONDS = 2.0
# Expression that any worker can compute, also one without this package, which could not even read a task of ours.
_VERSION = f"__import__({__name__.partition('.')[0]!r}).__version__"
_CANCEL_SECONDS = 2.0
# Settings without a warning for large graphs: states and rows of the caller are sent as they are.
UNLIMITED = {"distributed.admin.large-graph-warning-threshold": "1 PiB"}


class DaskEngine:
    """Engine on a client of ``dask.distributed``.

    A task that was lost with its worker is computed again by the scheduler of Dask, from its function and arguments, as
    are results that stay on workers.

    Parameters
    ----------
    client : distributed.Client
        Client of a cluster.
    timeout : float, optional
        Number of seconds that a task may take. The worker that takes longer, or does not answer, is restarted, and the
        task is computed by another one. Default: no limit.
    retries : int, default 0
        Number of times that a task is repeated after it raised an exception, or took longer than `timeout`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.

    Examples
    --------
    >>> from distributed import Client
    >>> from compiled_nn.dask import DaskEngine
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     DaskEngine(client).map(max, [(2, 5), (7, 3)])
    [5, 7]
    """

    def __init__(self, client: distributed.Client, *, timeout: float | None = None, retries: int = 0) -> None:
        if not isinstance(client, distributed.Client):
            raise TypeError(
                f"The 'client' parameter of {_OWNER} must be a distributed.Client. Got {client!r} instead."
            )
        if timeout is not None:
            checks.real(_OWNER, "timeout", timeout, above=0)
        self.client, self.timeout = client, timeout
        self.retries = checks.integer(_OWNER, "retries", retries, minimum=0)
        self._scheduler = client.scheduler.address if client.scheduler is not None else "an unknown address"
        self._held: dict[str, Any] = {}  # futures of held results by their keys
        self._labels: dict[str, str] = {}  # and their descriptions
        self._known: list[str] = []  # addresses of workers
        self._looked = -math.inf  # time of that list
        self._direct: bool | None = client.direct_to_workers
        self._is_probed = False

    @property
    def n_workers(self) -> int:
        """Number of workers that the cluster has now."""
        return len(self.client.nthreads())

    def map(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return the results of ``function(*each)``; documented in :meth:`compiled_nn.distributed.Engine.map`."""
        if not arguments:
            return []
        self._probe()
        futures, labels = self._submitted(function, arguments, ranks)
        gathering = _Gathering(futures, self._direct)
        labels |= self._labels
        cancel = partial(self.client.cancel, futures, force=True)
        watch = Watch(self.client, self.timeout, self.retries, labels, cancel)
        try:
            while not self.client.sync(gathering.wait, watch.interval):
                watch.look(gathering.unfetched())
            return gathering.results(labels)
        except BaseException as error:
            blamed = failures.blame(self.client, futures) if isinstance(error, Exception) else None
            self._cancel(gathering, futures)
            named = failures.explained(error, labels, blamed, self._scheduler)
            if named is error:
                raise
            raise named from error

    def hold(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return futures of ``function(*each)``; documented in :meth:`compiled_nn.distributed.Engine.hold`."""
        if not arguments:
            return []
        self._probe()
        futures, labels = self._submitted(function, arguments, ranks)
        self._labels |= labels
        self._held |= {future.key: future for future in futures}
        return futures

    def release(self, handles: Iterable[Any]) -> None:
        """Release futures, so that the workers drop their results."""
        for future in handles:
            self._held.pop(future.key, None)
            self._labels.pop(future.key, None)
            future.release()

    def close(self) -> None:
        """Release all results that workers hold."""
        self.release(list(self._held.values()))

    # ---- tasks

    def _submitted(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None
    ) -> tuple[list[Any], dict[str, str]]:
        """Return the futures of tasks that are sent in one graph, and a description of each by its key."""
        workers = self._workers()
        nodes = _shared_nodes(arguments)
        name = getattr(function, "__name__", type(function).__name__).strip("_<>") or "task"
        tasks, labels = [], {}
        for i, each in enumerate(arguments):
            rank = None if ranks is None else ranks[i]
            dependencies: list[Any] = []
            template = tuple([_template(value, nodes, dependencies) for value in each])
            settings: dict[str, Any] = {"priority": -i}  # a worker takes its tasks in their order
            if rank is not None and workers:
                settings |= {"workers": [workers[rank % len(workers)]], "allow_other_workers": True}
            key = f"{name}-{uuid.uuid4().hex}"
            labels[key] = _label(function, each, rank)
            with dask.annotate(**settings):
                tasks.append(_run(_Call(function, template), *dependencies, dask_key_name=key))
        with dask.config.set(UNLIMITED):
            try:
                futures = self.client.compute(tasks, optimize_graph=False, retries=self.retries)
            except Exception as error:
                contents = [(function, *each) for each in arguments]
                raise failures.unsent(error, zip(labels.values(), contents, strict=True)) from error
        return futures, labels

    def _workers(self) -> list[str]:
        """Return the addresses of the workers as they were a moment ago: a request costs time, and hints may be old."""
        now = time.monotonic()
        if now - self._looked > _HINT_SECONDS:
            self._known, self._looked = sorted(self.client.nthreads()), now
        return self._known

    def _probe(self) -> None:
        """Check, once, the version of this package on the workers, and whether they can be reached directly."""
        if self._is_probed:
            return
        self._is_probed = True
        workers = sorted(self.client.nthreads())
        futures = [self.client.submit(eval, _VERSION, workers=[each], pure=False) for each in workers]
        gathering = _Gathering(futures, True)
        reached = self.client.sync(gathering.wait, _DIRECT_SECONDS)
        if self._direct is None:
            self._direct = reached
        try:
            for worker, future in zip(workers, futures, strict=True):
                if future.status == "error":
                    raise failures.not_importable(future.exception(), worker)
        finally:
            self._cancel(gathering, futures)

    def _cancel(self, gathering: _Gathering, futures: Sequence[Any]) -> None:
        """Cancel the tasks that are not done, if the connection to the scheduler was not lost."""
        if self.client.status == "running":
            self.client.cancel(futures, force=True)
            self.client.sync(gathering.stop)


class _Gathering:
    """Results of futures, each of which is fetched when it is done.

    Parameters
    ----------
    futures : sequence of Future
        Futures.
    direct : bool or None
        Whether results come from the workers themselves, and not by way of the scheduler; None: the rule of the client.
    """

    def __init__(self, futures: Sequence[Any], direct: bool | None) -> None:
        self._futures, self._direct = futures, direct
        self._fetching: list[asyncio.Future[Any]] | None = None

    async def wait(self, seconds: float | None) -> bool:
        """Wait for all results, an error, or for some seconds; return whether there is nothing more to wait for."""
        if self._fetching is None:
            self._fetching = [
                asyncio.ensure_future(future.client.gather(future, direct=self._direct, asynchronous=True))
                for future in self._futures
            ]
            for one in self._fetching:
                one.add_done_callback(_retrieve)
        done, pending = await asyncio.wait(
            self._fetching, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
        )
        return not pending or any(one.exception() is not None for one in done)

    def unfetched(self) -> list[str]:
        """Return the keys of the results that have not arrived."""
        fetching = self._fetching or ()
        return [future.key for future, one in zip(self._futures, fetching, strict=False) if not one.done()]

    def results(self, labels: Mapping[str, str]) -> list[Any]:
        """Return the results in the order of the futures; raise the first of the errors that have arrived."""
        fetching = self._fetching or ()
        for future, one in zip(self._futures, fetching, strict=False):
            if one.done() and (error := one.exception()) is not None:
                raise located(error, labels[future.key])
        return [one.result() for one in fetching]

    async def stop(self) -> None:
        """End fetching: of cancelled futures it ends by itself, unless a worker hangs that has a result."""
        if self._fetching:
            _, pending = await asyncio.wait(self._fetching, timeout=_CANCEL_SECONDS)
            for one in pending:
                one.cancel()
            await asyncio.gather(*self._fetching, return_exceptions=True)


def _retrieve(one: asyncio.Future[Any]) -> None:
    """Retrieve the error of a result, which asyncio would log if it is not that of the first one."""
    if not one.cancelled():
        one.exception()


class _Slot(NamedTuple):
    """Place of a dependency of a task in its arguments."""

    number: int


class _Node:
    """Value in a graph, whose content is not searched for tasks."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Call:
    """Function and arguments of a task, with slots for its dependencies."""

    def __init__(self, function: Function, template: tuple[Any, ...]) -> None:
        self.function, self.template, self.version = function, template, __version__

    def __call__(self, dependencies: Sequence[Any]) -> Any:
        """Return the result of the function."""
        failures.check_version(self.version)
        return self.function(*_filled(self.template, dependencies))


def _call(call: _Call, *dependencies: Any) -> Any:
    """Run a task on a worker."""
    return call([each.value if type(each) is _Node else each for each in dependencies])


_run = dask.delayed(_call, pure=False)


def _shared_nodes(arguments: Sequence[tuple[Any, ...]]) -> dict[int, Any]:
    """Return nodes for large arguments that several tasks have, such as the state of a network, by their id."""
    counts = Counter(id(value) for each in arguments for value in each)
    nodes: dict[int, Any] = {}
    for each in arguments:
        for value in each:
            if counts[id(value)] >= _FEWEST and id(value) not in nodes and sizeof(value) >= _SHARED:
                nodes[id(value)] = dask.delayed(
                    _Node(value), name=f"shared-{uuid.uuid4().hex}", traverse=False
                )
    return nodes


def _template(value: Any, nodes: dict[int, Any], dependencies: list[Any]) -> Any:
    """Return a value with slots in place of shared values and handles, which are appended to `dependencies`."""
    if id(value) in nodes or isinstance(value, (Delayed, distributed.Future)):
        dependencies.append(nodes.get(id(value), value))
        return _Slot(len(dependencies) - 1)
    if type(value) in (list, tuple):
        found = [_template(each, nodes, dependencies) for each in value]
        return found if type(value) is list else tuple(found)
    return value


def _filled(value: Any, dependencies: Sequence[Any]) -> Any:
    if type(value) is _Slot:
        return dependencies[value.number]
    if type(value) in (list, tuple):
        found = [_filled(each, dependencies) for each in value]
        return found if type(value) is list else tuple(found)
    return value


def _label(function: Function, arguments: tuple[Any, ...], rank: int | None) -> str:
    """Return a description of a task for errors: its shard, and its part if the function has the number of one."""
    name = getattr(function, "__name__", "task")
    place = [] if rank is None else [f"shard {rank}"]
    names = _parameters(function)[: len(arguments)]
    if "number" in names:
        place.append(f"part {arguments[names.index('number')]}")
    return f"{', '.join(place)} ({name})" if place else name


def _parameters(function: Function) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount]
