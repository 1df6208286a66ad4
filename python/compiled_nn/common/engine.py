"""Engines: where tasks run, and how their results stay there; one engine for any function like the builtin ``map``."""

from __future__ import annotations

import builtins
import io
import pickle  # nosec B403
import shutil
import tempfile
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, Protocol, TypeAlias

from .errors import count
from .result_cache import RESULTS

Function = Callable[..., Any]
Map: TypeAlias = "Callable[..., Iterable[Any]] | Engine"

CACHE_BYTES = 1 << 30  # bytes of held results that a process keeps, by default
_RELEASED = 32  # tokens of results released last that are sent with each task
_LARGE = 1 << 15  # bytes of a held result's function and arguments above which they travel once, in a file


class Engine(Protocol):
    """Where tasks run.

    A task is a function of a module and a tuple of arguments. Its result depends on nothing else, so that an engine may
    run it anywhere, and again if a worker was lost.

    Attributes
    ----------
    n_workers : int or None
        Number of workers; None if it is not known.

    See Also
    --------
    MapEngine : Engine on a function like the builtin ``map``.
    compiled_nn.dask.DaskEngine : Engine on the workers of Dask.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> import compiled_nn as cnn
    >>> with ThreadPoolExecutor(2) as pool:
    ...     engine = cnn.distributed.MapEngine(pool.map)
    ...     engine.map(divmod, [(7, 2), (9, 4)])
    [(3, 1), (2, 1)]
    """

    @property
    def n_workers(self) -> int | None:
        """Number of workers; None if it is not known."""

    def map(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return the results of ``function(*each)`` for each of `arguments`, in their order.

        Parameters
        ----------
        function : callable
            Function of a module.
        arguments : sequence of tuple
            Arguments of each call. Handles in them, also in nested lists and tuples, become what they stand for.
        ranks : sequence of int, optional
            Rank of the shard of each call: calls of the same rank are best run by the same worker.

        Returns
        -------
        list
            Results. If a call raises an exception, it is raised here.
        """

    def hold(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return handles of the results of ``function(*each)``, which stay on workers.

        The results may be computed at any time before they are used, and again. An exception is raised by the
        :meth:`map` that uses a handle.

        Parameters
        ----------
        function : callable
            Function of a module.
        arguments : sequence of tuple
            Arguments of each call.
        ranks : sequence of int, optional
            Rank of the shard of each call.

        Returns
        -------
        list
            Handles, in the order of `arguments`.
        """

    def release(self, handles: Iterable[Any]) -> None:
        """Forget what the handles stand for; they are not used again.

        Parameters
        ----------
        handles : iterable
            Handles that :meth:`hold` returned.
        """


class MapEngine:
    """Engine on a function like the builtin ``map``, such as the `map` of an executor of `concurrent.futures`.

    A held result is computed by the process that needs it, which keeps it as long as all held results of the process
    have at most `cache_bytes` bytes; those that were used least recently are dropped first, and computed again when
    they are needed.

    Parameters
    ----------
    map : callable, default builtins.map
        Function of a function and a list that returns one result per item, in any order. It may run the calls in
        threads, or in other processes, to which it sends functions of modules and arguments.
    cache_bytes : int, default 2**30
        Number of bytes of held results that each process keeps.
    folder : path, optional
        Folder for data that are sent to several tasks of other processes: they are written there once. Default: a
        temporary folder. Processes on other machines need a folder that all of them share.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> engine = cnn.distributed.MapEngine()
    >>> (numbers,) = engine.hold(range, [(4,)])
    >>> engine.map(sum, [(numbers,)])
    [6]
    """

    def __init__(
        self,
        map: Callable[..., Iterable[Any]] = builtins.map,
        *,
        cache_bytes: int = CACHE_BYTES,
        folder: str | Path | None = None,
    ) -> None:
        self._map, self._cache_bytes = map, cache_bytes
        self._spool = _Spool(folder)
        self._released: deque[str] = deque(maxlen=_RELEASED)

    @property
    def n_workers(self) -> None:
        """Number of workers, which is not known: None."""
        return None

    def map(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return the results of ``function(*each)``; documented in :meth:`Engine.map`."""
        released = tuple(self._released)
        tasks = [(number, function, each, released) for number, each in enumerate(arguments)]
        try:
            results = list(self._map(_call, tasks))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            if "pickle" in str(error):
                error.add_note(
                    "Other processes get functions by their names: a function must be one of a module, or a"
                    " functools.partial of it, and not a lambda or a function within another one."
                )
            raise
        return _in_order(results, len(tasks))

    def hold(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Held]:
        """Return handles of the results of ``function(*each)``; documented in :meth:`Engine.hold`."""
        return [Held(function, each, self._cache_bytes, self._spool) for each in arguments]

    def release(self, handles: Iterable[Held]) -> None:
        """Forget what the handles stand for; other processes drop it when they get their next task."""
        for handle in handles:
            RESULTS.drop(handle.token)
            self._released.append(handle.token)
            handle.discard()


class _Result(NamedTuple):
    """Result of a task with the number of the task, so that an engine may return results in any order."""

    number: int
    value: Any


def _call(task: tuple[int, Function, tuple[Any, ...], tuple[str, ...]]) -> _Result:
    """Run a task, after the results that were released lately are dropped."""
    number, function, arguments, released = task
    for token in released:
        RESULTS.drop(token)
    return _Result(number, function(*_resolved(arguments)))


def _in_order(results: list[Any], n_tasks: int) -> list[Any]:
    """Return the values that a map has returned for its tasks, in the order of the tasks."""
    for result in results:
        if not isinstance(result, _Result):
            raise TypeError(
                f"The function map has returned {type(result).__name__} in place of the result of a task. It must call"
                " its function with each task and return the results, as the builtin map does. If it returns futures,"
                " pass a function that waits for them."
            )
    values = {result.number: result.value for result in results}
    if len(results) != n_tasks or len(values) != n_tasks:
        missing = sorted(set(range(n_tasks)) - set(values))
        raise ValueError(
            f"The function map has returned {count(len(results), 'result')} for {count(n_tasks, 'task')}"
            f"{f', and none for task {missing[0]}' if missing else ''}. It must return one result per task, as the"
            " builtin map does."
        )
    return [values[number] for number in range(n_tasks)]


def _resolved(value: Any) -> Any:
    """Return a value with the results of the handles in nested lists and tuples."""
    if type(value) is Held:
        return value.result()
    if type(value) is tuple:
        return tuple([_resolved(each) for each in value])
    if type(value) is list:
        return [_resolved(each) for each in value]
    return value


class _Spool:
    """Folder of the data that travel to other processes in files; made when it is first needed."""

    def __init__(self, folder: str | Path | None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._lock = threading.Lock()

    def write(self, token: str, content: bytes) -> Path:
        """Return the path of a new file with the content."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="compiled-nn-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = self._folder / f"{token}.pickle"
        path.write_bytes(content)
        return path


class Held:
    """Handle of a result that the process that needs it computes, and keeps for a while.

    Parameters
    ----------
    function : callable
        Function that returns the result.
    arguments : tuple
        Its arguments, which may have handles.
    cache_bytes : int
        Number of bytes of held results that a process keeps.
    spool : _Spool
        Where large arguments are written for other processes.

    Attributes
    ----------
    token : str
        Name of the result in all processes.
    """

    def __init__(
        self, function: Function, arguments: tuple[Any, ...], cache_bytes: int, spool: _Spool
    ) -> None:
        self.token = uuid.uuid4().hex
        self._task: tuple[Function, tuple[Any, ...]] | None = (function, arguments)
        self._cache_bytes = cache_bytes
        self._spool: _Spool | None = spool
        self._content: tuple[Function, tuple[Any, ...]] | None = None  # the task as other processes get it
        self._lock = threading.Lock()

    @classmethod
    def _received(cls, token: str, content: Any, cache_bytes: int) -> Held:
        """Return the handle in another process."""
        held = cls.__new__(cls)
        held.token, held._content, held._cache_bytes = token, content, cache_bytes
        held._task, held._spool, held._lock = None, None, threading.Lock()
        return held

    def result(self) -> Any:
        """Return the result: the one that this process has kept, or a new one."""
        return RESULTS.get(self.token, self._compute, self._cache_bytes)

    def discard(self) -> None:
        """Discard the arguments and their file."""
        with self._lock:
            for each in self._content[1] if self._content is not None else ():
                if isinstance(each, _InFile):
                    each.path.unlink(missing_ok=True)
            self._task = self._content = None

    def _compute(self) -> Any:
        task = self._task or self._content
        if task is None:
            raise RuntimeError("A held result is used after its release.")
        function, arguments = task
        return function(*_resolved(tuple([_opened(each) for each in arguments])))

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            if self._content is None:
                self._content = self._packed()
        return Held._received, (self.token, self._content, self._cache_bytes)

    def _packed(self) -> tuple[Function, tuple[Any, ...]]:
        """Return the task as other processes get it: with its large arguments in files."""
        assert self._spool is not None
        assert self._task is not None
        function, arguments = self._task
        packed = []
        for number, each in enumerate(arguments):
            content = _pickled(each)
            if content is not None and len(content) > _LARGE:
                each = _InFile(self._spool.write(f"{self.token}-{number}", content))
            packed.append(each)
        return function, tuple(packed)


class _InFile(NamedTuple):
    """Argument of a task that is in a file."""

    path: Path


class _Pickler(pickle.Pickler):
    """Pickler without what the main program defines: the main program of a worker is another one.

    The pickler of the engine may store it by value, as those of joblib, Dask, Ray and Spark do.
    """

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            raise pickle.PicklingError(f"{value.__qualname__} is defined by the main program.")
        return NotImplemented


def _pickled(value: Any) -> bytes | None:
    """Return the pickle of an argument; None if only the pickler of the engine may be able to store it."""
    content = io.BytesIO()
    try:
        _Pickler(content, protocol=5).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return content.getvalue()


def _opened(argument: Any) -> Any:
    """Return an argument of a task that another process has sent."""
    if not isinstance(argument, _InFile):
        return argument
    try:
        content = argument.path.read_bytes()
    except OSError as error:
        raise OSError(
            f"A worker cannot read the data that were written for it to {argument.path}: {error.strerror or error}. If"
            " the workers are on other machines, pass folder=, a folder that all of them share, or parts that are"
            " functions, which read the data on the worker."
        ) from error
    # The caller's process has written the content for its own workers.
    return pickle.loads(content)  # nosec B301


def same(value: Any) -> Any:
    """Return the value itself: the task of values that workers hold."""
    return value


def hold_value(engine: Engine, value: Any, ranks: Sequence[int]) -> list[Any]:
    """Return a handle of the same value for each of some ranks."""
    return engine.hold(same, [(value,)] * len(ranks), ranks)


def engine_of(owner: str, given: Any) -> Engine | None:
    """Return the engine for a parameter `map`: None, an engine, or a function like the builtin ``map``.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if given is None:
        return None
    methods = (getattr(given, name, None) for name in ("map", "hold", "release"))
    if not isinstance(given, type) and all(callable(method) for method in methods):
        engine: Engine = given
        return engine
    if callable(given):
        return MapEngine(given)
    raise TypeError(
        f"The 'map' parameter of {owner} must be a function like the builtin map, such as the map of an executor of"
        f" concurrent.futures, or an engine. Got {given!r} instead."
    )
